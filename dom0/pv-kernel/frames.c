/*
 * Frames: a buddy allocator over the pseudo-physical frames.  Free blocks are linked through
 * their own first bytes; block_order says for the first frame of a free block its order + 1.
 */
#include "pv-kernel/frames.h"
#include "pv-kernel/kernel.h"
#include "pv-kernel/page-tables.h"
#include "pv-kernel/string.h"

#define MAX_ORDER 18 /* 1 GiB */

struct free_block {
    struct free_block *next, *previous;
};

static struct free_block heads[MAX_ORDER + 1]; /* circular lists */
static uint8_t *block_order;
static uint64_t frame_count;
static size_t free_frames;

uint64_t frames_pfn_to_mfn(uint64_t pfn)
{
    return ((const uint64_t *)start_info->mfn_list)[pfn];
}

uint64_t frames_virt_to_mfn(const void *va)
{
    return frames_pfn_to_mfn((uint64_t)va >> PAGE_SHIFT);
}

uint64_t frames_virt_to_machine(const void *va)
{
    return frames_virt_to_mfn(va) << PAGE_SHIFT | ((uint64_t)va & (PAGE_SIZE - 1));
}

static void block_link(uint64_t pfn, unsigned int order)
{
    struct free_block *block = (struct free_block *)(pfn << PAGE_SHIFT);
    struct free_block *head = &heads[order];

    block->next = head->next;
    block->previous = head;
    head->next->previous = block;
    head->next = block;
    block_order[pfn] = (uint8_t)(order + 1);
}

static void block_unlink(uint64_t pfn)
{
    struct free_block *block = (struct free_block *)(pfn << PAGE_SHIFT);

    block->next->previous = block->previous;
    block->previous->next = block->next;
    block_order[pfn] = 0;
}

static void block_free(uint64_t pfn, unsigned int order)
{
    while (order < MAX_ORDER) {
        uint64_t buddy = pfn ^ (1ULL << order);

        if (buddy >= frame_count || block_order[buddy] != order + 1)
            break;
        block_unlink(buddy);
        pfn &= ~(1ULL << order);
        order++;
    }
    block_link(pfn, order);
}

void *frames_alloc(unsigned int order)
{
    unsigned int at = order;
    uint64_t pfn;

    while (at <= MAX_ORDER && heads[at].next == &heads[at])
        at++;
    if (at > MAX_ORDER)
        return NULL;
    pfn = (uint64_t)heads[at].next >> PAGE_SHIFT;
    block_unlink(pfn);
    while (at > order) {
        at--;
        block_link(pfn + (1ULL << at), at);
    }
    free_frames -= 1UL << order;
    memset((void *)(pfn << PAGE_SHIFT), 0, PAGE_SIZE << order);
    return (void *)(pfn << PAGE_SHIFT);
}

void frames_free(void *va, unsigned int order)
{
    if (!va)
        return;
    block_free((uint64_t)va >> PAGE_SHIFT, order);
    free_frames += 1UL << order;
}

static void free_range(uint64_t first, uint64_t end)
{
    while (first < end) {
        unsigned int order = 0;

        while (order < MAX_ORDER && !(first & (1ULL << order)) && first + (2ULL << order) <= end)
            order++;
        block_free(first, order);
        free_frames += 1UL << order;
        first += 1ULL << order;
    }
}

size_t frames_total(void)
{
    return frame_count;
}

size_t frames_free_count(void)
{
    return free_frames;
}

void frames_start(void)
{
    struct frame_range ranges[2], *home;
    uint64_t own_frames;

    page_tables_start(ranges);
    frame_count = start_info->nr_pages;
    own_frames = (frame_count + PAGE_SIZE - 1) >> PAGE_SHIFT;
    for (unsigned int i = 0; i <= MAX_ORDER; i++)
        heads[i].next = heads[i].previous = &heads[i];
    home = ranges[0].end - ranges[0].first >= own_frames ? &ranges[0] : &ranges[1];
    if (home->end < home->first + own_frames)
        kernel_panic("%lu frames are too few", frame_count);
    block_order = (uint8_t *)(home->first << PAGE_SHIFT);
    memset(block_order, 0, frame_count);
    home->first += own_frames;
    free_range(ranges[0].first, ranges[0].end);
    free_range(ranges[1].first, ranges[1].end);
}
