/*
 * Memory: newlib's heap.  A stretch of the mapping area is set aside for it; frames are mapped
 * there as sbrk grows, a megabyte at a time.  What malloc gives back stays mapped and is used
 * again.
 */
#include "libc/libc.h"
#include "pv-kernel/frames.h"
#include "pv-kernel/page-tables.h"
#include <errno.h>
#include <stdbool.h>
#include <unistd.h>

#define HEAP_PAGES (1UL << 19) /* 2 GiB of addresses */
#define GROW_ORDER 8
#define GROW_PAGES (1UL << GROW_ORDER)

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
        if (done)
            page_tables_unmap(heap_mapped, done);
        frames_free(frames, order);
        return false;
    }
    heap_mapped += n << PAGE_SHIFT;
    return true;
}

static bool heap_reach(const char *end)
{
    while (heap_mapped < end) {
        if (heap_mapped + (GROW_PAGES << PAGE_SHIFT) > heap_start + (HEAP_PAGES << PAGE_SHIFT))
            return false;
        if (!heap_grow(GROW_ORDER) && !heap_grow(0))
            return false;
    }
    return true;
}

void *sbrk(ptrdiff_t increment)
{
    char *old = heap_break;

    if (increment > 0 && !heap_reach(old + increment)) {
        errno = ENOMEM;
        return (void *)-1;
    }
    heap_break += increment;
    return old;
}

void libc_memory_start(void)
{
    heap_start = mapping_area_reserve_bare(HEAP_PAGES);
    heap_break = heap_mapped = heap_start;
}
