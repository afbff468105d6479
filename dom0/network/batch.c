/*
 * The batch.  See batch.h.
 */
#include "network/batch.h"
#include "pv-kernel/frames.h"
#include "pv-kernel/grant-copies.h"
#include <errno.h>
#include <string.h>

#define COPIES_MAX  512u
#define SCRATCH_MAX 64u

static struct gnttab_copy copies[COPIES_MAX];
static int *copy_errors[COPIES_MAX];
static unsigned int copy_count;
static uint64_t copies_before; /* those of copies[] */
static uint8_t scratch[SCRATCH_MAX][BATCH_SCRATCH_BYTES] __attribute__((aligned(256)));
_Static_assert(PAGE_SIZE % BATCH_SCRATCH_BYTES == 0, "none crosses a page");
static unsigned int scratch_used;
static struct batch_end *ends_first, **ends_last = &ends_first;

void batch_copy_now(void)
{
    unsigned int n = copy_count;

    copy_count = 0;
    copies_before += n;
    grant_copies_run(copies, n);
    for (unsigned int i = 0; i < n; i++)
        if (copies[i].status != GNTST_okay)
            *copy_errors[i] = -EIO;
}

uint64_t batch_copies(void)
{
    return copies_before + copy_count;
}

static struct gnttab_copy *copy_add(uint32_t bytes, int *error)
{
    struct gnttab_copy *copy;

    if (copy_count == COPIES_MAX)
        batch_copy_now();
    copy = &copies[copy_count];
    copy_errors[copy_count++] = error;
    copy->len = (uint16_t)bytes;
    copy->flags = 0;
    return copy;
}

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static uint32_t offset_in_page(const void *va)
{
    return (uint32_t)((uintptr_t)va & (PAGE_SIZE - 1));
}

/* The piece that byte `*at` of the packet lies in; *at becomes the byte's place in it. */
static const struct packet_piece *piece_find(const struct packet *packet, uint32_t *at)
{
    const struct packet_piece *piece = packet->pieces;

    while (*at >= piece->length)
        *at -= (piece++)->length;
    return piece;
}

static void end_own(struct gnttab_copy_ptr *end, const void *va)
{
    end->u.gmfn = frames_virt_to_mfn(va);
    end->domid = DOMID_SELF;
    end->offset = (uint16_t)offset_in_page(va);
}

static void end_granted(struct gnttab_copy_ptr *end, domid_t domid, grant_ref_t ref,
                        uint32_t offset)
{
    end->u.gmfn = 0; /* the wider member */
    end->u.ref = ref;
    end->domid = domid;
    end->offset = (uint16_t)offset;
}

static void granted_to_local(uint8_t *to, const struct packet_piece *piece, uint32_t skip,
                             uint32_t bytes, int *error)
{
    while (bytes) {
        uint32_t part = least(bytes, (uint32_t)PAGE_SIZE - offset_in_page(to));
        struct gnttab_copy *copy = copy_add(part, error);

        end_granted(&copy->source, piece->domid, piece->ref, piece->offset + skip);
        end_own(&copy->dest, to);
        copy->flags = GNTCOPY_source_gref;
        to += part;
        skip += part;
        bytes -= part;
    }
}

void batch_copy_to_local(void *to, const struct packet *packet, uint32_t from, uint32_t bytes,
                         int *error)
{
    const struct packet_piece *piece = piece_find(packet, &from);
    uint8_t *at = to;

    for (; bytes; piece++, from = 0) {
        uint32_t part = least(bytes, piece->length - from);

        if (piece->local)
            memcpy(at, (const uint8_t *)piece->local + from, part);
        else
            granted_to_local(at, piece, from, part, error);
        at += part;
        bytes -= part;
    }
}

void batch_copy_to_grant(domid_t domid, grant_ref_t ref, uint32_t offset,
                         const struct packet *packet, uint32_t from, uint32_t bytes, int *error)
{
    const struct packet_piece *piece = piece_find(packet, &from);

    for (; bytes; piece++, from = 0) {
        uint32_t part = least(bytes, piece->length - from);
        struct gnttab_copy *copy = copy_add(part, error);

        if (piece->local)
            end_own(&copy->source, (const uint8_t *)piece->local + from);
        else
            end_granted(&copy->source, piece->domid, piece->ref, piece->offset + from);
        end_granted(&copy->dest, domid, ref, offset);
        copy->flags = piece->local ? GNTCOPY_dest_gref : GNTCOPY_dest_gref | GNTCOPY_source_gref;
        offset += part;
        bytes -= part;
    }
}

void batch_scratch_reserve(unsigned int wanted)
{
    if (SCRATCH_MAX - scratch_used >= wanted)
        return;
    batch_copy_now();
    scratch_used = 0;
}

void *batch_scratch(void)
{
    return scratch_used < SCRATCH_MAX ? scratch[scratch_used++] : NULL;
}

void batch_at_end(struct batch_end *end)
{
    if (end->listed)
        return;
    end->listed = true;
    end->next = NULL;
    *ends_last = end;
    ends_last = &end->next;
}

void batch_forget(struct batch_end *end)
{
    struct batch_end **at = &ends_first;

    if (!end->listed)
        return;
    while (*at != end)
        at = &(*at)->next;
    *at = end->next;
    if (!*at)
        ends_last = at;
    end->listed = false;
}

void batch_end(void)
{
    do {
        struct batch_end *list;

        batch_copy_now();
        list = ends_first;
        ends_first = NULL;
        ends_last = &ends_first;
        while (list) {
            struct batch_end *end = list;

            list = end->next;
            end->listed = false;
            if (copy_count) /* an earlier one's, for this one's guest perhaps */
                batch_copy_now();
            end->end(end);
        }
    } while (ends_first || copy_count);
    scratch_used = 0;
}
