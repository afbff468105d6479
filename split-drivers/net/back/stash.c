/*
 * The stash: packets for a guest that has given no pages for them.  It is bounded for each queue
 * and, beyond a small part that each has, for all together, and by what dom0 has to spare; and
 * nothing stays for long: a guest that never comes back costs nothing.
 */
#include "split-drivers/net/back/vif.h"
#include "libc/libc.h"
#include "pv-kernel/clock.h"
#include "pv-kernel/frames.h"
#include <stdlib.h>

#define QUEUE_PAGES_MAX 128u
#define QUEUE_PAGES_OWN 16u /* whatever the others have */
#define ALL_PAGES_MAX   2048u
#define KEPT_NS         10000000000ULL

struct stash_packet {
    struct stash_packet *next;
    uint64_t since; /* by clock_monotonic_ns */
    uint32_t bytes;
    struct packet_offload offload;
    int error; /* of the copies into it */
    void *pages[PACKET_PIECES_MAX];
};

static unsigned int all_pages;

static unsigned int pages_of(uint32_t bytes)
{
    return (unsigned int)((bytes + PAGE_SIZE - 1) / PAGE_SIZE);
}

static void packet_release(struct stash_packet *kept)
{
    for (unsigned int i = 0; i < pages_of(kept->bytes); i++)
        frames_free(kept->pages[i], 0);
    free(kept);
}

static struct stash_packet *packet_make(uint32_t bytes)
{
    struct stash_packet *kept = calloc(1, sizeof(*kept));

    if (!kept)
        return NULL;
    kept->bytes = bytes;
    for (unsigned int i = 0; i < pages_of(bytes); i++) {
        kept->pages[i] = frames_alloc(0);
        if (!kept->pages[i]) {
            packet_release(kept);
            return NULL;
        }
    }
    return kept;
}

bool stash_put(struct vif_queue *queue, const struct packet *packet)
{
    unsigned int pages = pages_of(packet->bytes);
    struct stash_packet *kept;

    if (queue->stash_pages + pages > QUEUE_PAGES_MAX ||
        (queue->stash_pages + pages > QUEUE_PAGES_OWN && all_pages + pages > ALL_PAGES_MAX) ||
        !libc_memory_allows(packet->bytes))
        return false;
    kept = packet_make(packet->bytes);
    if (!kept)
        return false;
    kept->since = clock_monotonic_ns();
    kept->offload = packet->offload;
    for (uint32_t at = 0; at < packet->bytes; at += (uint32_t)PAGE_SIZE) {
        uint32_t left = packet->bytes - at;

        batch_copy_to_local(kept->pages[at / PAGE_SIZE], packet, at,
                            left < PAGE_SIZE ? left : (uint32_t)PAGE_SIZE, &kept->error);
    }
    queue->stash_pages += pages;
    all_pages += pages;
    *queue->stash_last = kept;
    queue->stash_last = &kept->next;
    vif_wake(queue->vif);
    return true;
}

bool stash_peek(struct vif_queue *queue, struct packet *packet)
{
    struct stash_packet *kept = queue->stash_first;

    while (kept && kept->error) {
        stash_drop(queue);
        kept = queue->stash_first;
    }
    if (!kept)
        return false;
    packet->bytes = kept->bytes;
    packet->offload = kept->offload;
    packet->piece_count = pages_of(kept->bytes);
    for (unsigned int i = 0; i < packet->piece_count; i++) {
        uint32_t left = kept->bytes - i * (uint32_t)PAGE_SIZE;

        packet->pieces[i] =
            (struct packet_piece){ .local = kept->pages[i],
                                   .length = left < PAGE_SIZE ? left : (uint32_t)PAGE_SIZE };
    }
    return true;
}

void stash_drop(struct vif_queue *queue)
{
    struct stash_packet *kept = queue->stash_first;

    queue->stash_first = kept->next;
    if (!kept->next)
        queue->stash_last = &queue->stash_first;
    queue->stash_pages -= pages_of(kept->bytes);
    all_pages -= pages_of(kept->bytes);
    packet_release(kept);
}

void stash_expire(struct vif_queue *queue)
{
    uint64_t now;

    if (!queue->stash_first)
        return;
    now = clock_monotonic_ns();
    while (queue->stash_first && now - queue->stash_first->since > KEPT_NS) {
        stash_drop(queue);
        queue->vif->port.counters.out_dropped++;
    }
}
