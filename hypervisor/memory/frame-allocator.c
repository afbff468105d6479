/*
 * Buddies: a free block of 2^n frames is aligned to its size; freeing joins it with its twin.
 * Free blocks are linked through their first frame.
 */
#include "memory/frame-allocator.h"
#include "lib/atomic.h"
#include "lib/bits.h"
#include "lib/bug.h"
#include "lib/spinlock.h"
#include "lib/string.h"
#include "machine/interrupts.h"
#include "machine/tlb.h"

uint64_t frame_limit, frames_of_ram, frames_total;

/*
 * Guards the free lists and the fields of free frames; a leaf but for the log.  Who was given a
 * frame number by a guest looks at type, use, owner and order without it.
 *
 * A list per zone and order.  Zone z holds the frames whose numbers have z + 1 bits, so those below
 * 2^n are the zones below n: a limit is never searched for.  No block lies in two zones, as the one
 * that begins with frame 0 is never joined to a larger one.
 */
#define ZONES 40
static struct spinlock heap_lock;
static frame_link_t free_list[ZONES][MAX_ORDER + 1];
static uint32_t orders_free[ZONES]; /* bit n: there are blocks of order n */
static uint64_t free_count;
static bool lists_ready;

#define FREE_MARK 0xfeedU /* in a free block's first frame, as owner */

static unsigned zone_of(mfn_t m)
{
    return m.n ? bit_highest(m.n) : 0;
}

static void block_push(mfn_t m, unsigned order)
{
    struct frame *f = frame_of(m);
    frame_link_t *first = &free_list[zone_of(m)][order];

    write_once(f->use, 0);
    write_once(f->owner, (uint16_t)FREE_MARK);
    write_once(f->order, (uint16_t)order);
    f->prev = FRAME_LINK_NONE;
    f->next = *first;
    if (f->next != FRAME_LINK_NONE)
        frame_table[f->next].prev = (frame_link_t)m.n;
    *first = (frame_link_t)m.n;
    orders_free[zone_of(m)] |= 1U << order;
}

static void block_remove(struct frame *f)
{
    unsigned zone = zone_of(mfn_of(f));

    if (f->prev != FRAME_LINK_NONE)
        frame_table[f->prev].next = f->next;
    else
        free_list[zone][f->order] = f->next;
    if (free_list[zone][f->order] == FRAME_LINK_NONE)
        orders_free[zone] &= ~(1U << f->order);
    if (f->next != FRAME_LINK_NONE)
        frame_table[f->next].prev = f->prev;
    write_once(f->owner, 0);
}

static bool is_free_block(mfn_t m, unsigned order)
{
    struct frame *f = frame_of(m);

    return mfn_is_ram(m) && read_once(f->owner) == FREE_MARK && read_once(f->order) == order &&
           !read_once(f->use);
}

static void free_locked(mfn_t m, unsigned order)
{
    free_count += 1UL << order;
    while (order < MAX_ORDER) {
        mfn_t twin = mfn(m.n ^ (1UL << order));

        if (!is_free_block(twin, order) || !(m.n & twin.n))
            break;
        block_remove(frame_of(twin));
        m.n &= ~(1UL << order);
        order++;
    }
    block_push(m, order);
}

/* A block of at least this order in the zones below `zones`, from the highest one, so that memory
 * which devices reach is kept for them; FRAME_LINK_NONE if none. */
static frame_link_t block_find(unsigned order, unsigned zones)
{
    for (unsigned z = zones; z-- > 0;) {
        uint32_t fit = orders_free[z] & ~((1U << order) - 1);

        if (fit)
            return free_list[z][bit_lowest(fit)];
    }
    return FRAME_LINK_NONE;
}

