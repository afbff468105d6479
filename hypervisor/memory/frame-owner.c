/* The books of frame owners: lists linked through the frame table. */
#include "memory/frame-owner.h"
#include "lib/atomic.h"
#include "lib/bug.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "limits.h"
#include "machine/interrupts.h"
#include "machine/per-cpu.h"
#include "memory/frame-allocator.h"
#include "memory/frame-references.h"
#include "memory/machine-to-physical.h"

/* Guards the table of owners; above each owner's lock. */
static struct spinlock owners_lock;
static struct frame_owner *owners[MAX_DOMAINS];

int frame_owner_register(struct frame_owner *owner, uint64_t limit)
{
    int r = -ENOMEM;

    spin_lock(&owners_lock);
    for (unsigned i = 1; i < MAX_DOMAINS && r; i++) {
        if (owners[i])
            continue;
        owners[i] = owner;
        owner->index = (uint16_t)i;
        owner->first = owner->walk = owner->look = FRAME_LINK_NONE;
        owner->limit = limit;
        r = 0;
    }
    spin_unlock(&owners_lock);
    return r;
}

void frame_owner_unregister(struct frame_owner *owner)
{
    BUG_ON(owner->count || owner->first != FRAME_LINK_NONE);
    spin_lock(&owners_lock);
    owners[owner->index] = NULL;
    spin_unlock(&owners_lock);
}

#define GIVE_AT_ONCE 512
#define LOOK_AT_ONCE 1024

static void list_push(struct frame_owner *owner, struct frame *f)
{
    f->prev = FRAME_LINK_NONE;
    f->next = owner->first;
    if (f->next != FRAME_LINK_NONE)
        frame_table[f->next].prev = (frame_link_t)mfn_of(f).n;
    owner->first = (frame_link_t)mfn_of(f).n;
}

static void list_take(struct frame_owner *owner, struct frame *f)
{
    if (owner->walk == mfn_of(f).n)
        owner->walk = f->next;
    if (owner->look == mfn_of(f).n)
        owner->look = f->next;
    if (f->prev != FRAME_LINK_NONE)
        frame_table[f->prev].next = f->next;
    else
        owner->first = f->next;
    if (f->next != FRAME_LINK_NONE)
        frame_table[f->next].prev = f->prev;
}

static int quota_take(struct frame_owner *owner, uint64_t n)
{
    int r = 0;

    spin_lock(&owner->lock);
    if (owner->closed || owner->count + n > owner->limit)
        r = -E2BIG;
    else
        owner->count += n;
    spin_unlock(&owner->lock);
    return r;
}

/* Takes frames off the books that were never given; they may have been the last a dying owner
 * waited for. */
static void count_drop(struct frame_owner *owner, uint64_t n)
{
    void (*emptied)(struct frame_owner *) = NULL;

    spin_lock(&owner->lock);
    owner->count -= n;
    if (!owner->count && owner->closed)
        emptied = owner->emptied;
    spin_unlock(&owner->lock);
    if (emptied)
        emptied(owner);
}

/* Puts n fresh frames on the owner's list, so many at a time; how many it got before it was found
 * dying. */
static uint64_t give_block(struct frame_owner *owner, mfn_t first, uint64_t n)
{
    bool closed = false;
    uint64_t done = 0;

    while (done < n && !closed) {
        if (done)
            (void)!preempt_point();
        spin_lock(&owner->lock);
        closed = owner->closed;
        for (unsigned i = 0; i < GIVE_AT_ONCE && done < n && !closed; i++, done++) {
            struct frame *f = frame_of(mfn(first.n + done));

            write_once(f->owner, owner->index);
            list_push(owner, f);
            atomic_store(&f->use, USE_ALLOCATED | 1); /* now others may take references */
        }
        spin_unlock(&owner->lock);
    }
    return done;
}

/* The flushes that fresh frames took are paid for by who lets go as many as it takes: growing alone
 * is free, whoever had the frames before. */
static void charge_flushes(struct frame_owner *owner, uint32_t before)
{
    struct cpu *cpu = this_cpu();
    uint32_t owed;

    if (likely(cpu->disturbed <= before))
        return;
    owed = cpu->disturbed - before;
    spin_lock(&owner->lock);
    owed = owed < owner->let_go ? owed : (uint32_t)owner->let_go;
    owner->let_go -= owed;
    spin_unlock(&owner->lock);
    cpu->disturbed = before + owed;
}

int frame_owner_allocate(struct frame_owner *owner, unsigned order, unsigned address_bits,
                         mfn_t *first)
{
    uint32_t disturbed = this_cpu()->disturbed;
    uint64_t n = 1UL << order, given = 0;
    int r = quota_take(owner, n);

    if (r)
        return r;
    *first = frames_allocate(order, address_bits, true);
    charge_flushes(owner, disturbed);
    if (!mfn_is_none(*first))
        given = give_block(owner, *first, n);
    if (given == n)
        return 0;
    count_drop(owner, n - given);
    for (uint64_t i = given; i < n && !mfn_is_none(*first); i++)
        frames_free(mfn(first->n + i), 0);
    return -ENOMEM;
}

