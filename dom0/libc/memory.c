/*
 * Memory: newlib's heap.  A stretch of the mapping area is set aside for it; frames are mapped
 * there as sbrk grows, a megabyte at a time where there is so much, and go back when malloc trims
 * its end.
 *
 * Two reserves keep dom0 at work when memory ends.  The heap leaves HEAP_LEAVES frames to those
 * who need frames (stacks of tasks, arguments of hypercalls, page tables): when malloc has no
 * more, guests can still be ended.  And what is kept for long, files and what guests make dom0
 * remember, leaves KEPT_LEAVES bytes of malloc's to everything else (libc_memory_allows).
 */
#include "libc/libc.h"
#include "pv-kernel/frames.h"
#include "pv-kernel/page-tables.h"
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define HEAP_PAGES  (1UL << 19) /* 2 GiB of addresses */
#define GROW_ORDER  8
#define GROW_PAGES  (1UL << GROW_ORDER)
#define HEAP_LEAVES 1024u       /* frames: 4 MiB */
#define KEPT_LEAVES (1UL << 20) /* bytes in one piece */

static char *heap_start, *heap_break, *heap_mapped;

/* Maps 2^order frames at the end of the heap. */
static bool heap_grow(unsigned int order)
{
    uint64_t mfns[GROW_PAGES];
    char *frames = frames_alloc(order);
    size_t n = 1UL << order, done;

    if (!frames)
        return false;
    for (size_t i = 0; i < n; i++)
        mfns[i] = frames_virt_to_mfn(frames + (i << PAGE_SHIFT));
    if (page_tables_map(heap_mapped, mfns, n, PTE_KERNEL | PTE_NX, DOMID_SELF, &done)) {
        if (!done || !page_tables_unmap(heap_mapped, done))
            frames_free(frames, order); /* else they are mapped still, and nobody's from now on */
        return false;
    }
    heap_mapped += n << PAGE_SHIFT;
    return true;
}

/* Gives back what is mapped from `end` on. */
static void heap_shrink(const char *end)
{
    void *frames[GROW_PAGES];

    while (heap_mapped > end) {
        size_t n = (size_t)(heap_mapped - end) >> PAGE_SHIFT;

        n = n < GROW_PAGES ? n : GROW_PAGES;
        heap_mapped -= n << PAGE_SHIFT;
        for (size_t i = 0; i < n; i++)
            frames[i] = page_tables_mapped_frame(heap_mapped + (i << PAGE_SHIFT));
        if (page_tables_unmap(heap_mapped, n))
            continue; /* as above; growing again maps others over them */
        for (size_t i = 0; i < n; i++)
            frames_free(frames[i], 0);
    }
}

/* May the heap take so many frames, and the tables to map them? */
static bool heap_may_take(size_t pages)
{
    return frames_free_count() >= pages + pages / 512 + 4 + HEAP_LEAVES;
}

static bool heap_reach(const char *end)
{
    const char *before = heap_mapped;
    size_t wanted =
        end > heap_mapped ? (size_t)(end - heap_mapped + PAGE_SIZE - 1) >> PAGE_SHIFT : 0;

    if (wanted > HEAP_PAGES - ((size_t)(heap_mapped - heap_start) >> PAGE_SHIFT) ||
        (wanted && !heap_may_take(wanted)))
        return false;
    while (heap_mapped < end) {
        bool large =
            heap_mapped + (GROW_PAGES << PAGE_SHIFT) <= heap_start + (HEAP_PAGES << PAGE_SHIFT) &&
            heap_may_take(GROW_PAGES) && heap_grow(GROW_ORDER);

        if (!large && !heap_grow(0)) {
            heap_shrink(before);
            return false;
        }
    }
    return true;
}

void *sbrk(ptrdiff_t increment)
{
    char *old = heap_break, *keep;

    if (increment > 0 && !heap_reach(old + increment)) {
        errno = ENOMEM;
        return (void *)-1;
    }
    heap_break += increment;
    /* What is above the break is given back, but for a little that may be wanted at once. */
    keep = (char *)(((uintptr_t)heap_break + PAGE_SIZE - 1) & PAGE_MASK);
    if (heap_mapped - keep > (ptrdiff_t)(2 * GROW_PAGES << PAGE_SHIFT))
        heap_shrink(keep + (GROW_PAGES << PAGE_SHIFT));
    return old;
}

bool libc_memory_allows(size_t bytes)
{
    void *probe;

    if (bytes > HEAP_PAGES << PAGE_SHIFT)
        return false;
    if (heap_may_take((bytes >> PAGE_SHIFT) + 2 * GROW_PAGES))
        return true;
    probe = malloc(bytes + KEPT_LEAVES);
    free(probe);
    return probe != NULL;
}

/* newlib 3.3's mallinfo fills ten ints, whatever its malloc.h says; these two are right. */
struct heap_counts {
    int arena, unused_1[6], used, unused_2[2];
};
struct heap_counts mallinfo(void);

void libc_memory_usage(size_t *heap, size_t *used)
{
    struct heap_counts counts = mallinfo();

    *heap = (size_t)(heap_mapped - heap_start);
    *used = (size_t)(unsigned int)counts.used;
}

void libc_memory_start(void)
{
    heap_start = mapping_area_reserve_bare(HEAP_PAGES);
    heap_break = heap_mapped = heap_start;
}
