/*
 * The reference and type state machine.  The use word and the word of type and stamp change by
 * compare-exchange alone, so it needs no lock; what a table's entries refer to is guest-paging/'s
 * business.
 */
#include "memory/frame-references.h"
#include "lib/atomic.h"
#include "lib/bug.h"
#include "lib/errno.h"
#include "lib/spinlock.h"
#include "machine/tlb.h"
#include "memory/frame-allocator.h"

static void frame_free(mfn_t m);

bool frame_get(mfn_t m, uint16_t owner)
{
    struct frame *f;
    uint32_t use;

    if (!mfn_is_ram(m))
        return false;
    f = frame_of(m);
    use = read_once(f->use);
    do {
        /* With no reference at all the frame is free, or on its way there. */
        if (!(use & USE_COUNT) || (use & USE_COUNT) == USE_COUNT)
            return false;
    } while (!atomic_compare_exchange(&f->use, &use, use + 1));
    /* The reference holds the owner in place: now it can be looked at. */
    if (likely(read_once(f->owner) == owner && owner != OWNER_NONE))
        return true;
    frame_put(m);
    return false;
}

bool frame_get_again(mfn_t m)
{
    struct frame *f = frame_of(m);
    uint32_t use = read_once(f->use);

    do {
        if ((use & USE_COUNT) == USE_COUNT)
            return false;
    } while (!atomic_compare_exchange(&f->use, &use, use + 1));
    return true;
}

void frame_put(mfn_t m)
{
    uint32_t use = atomic_sub(&frame_of(m)->use, 1);

    BUG_ON((use & USE_COUNT) == USE_COUNT);
    if (unlikely(!(use & USE_COUNT)))
        frame_free(m);
}

/* The words a frame's type may become.  Both halves change as one. */
static uint64_t word(uint32_t type, uint32_t stamp)
{
    return (uint64_t)stamp << 32 | type;
}

static uint32_t type_in(uint64_t w)
{
    return (uint32_t)w;
}

/* Whether a use as `type` may follow the one before without a look at the TLBs. */
static bool same_use(uint32_t before, uint32_t type)
{
    return (before & TYPE_MASK) == TYPE_NONE || ((before ^ type) & TYPE_MASK) == 0;
}

/*
 * The claim of a frame whose last use was another: it is not VALIDATED yet, so nobody relies on
 * it, until no CPU can have a translation left from that use.  The owner's tables may be in TLBs
 * where it runs; a frame others could write, in all.
 */
static __attribute__((noinline)) void flush_last_use(const struct frame *f, uint64_t seen)
{
    const struct cpu_set *own = frame_owner_cpus(f);
    bool foreign = type_in(seen) & TYPE_FOREIGN;
    struct cpu_set stale;

    if (tlb_stale_cpus(foreign ? NULL : own, (uint32_t)(seen >> 32), &stale))
        tlb_flush_others(&stale, foreign && own && !cpu_set_is_within(&stale, own));
}

/* A new use over a count of 0.  -ERESTART: the word is not `*seen` any more. */
static int claim_first(struct frame *f, uint64_t *seen, uint32_t type)
{
    uint32_t last = type_in(*seen), wanted = type | 1;
    bool change = !same_use(last, type), table = level_of_type(type) != 0;
    bool needs_check = table || (type & TYPE_MASK) == TYPE_DESCRIPTOR;

    if (!change)
        wanted |= last & TYPE_FOREIGN; /* what may be in TLBs stays there */
    if (!change && !needs_check)
        wanted |= TYPE_VALIDATED;
    if (!atomic_compare_exchange(&f->type_word, seen, word(wanted, (uint32_t)(*seen >> 32))))
        return -ERESTART;
    if (change)
        flush_last_use(f, *seen);
    if (needs_check)
        return -EAGAIN;
    if (change)
        frame_type_publish(mfn_of(f));
    return 0;
}

/* One more use of the kind it has.  -ERESTART as above; -EBUSY. */
static int claim_again(struct frame *f, uint64_t *seen, uint32_t type)
{
    uint32_t now = type_in(*seen);

    if (((now ^ type) & TYPE_MASK) || (now & TYPE_COUNT) == TYPE_COUNT)
        return -EBUSY;
    if (!(now & TYPE_VALIDATED)) {
        if ((type & TYPE_MASK) != TYPE_WRITABLE)
            return -EBUSY;
        cpu_wait_step(); /* its first claimer is about to have flushed the TLBs */
        *seen = read_once(f->type_word);
        return -ERESTART;
    }
    return atomic_compare_exchange(&f->type_word, seen, (*seen + 1) | (type & TYPE_FOREIGN))
               ? 0
               : -ERESTART;
}

int frame_type_claim(mfn_t m, uint32_t type)
{
    struct frame *f = frame_of(m);
    uint64_t seen = read_once(f->type_word);
    int r;

    do {
        r = type_in(seen) & TYPE_COUNT ? claim_again(f, &seen, type) : claim_first(f, &seen, type);
    } while (r == -ERESTART);
    return r;
}

void frame_type_publish(mfn_t m)
{
    atomic_or(&frame_of(m)->type, TYPE_VALIDATED);
}

void frame_type_hold(mfn_t m)
{
    atomic_or(&frame_of(m)->type, TYPE_HELD);
}

void frame_type_retire(mfn_t m)
{
    struct frame *f = frame_of(m);
    uint64_t seen = read_once(f->type_word), next;

    do {
        BUG_ON((type_in(seen) & (TYPE_VALIDATED | TYPE_COUNT)) != 1);
        next = word(type_in(seen) - 1, tlb_stamp());
    } while (!atomic_compare_exchange(&f->type_word, &seen, next));
}

int frame_type_put(mfn_t m)
{
    struct frame *f = frame_of(m);
    uint64_t seen = read_once(f->type_word), next;
    bool last, table;

    do {
        BUG_ON(!(type_in(seen) & TYPE_COUNT));
        last = (type_in(seen) & TYPE_COUNT) == 1;
        table = level_of_type(type_in(seen)) != 0;
        next = seen - 1;
        if (last && table)
            next =
                seen & ~(uint64_t)TYPE_VALIDATED; /* the count stays while entries are released */
        else if (last)
            next = word(type_in(next) & ~TYPE_HELD, tlb_stamp());
    } while (!atomic_compare_exchange(&f->type_word, &seen, next));
    return last && table ? -EAGAIN : 0;
}

void frame_type_put_plain(mfn_t m)
{
    int r = frame_type_put(m);

    BUG_ON(r);
}

/* The last reference is gone: nobody else can look at the frame now. */
static void frame_free(mfn_t m)
{
    struct frame *f = frame_of(m);

    BUG_ON(read_once(f->type) & TYPE_COUNT);
    BUG_ON(read_once(f->use) & USE_SHARED);
    frame_owner_forget(m);
    /* Stale translations of it are flushed before it gets a new life: frames_allocate. */
    write_once(f->stamp, tlb_stamp());
    frames_free(m, 0);
}

int frame_get_writable(mfn_t m, uint16_t owner)
{
    int r;

    if (!frame_get(m, owner))
        return -EINVAL;
    r = frame_type_claim(m, TYPE_WRITABLE);
    if (r)
        frame_put(m);
    return r;
}

void frame_put_writable(mfn_t m)
{
    frame_type_put_plain(m);
    frame_put(m);
}
