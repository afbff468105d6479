/*
 * One free list per power-of-two size below a page; larger objects are whole blocks of frames.
 * Callers give the size back, so objects carry no header.
 */
#include "memory/heap.h"
#include "lib/bits.h"
#include "lib/spinlock.h"
#include "lib/string.h"
#include "memory/frame-allocator.h"

#define SMALLEST 5 /* 32 bytes */
#define CLASSES  (PAGE_SHIFT - SMALLEST)

struct free_object {
    struct free_object *next;
};

/* Guards the free lists; above the frame allocator's. */
static struct spinlock heap_lock;
static struct free_object *free_objects[CLASSES];
static uint64_t used;

static unsigned order_of(size_t size)
{
    return size <= 1 ? 0 : bit_highest(size - 1) + 1;
}

static bool refill(unsigned class)
{
    mfn_t m = frames_allocate(0, 0, false);
    size_t step = 1UL << (class + SMALLEST);
    char *page;

    if (mfn_is_none(m))
        return false;
    page = frame_virt(m);
    for (size_t at = 0; at < PAGE_SIZE; at += step) {
        struct free_object *o = (struct free_object *)(page + at);

        o->next = free_objects[class];
        free_objects[class] = o;
    }
    return true;
}

void *heap_allocate(size_t size)
{
    unsigned order = max(order_of(size), (unsigned)SMALLEST);
    struct free_object *o = NULL;
    mfn_t m;

    if (order >= PAGE_SHIFT) {
        m = frames_allocate(order - PAGE_SHIFT, 0, false);
        if (mfn_is_none(m))
            return NULL;
        atomic_add(&used, 1UL << order);
        return memset(frame_virt(m), 0, 1UL << order);
    }
    spin_lock(&heap_lock);
    if (free_objects[order - SMALLEST] || refill(order - SMALLEST)) {
        o = free_objects[order - SMALLEST];
        free_objects[order - SMALLEST] = o->next;
        used += 1UL << order;
    }
    spin_unlock(&heap_lock);
    return o ? memset(o, 0, 1UL << order) : NULL;
}

void heap_free(void *p, size_t size)
{
    unsigned order = max(order_of(size), (unsigned)SMALLEST);
    struct free_object *o = p;

    if (!p)
        return;
    atomic_sub(&used, 1UL << order);
    if (order >= PAGE_SHIFT) {
        frames_free(virt_mfn(p), order - PAGE_SHIFT);
        return;
    }
    spin_lock(&heap_lock);
    o->next = free_objects[order - SMALLEST];
    free_objects[order - SMALLEST] = o;
    spin_unlock(&heap_lock);
}

void *heap_page_allocate(void)
{
    return heap_allocate(PAGE_SIZE);
}

void heap_page_free(void *page)
{
    heap_free(page, PAGE_SIZE);
}

uint64_t heap_bytes_used(void)
{
    return read_once(used);
}
