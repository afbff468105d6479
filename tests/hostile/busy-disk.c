/*
 * A guest whose disk is never idle: four full rings of reads, writes, flushes and discards, each of
 * all the pages that a request may name.  It does nothing wrong; tests/system/test_destroyed.py
 * destroys it again and again.
 */
#include "tests/hostile/noise.h"
#include "tests/hostile/raw-vbd.h"

#define PAGES    256u /* of one list */
#define SECTORS  8u   /* of a page */
#define LONG     (PAGES * SECTORS)
#define DISCARDS 32u /* one in so many */

static struct blkif_request_segment *list;
static grant_ref_t list_ref, refs[PAGES];

static void pages_make(void)
{
    list = frames_alloc(0);
    grant_access_give(0, frames_virt_to_mfn(list), true, &list_ref);
    for (unsigned int i = 0; i < PAGES; i++) {
        grant_access_give(0, frames_virt_to_mfn(frames_alloc(0)), false, &refs[i]);
        list[i] = (struct blkif_request_segment){ refs[i], 0, SECTORS - 1 };
    }
}

static void long_put(struct queue *queue, uint64_t sector)
{
    volatile struct blkif_request_indirect *r = &slot_next(queue)->indirect;

    r->operation = BLKIF_OP_INDIRECT;
    r->indirect_op = (uint8_t)below(2);
    r->nr_segments = PAGES;
    r->sector_number = sector;
    r->indirect_grefs[0] = list_ref;
}

static void short_put(struct queue *queue, uint64_t sector)
{
    volatile struct blkif_request *r = &slot_next(queue)->request;

    r->operation = (uint8_t)below(2);
    r->nr_segments = BLKIF_MAX_SEGMENTS_PER_REQUEST;
    r->sector_number = sector;
    for (unsigned int i = 0; i < BLKIF_MAX_SEGMENTS_PER_REQUEST; i++)
        r->seg[i] = (struct blkif_request_segment){ refs[below(PAGES)], 0, SECTORS - 1 };
}

static void bare_put(struct queue *queue, uint64_t sector)
{
    volatile struct blkif_request_discard *r = &slot_next(queue)->discard;

    r->operation = below(2) ? BLKIF_OP_DISCARD : BLKIF_OP_FLUSH_DISKCACHE;
    r->flag = 0; /* a flush's count of segments */
    r->sector_number = sector;
    r->nr_sectors = LONG;
}

static void queue_fill(struct queue *queue)
{
    while (raw_room(queue)) {
        uint64_t sector = noise() % (sectors - LONG);

        if (below(DISCARDS) == 0)
            bare_put(queue, sector);
        else if (below(4) == 0)
            long_put(queue, sector);
        else
            short_put(queue, sector);
    }
    push(queue);
}

void guest_main(struct start_info *si)
{
    bool told = false;

    noise_state ^= (uint64_t)number((const char *)si->cmd_line) << 32;
    pages_make();
    raw_open(QUEUES, ORDERS - 1);
    while (!errors) {
        for (unsigned int i = 0; i < QUEUES; i++) {
            answers_take(&queues[i]);
            queue_fill(&queues[i]);
        }
        if (!told && queues[0].taken)
            kprintf("busy: at work\n");
        told = queues[0].taken;
        hypercall_sched_op(SCHEDOP_yield, 0);
    }
    kprintf("bad: %lu requests were refused\n", errors);
}
