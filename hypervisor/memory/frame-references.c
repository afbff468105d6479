/*
 * The reference and type state machine.  Both words change by compare-exchange alone, so it needs
 * no lock; what a table's entries refer to is guest-paging/'s business.
 */
#include "memory/frame-references.h"
#include "lib/atomic.h"
#include "lib/bug.h"
#include "lib/errno.h"
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

/* New type over a count of 0.  A frame that was writable may still be so in some TLB. */
static int claim_first(struct frame *f, uint32_t *seen, uint32_t type, uint64_t cpus,
                       uint64_t *flush)
{
    uint32_t wanted = type | 1;
    bool changes = (*seen & TYPE_MASK) != type;

    if (type == TYPE_WRITABLE || type == TYPE_NONE)
        wanted |= TYPE_VALIDATED;
    if (!atomic_compare_exchange(&f->type, seen, wanted))
        return -ERESTART;
    if (changes && (*seen & TYPE_MASK) != TYPE_NONE)
        *flush |= tlb_stale_cpus(cpus, read_once(f->stamp));
    return wanted & TYPE_VALIDATED ? 0 : -EAGAIN;
}

int frame_type_claim(mfn_t m, uint32_t type, uint64_t cpus, uint64_t *flush)
{
    struct frame *f = frame_of(m);
    uint32_t seen = read_once(f->type);
    int r;

    for (;;) {
        if (!(seen & TYPE_COUNT)) {
            r = claim_first(f, &seen, type, cpus, flush);
            if (r != -ERESTART)
                return r;
            continue;
        }
        if ((seen & TYPE_MASK) != type || !(seen & TYPE_VALIDATED) ||
            (seen & TYPE_COUNT) == TYPE_COUNT)
            return -EBUSY;
        if (atomic_compare_exchange(&f->type, &seen, seen + 1))
            return 0;
    }
}

void frame_type_publish(mfn_t m)
{
    atomic_or(&frame_of(m)->type, TYPE_VALIDATED);
}

void frame_type_retire(mfn_t m)
{
    struct frame *f = frame_of(m);

    BUG_ON((read_once(f->type) & (TYPE_VALIDATED | TYPE_COUNT)) != 1);
    write_once(f->stamp, tlb_stamp());
    atomic_sub(&f->type, 1);
}

int frame_type_put(mfn_t m)
{
    struct frame *f = frame_of(m);
    uint32_t seen = read_once(f->type), next;

    do {
        BUG_ON(!(seen & TYPE_COUNT));
        next = seen - 1;
        if ((seen & TYPE_COUNT) == 1) {
            if (level_of_type(seen))
                next = seen & ~TYPE_VALIDATED; /* the count stays while entries are released */
            else
                write_once(f->stamp, tlb_stamp());
        }
    } while (!atomic_compare_exchange(&f->type, &seen, next));
    return (seen & TYPE_COUNT) == 1 && level_of_type(seen) ? -EAGAIN : 0;
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

    BUG_ON(f->type & TYPE_COUNT);
    BUG_ON(f->use & USE_SHARED);
    frame_owner_forget(m);
    /* Stale translations of it are flushed before it gets a new life: frames_allocate. */
    write_once(f->stamp, tlb_stamp());
    frames_free(m, 0);
}

int frame_get_writable(mfn_t m, uint16_t owner)
{
    uint64_t flush = 0;
    int r;

    if (!frame_get(m, owner))
        return -EINVAL;
    r = frame_type_claim(m, TYPE_WRITABLE, UINT64_MAX, &flush);
    if (flush)
        tlb_flush_cpus(flush);
    if (r)
        frame_put(m);
    return r;
}

void frame_put_writable(mfn_t m)
{
    frame_type_put_plain(m);
    frame_put(m);
}