void frame_share(struct frame_owner *owner, mfn_t m, bool writable)
{
    struct frame *f = frame_of(m);

    /* One type count that is never dropped keeps it from becoming anything else. */
    write_once(f->type, (writable ? TYPE_WRITABLE : TYPE_NONE) | TYPE_VALIDATED | 1);
    write_once(f->owner, owner->index);
    atomic_store(&f->use, USE_SHARED | USE_ALLOCATED | 1);
}

void frame_unshare(struct frame_owner *owner, mfn_t m)
{
    struct frame *f = frame_of(m);

    spin_lock(&owner->lock);
    owner->count++;
    list_push(owner, f);
    spin_unlock(&owner->lock);
    atomic_and(&f->use, ~(USE_SHARED | USE_ALLOCATED));
    frame_type_put_plain(m);
    frame_put(m);
}

int frame_owner_give_up(struct frame_owner *owner, mfn_t m)
{
    struct frame *f;
    uint32_t use;

    if (!frame_get(m, owner->index))
        return -EINVAL;
    f = frame_of(m);
    use = read_once(f->use);
    do {
        if (!(use & USE_ALLOCATED) || (use & USE_SHARED)) {
            frame_put(m);
            return -EINVAL;
        }
    } while (!atomic_compare_exchange(&f->use, &use, use & ~USE_ALLOCATED));
    return 0;
}

void frame_owner_take_back(mfn_t m)
{
    atomic_or(&frame_of(m)->use, USE_ALLOCATED);
    frame_put(m); /* give_up's */
}

void frame_owner_let_go(mfn_t m)
{
    frame_put(m); /* give_up's */
    frame_put(m); /* the allocation's */
}

int frame_owner_release(struct frame_owner *owner, mfn_t m)
{
    int r = frame_owner_give_up(owner, m);

    if (!r)
        frame_owner_let_go(m);
    return r;
}

void frame_owner_forget(mfn_t m)
{
    struct frame *f = frame_of(m);
    struct frame_owner *owner = owners[f->owner];
    void (*emptied)(struct frame_owner *) = NULL;

    BUG_ON(!owner);
    machine_to_physical_set(m, M2P_INVALID);
    spin_lock(&owner->lock);
    list_take(owner, f);
    write_once(f->owner, OWNER_NONE);
    owner->let_go++;
    if (!--owner->count && owner->closed)
        emptied = owner->emptied;
    spin_unlock(&owner->lock);
    if (emptied)
        emptied(owner);
}

/* A pin holds a frame, and all below it, even if the guest gave the frame itself back. */
static bool wants_release(const struct frame *f)
{
    return (read_once(f->use) & USE_ALLOCATED) || (read_once(f->type) & TYPE_PINNED);
}

/* Looks at some frames from owner->walk on; the lock is held.  *more: the end is not reached. */
static mfn_t first_of_some(struct frame_owner *owner, bool *more)
{
    for (unsigned left = LOOK_AT_ONCE; owner->walk != FRAME_LINK_NONE && left; left--) {
        if (wants_release(&frame_table[owner->walk]) && frame_get(mfn(owner->walk), owner->index))
            return mfn(owner->walk);
        owner->walk = frame_table[owner->walk].next;
    }
    *more = owner->walk != FRAME_LINK_NONE;
    return MFN_NONE;
}

mfn_t frame_owner_first(struct frame_owner *owner)
{
    bool started = false, more;
    mfn_t m;

    do {
        more = false;
        spin_lock(&owner->lock);
        if (!started && owner->walk == FRAME_LINK_NONE)
            owner->walk = owner->first;
        started = true;
        m = first_of_some(owner, &more);
        spin_unlock(&owner->lock);
        if (more)
            (void)!preempt_point();
    } while (more);
    return m;
}

bool frame_owner_look(struct frame_owner *owner, bool from_beginning, unsigned n,
                      void (*visit)(struct frame_owner *, mfn_t))
{
    bool done;

    spin_lock(&owner->lock);
    if (from_beginning)
        owner->look = owner->first;
    for (; n && owner->look != FRAME_LINK_NONE; n--) {
        visit(owner, mfn(owner->look));
        owner->look = frame_table[owner->look].next;
    }
    done = owner->look == FRAME_LINK_NONE;
    spin_unlock(&owner->lock);
    return done;
}

const struct cpu_set *frame_owner_cpus(const struct frame *f)
{
    const struct frame_owner *owner = f->owner < MAX_DOMAINS ? owners[f->owner] : NULL;

    return owner ? &owner->cpus : NULL;
}