static mfn_t allocate_locked(unsigned order, unsigned zones)
{
    frame_link_t found = block_find(order, zones);
    unsigned have;

    if (found == FRAME_LINK_NONE)
        return MFN_NONE;
    have = frame_table[found].order;
    block_remove(&frame_table[found]);
    while (have > order) {
        have--;
        block_push(mfn(found + (1UL << have)), have);
    }
    free_count -= 1UL << order;
    return mfn(found);
}

void frames_add(mfn_t first, uint64_t count, bool scrub)
{
    spin_lock(&heap_lock);
    for (unsigned i = 0; i < ZONES * (MAX_ORDER + 1) && !lists_ready; i++)
        free_list[i / (MAX_ORDER + 1)][i % (MAX_ORDER + 1)] = FRAME_LINK_NONE;
    lists_ready = true;
    frames_total += count;
    while (count) {
        unsigned order = min(MAX_ORDER, (int)bit_highest(count));

        if (first.n)
            order = min(order, bit_lowest(first.n));
        for (uint64_t i = 0; i < 1UL << order; i++)
            frame_table[first.n + i].type = scrub ? TYPE_SCRUB : 0;
        free_locked(first, order);
        first.n += 1UL << order;
        count -= 1UL << order;
    }
    spin_unlock(&heap_lock);
}

/* The preparation of a block larger than a guest may ask for takes long: it lets interrupts in, as
 * who wants such a block holds no lock. */
static void breathe(unsigned order, uint64_t i)
{
    if (order > 9 && i % 256 == 255)
        (void)!preempt_point();
}

/* Whoever could reach the frames before they were freed cannot any more. */
static void flush_last_owners(mfn_t m, unsigned order)
{
    uint32_t newest = frame_of(m)->stamp;
    uint64_t now = tlb_now(); /* one reading: ages are compared */
    struct cpu_set stale;

    for (uint64_t i = 1; i < 1UL << order; i++) {
        if (tlb_stamp_age(frame_table[m.n + i].stamp, now) < tlb_stamp_age(newest, now))
            newest = frame_table[m.n + i].stamp;
        breathe(order, i);
    }
    if (tlb_stale_cpus(NULL, newest, &stale))
        tlb_flush_others(&stale, cpu_set_has_others(&stale, this_cpu()->id));
}

/* All but the stamp. */
static void frame_record_clear(struct frame *f)
{
    f->next = f->prev = FRAME_LINK_NONE;
    write_once(f->type, 0);
    write_once(f->use, 0);
    write_once(f->owner, 0);
    write_once(f->order, 0);
}

/* Makes freshly allocated frames fit for use: nobody's TLB knows them, nobody's data is in them.
 * In this order: who can still reach a frame can still write it. */
static void prepare(mfn_t m, unsigned order, bool cleared)
{
    flush_last_owners(m, order);
    for (uint64_t i = 0; i < 1UL << order; i++) {
        struct frame *f = &frame_table[m.n + i];

        if (cleared && (f->type & TYPE_SCRUB))
            memset(frame_virt(mfn(m.n + i)), 0, PAGE_SIZE);
        frame_record_clear(f);
        breathe(order, i);
    }
}

mfn_t frames_allocate(unsigned order, unsigned address_bits, bool cleared)
{
    unsigned zones = ZONES;
    mfn_t m;

    if (order > MAX_ORDER)
        return MFN_NONE;
    if (address_bits)
        zones = address_bits <= PAGE_SHIFT ? 0 : min(address_bits - PAGE_SHIFT, (unsigned)ZONES);
    spin_lock(&heap_lock);
    m = allocate_locked(order, zones);
    spin_unlock(&heap_lock);
    if (!mfn_is_none(m))
        prepare(m, order, cleared);
    return m;
}

void frames_free(mfn_t first, unsigned order)
{
    spin_lock(&heap_lock);
    for (uint64_t i = 0; i < 1UL << order; i++)
        write_once(frame_table[first.n + i].type, TYPE_SCRUB);
    free_locked(first, order);
    spin_unlock(&heap_lock);
}

uint64_t frames_free_count(void)
{
    return read_once(free_count);
}
