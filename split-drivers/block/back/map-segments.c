/*
 * Map segments: the grants of many requests are pinned in one hypercall (and released in one).  No
 * virtual address is needed: the disk reads and writes the guest's pages itself, by machine
 * address.  What the disk cannot reach the hypervisor copies, by reference.
 */
#include "split-drivers/block/back/vbd.h"
#include "pv-kernel/frames.h"
#include "pv-kernel/grant-copies.h"
#include <errno.h>
#include <string.h>

/* Used between two sleeps only. */
static struct grant_frame batch[GRANT_MAPS_BATCH];
_Static_assert(VBD_SEGMENTS_MAX <= GRANT_MAPS_BATCH, "a request fits");

/* The frames of as many requests as fit one hypercall; *end is the first that does not. */
static size_t batch_fill(struct vbd_request *list, struct vbd_request **end)
{
    size_t n = 0;

    for (; list && n + list->segment_count <= GRANT_MAPS_BATCH; list = list->next) {
        list->frame_count = list->segment_count;
        memcpy(batch + n, list->frames, list->frame_count * sizeof(*batch));
        n += list->frame_count;
    }
    *end = list;
    return n;
}

/* The outcome of one request's frames, copied out of the batch; false if any was refused. */
static bool batch_take(struct vbd_request *request, size_t at)
{
    bool good = true;

    memcpy(request->frames, batch + at, request->frame_count * sizeof(*batch));
    for (unsigned int i = 0; i < request->frame_count; i++) {
        good &= !request->frames[i].error;
        request->segments[i].machine += request->frames[i].machine;
    }
    return good;
}

struct vbd_request *map_segments(struct vbd_queue *queue, struct vbd_request *list)
{
    struct vbd_request *first = NULL, **last = &first, *next, *end;

    (void)queue;
    while (list) {
        size_t n = batch_fill(list, &end), at = 0;

        if (n)
            grant_frames_acquire(batch, n);
        for (; list != end; list = next) {
            bool good = batch_take(list, at);

            next = list->next;
            list->next = NULL;
            at += list->frame_count;
            if (!good) {
                complete_add(list, BLKIF_RSP_ERROR);
                continue;
            }
            *last = list;
            last = &list->next;
        }
    }
    return first;
}

void unmap_segments(struct vbd_request *list)
{
    while (list) {
        size_t n = 0;

        for (; list && n + list->frame_count <= GRANT_MAPS_BATCH; list = list->next) {
            memcpy(batch + n, list->frames, list->frame_count * sizeof(*batch));
            n += list->frame_count;
        }
        if (n)
            grant_frames_release(batch, n);
    }
}

static void end_set(struct gnttab_copy_ptr *end, const struct grant_frame *frame, uint64_t offset)
{
    end->domid = frame->domid;
    end->u.ref = frame->ref;
    end->offset = (uint16_t)offset;
}

static void own_end_set(struct gnttab_copy_ptr *end, char *va)
{
    end->domid = DOMID_SELF;
    end->u.gmfn = frames_virt_to_mfn(va);
    end->offset = (uint16_t)((uintptr_t)va % PAGE_SIZE);
}

#define COPIES_MAX (PAGE_SIZE / BLOCK_SECTOR_SIZE) /* pieces of a page */

int copy_segments(struct block_request *block, uint64_t offset, void *buffer, size_t bytes,
                  bool to_buffer)
{
    struct vbd_request *request = block->owner;
    struct gnttab_copy orders[COPIES_MAX];
    unsigned int n = 0, i = 0;
    char *at = buffer;

    for (; i < request->segment_count && offset >= request->segments[i].bytes; i++)
        offset -= request->segments[i].bytes;
    for (; bytes; i++, offset = 0) {
        uint64_t piece, start;

        if (i == request->segment_count || n == COPIES_MAX)
            return -EIO;
        piece = request->segments[i].bytes - offset;
        piece = piece < bytes ? piece : bytes;
        start = (request->segments[i].machine + offset) % PAGE_SIZE;
        orders[n] =
            (struct gnttab_copy){ .flags = to_buffer ? GNTCOPY_source_gref : GNTCOPY_dest_gref,
                                  .len = (uint16_t)piece };
        end_set(to_buffer ? &orders[n].source : &orders[n].dest, &request->frames[i], start);
        own_end_set(to_buffer ? &orders[n].dest : &orders[n].source, at);
        n++;
        at += piece;
        bytes -= piece;
    }
    grant_copies_run(orders, n);
    for (i = 0; i < n; i++)
        if (orders[i].status != GNTST_okay)
            return -EIO;
    return 0;
}
