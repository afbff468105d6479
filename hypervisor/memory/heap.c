/*
 * One list of pages with room per power-of-two size below a page; larger objects are whole blocks
 * of frames.  Callers give the size back, so objects carry no header; what a page needs to know
 * about itself is in its frame record: `order` the size class, `stamp` the first free object and
 * the number in use, next and prev its list.  A page with nothing left in it goes back.
 */
#include "memory/heap.h"
#include "lib/atomic.h"
#include "lib/bits.h"
#include "lib/spinlock.h"
#include "lib/string.h"
#include "machine/tlb.h"
#include "memory/frame-allocator.h"

#define SMALLEST 5 /* 32 bytes */
#define CLASSES  (PAGE_SHIFT - SMALLEST)
#define NO_FREE  0xffffU /* objects count from 0 */

/* Guards the lists and the records of their pages; above the frame allocator's. */
static struct spinlock heap_lock;
static frame_link_t with_room[CLASSES] = { [0 ... CLASSES - 1] = FRAME_LINK_NONE };
static uint64_t used;

static unsigned order_of(size_t size)
{
    return size <= 1 ? 0 : bit_highest(size - 1) + 1;
}

static unsigned first_free(const struct frame *page)
{
    return page->stamp & 0xffff;
}

static unsigned in_use(const struct frame *page)
{
    return page->stamp >> 16;
}

static void page_set(struct frame *page, unsigned free, unsigned count)
{
    page->stamp = free | count << 16;
}

static uint16_t *object_at(const struct frame *page, unsigned class, unsigned i)
{
    return (uint16_t *)((char *)frame_virt(mfn_of(page)) + ((size_t)i << (class + SMALLEST)));
}

static void list_push(struct frame *page, unsigned class)
{
    page->prev = FRAME_LINK_NONE;
    page->next = with_room[class];
    if (page->next != FRAME_LINK_NONE)
        frame_table[page->next].prev = (frame_link_t)mfn_of(page).n;
    with_room[class] = (frame_link_t)mfn_of(page).n;
}

static void list_take(struct frame *page, unsigned class)
{
    if (page->prev != FRAME_LINK_NONE)
        frame_table[page->prev].next = page->next;
    else
        with_room[class] = page->next;
    if (page->next != FRAME_LINK_NONE)
        frame_table[page->next].prev = page->prev;
}

/* A new page, all its objects chained: each free one begins with the number of the next. */
static struct frame *page_add(unsigned class)
{
    unsigned count = 1U << (CLASSES - class);
    mfn_t m = frames_allocate(0, 0, false);
    struct frame *page;

    if (mfn_is_none(m))
        return NULL;
    page = frame_of(m);
    write_once(page->order, (uint16_t) class);
    page_set(page, 0, 0);
    for (unsigned i = 0; i < count; i++)
        *object_at(page, class, i) = (uint16_t)(i + 1 < count ? i + 1 : NO_FREE);
    list_push(page, class);
    return page;
}

static void *small_allocate(unsigned class)
{
    struct frame *page = NULL;
    uint16_t *object = NULL;

    spin_lock(&heap_lock);
    page = with_room[class] != FRAME_LINK_NONE ? &frame_table[with_room[class]] : page_add(class);
    if (page) {
        object = object_at(page, class, first_free(page));
        page_set(page, *object, in_use(page) + 1);
        if (first_free(page) == NO_FREE)
            list_take(page, class);
    }
    spin_unlock(&heap_lock);
    return object;
}

static void small_free(void *p, unsigned class)
{
    struct frame *page = frame_of(virt_mfn(p));
    unsigned i = (unsigned)(((uint64_t)p & (PAGE_SIZE - 1)) >> (class + SMALLEST));

    spin_lock(&heap_lock);
    if (first_free(page) == NO_FREE)
        list_push(page, class);
    *(uint16_t *)p = (uint16_t)first_free(page);
    page_set(page, i, in_use(page) - 1);
    if (!in_use(page)) {
        list_take(page, class);
        page->stamp = tlb_stamp();
        frames_free(mfn_of(page), 0);
    }
    spin_unlock(&heap_lock);
}

void *heap_allocate(size_t size)
{
    unsigned order = max(order_of(size), (unsigned)SMALLEST);
    void *object;
    mfn_t m;

    if (order >= PAGE_SHIFT) {
        m = frames_allocate(order - PAGE_SHIFT, 0, false);
        object = mfn_is_none(m) ? NULL : frame_virt(m);
    } else {
        object = small_allocate(order - SMALLEST);
    }
    if (!object)
        return NULL;
    atomic_add(&used, 1UL << order);
    return memset(object, 0, 1UL << order);
}

void heap_free(void *p, size_t size)
{
    unsigned order = max(order_of(size), (unsigned)SMALLEST);

    if (!p)
        return;
    atomic_sub(&used, 1UL << order);
    if (order >= PAGE_SHIFT)
        frames_free(virt_mfn(p), order - PAGE_SHIFT);
    else
        small_free(p, order - SMALLEST);
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
