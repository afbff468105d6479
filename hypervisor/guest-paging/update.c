/*
 * Changing one entry, in four verbs: check (entry-rules.h) -> acquire the new references ->
 * commit with one atomic exchange -> release the old ones.  Every write to a guest's table comes
 * through here: hypercalls, batched or not, grant mappings, and emulated stores.
 */
#include "guest-paging/entry-references.h"
#include "guest-paging/entry-rules.h"
#include "guest-paging/mirrors.h"
#include "guest-paging/walk.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "memory/frame-references.h"

/* An update in progress: a table kept in its type, one slot of it. */
struct slot {
    pte_t *at;
    mfn_t table;
    unsigned level, index;
};

static inline int slot_find(struct domain *d, uint64_t machine_address, struct slot *s)
{
    uint32_t type;

    s->table = mfn(machine_address >> PAGE_SHIFT);
    if (!mfn_is_ram(s->table) || (machine_address & 7))
        return -EINVAL;
    type = read_once(frame_of(s->table)->type);
    /* A validated table is held in place by the reference that keeps it one. */
    if (!(type & TYPE_COUNT) || !(type & TYPE_VALIDATED) ||
        read_once(frame_of(s->table)->owner) != d->frames.index)
        return -EINVAL;
    s->level = level_of_type(type);
    s->index = (machine_address & (PAGE_SIZE - 1)) / sizeof(pte_t);
    s->at = (pte_t *)frame_virt(s->table) + s->index;
    return s->level ? 0 : -EINVAL;
}

/* Commit: the new entry goes in, the old one comes out, whatever the processor did to its
 * accessed and dirty bits meanwhile. */
static pte_t slot_commit(pte_t *at, pte_t value, bool preserve_ad)
{
    pte_t old = read_once(*at);

    if (!preserve_ad)
        return atomic_exchange(at, value);
    while (!atomic_compare_exchange(at, &old, value | (old & (PTE_A | PTE_D))))
        ;
    return old;
}

static int update_l1(struct domain *d, struct domain *frames_of, pte_t *at, pte_t value,
                     bool preserve_ad)
{
    pte_t old = read_once(*at);
    int r;

    if (unlikely(!entry_is_allowed(1, value, d->privileged)))
        return -EINVAL;
    value = entry_adjust(value);
    if (value & PTE_P) {
        if (entry_same_reference(old, value)) {
            /* Only flags change, and the lock keeps others out. */
            slot_commit(at, value, preserve_ad);
            return 0;
        }
        r = l1_entry_acquire(d, frames_of, value);
        if (unlikely(r))
            return r;
    }
    old = slot_commit(at, value, preserve_ad);
    if (old & PTE_P)
        l1_entry_release(old);
    return 0;
}

/* The references for a new table entry; the lock may be dropped on the way. */
static int acquire_table(struct domain *d, unsigned level, pte_t value)
{
    int r;

    if (!frame_get(pte_mfn(value), d->frames.index))
        return -EINVAL;
    r = table_get_locked(d, pte_mfn(value), level - 1);
    if (r)
        frame_put(pte_mfn(value));
    return r;
}

static __attribute__((noinline)) int update_table(struct domain *d, struct slot *s, pte_t value,
                                                  bool preserve_ad)
{
    pte_t old;
    int r;

    if (slot_is_hypervisor(s->level, s->index) || !entry_is_allowed(s->level, value, d->privileged))
        return -EINVAL;
    value = entry_adjust(value);
    if ((value & PTE_P) && entry_same_reference(read_once(*s->at), value)) {
        slot_commit(s->at, value, preserve_ad);
        mirror_follow(d, s->at);
        return 0;
    }
    /* The table must still be one when the lock comes back: hold it. */
    if (!frame_get_again(s->table))
        return -ENOMEM;
    r = table_get_locked(d, s->table, s->level);
    if (r) {
        frame_put(s->table);
        return r;
    }
    r = value & PTE_P ? acquire_table(d, s->level, value) : 0;
    if (!r) {
        old = slot_commit(s->at, value, preserve_ad);
        mirror_follow(d, s->at);
        if (old & PTE_P)
            table_put_locked(d, pte_mfn(old));
    }
    table_put_locked(d, s->table);
    return r;
}

/* A frame that is no table: an ordinary store, if the guest could do it itself. */
static __attribute__((noinline)) int update_plain(struct domain *d, uint64_t machine_address,
                                                  pte_t value)
{
    mfn_t m = mfn(machine_address >> PAGE_SHIFT);

    if ((machine_address & 7) || frame_get_writable(m, d->frames.index))
        return -EINVAL;
    write_once(*(pte_t *)((char *)frame_virt(m) + (machine_address & (PAGE_SIZE - 8))), value);
    frame_written(d, m);
    frame_put_writable(m);
    return 0;
}

/* The same where more is to be known of it: a mirror has the old entry (the lock stays, so it may
 * go before), or another domain's frame, by its number, may be written from now on. */
static __attribute__((noinline)) int update_l1_noted(struct domain *d, struct domain *frames_of,
                                                     pte_t *at, pte_t value, bool preserve_ad)
{
    int r;

    mirror_follow(d, at);
    r = update_l1(d, frames_of, at, value, preserve_ad);
    if (!r && d != frames_of && (value & (PTE_P | PTE_RW)) == (PTE_P | PTE_RW) &&
        mfn_is_ram(pte_mfn(value))) {
        frame_type_hold(pte_mfn(value));
        /* Who read the log between the first mark and this did not know of it. */
        frames_of->mode->written_by_others(frames_of, pte_mfn(value));
    }
    return r;
}

static inline int update_l1_named(struct domain *d, struct domain *frames_of, pte_t *at,
                                  pte_t value, bool preserve_ad)
{
    return unlikely(d->paging->mirrored || d != frames_of)
               ? update_l1_noted(d, frames_of, at, value, preserve_ad)
               : update_l1(d, frames_of, at, value, preserve_ad);
}

int paging_update_locked(struct domain *d, struct domain *frames_of, uint64_t machine_address,
                         pte_t value, bool preserve_ad)
{
    struct slot s;

    if (unlikely(d->paging->closed))
        return -EINVAL;
    if (slot_find(d, machine_address, &s))
        return update_plain(d, machine_address, value);
    if (likely(s.level == 1))
        return update_l1_named(d, frames_of, s.at, value, preserve_ad);
    return update_table(d, &s, value, preserve_ad);
}

/* Goes on to the table below, if there is one. */
static inline bool descend(const pte_t **table, uint64_t address, unsigned level)
{
    pte_t e = read_once((*table)[pt_index(address, level)]);

    *table = frame_virt(pte_mfn(e));
    return likely((e & (PTE_P | PTE_PS)) == PTE_P) &&
           !slot_is_hypervisor(level, pt_index(address, level));
}

/* Often needed: no loop, so that what differs between the levels is known beforehand. */
pte_t *paging_find_l1_locked(uint64_t root, uint64_t address)
{
    const pte_t *table = frame_virt(mfn(root >> PAGE_SHIFT));

    if (!descend(&table, address, 4) || !descend(&table, address, 3) ||
        !descend(&table, address, 2))
        return NULL;
    return (pte_t *)&table[pt_index(address, 1)];
}

int paging_update_va_locked(struct domain *d, struct domain *frames_of, uint64_t root,
                            uint64_t address, pte_t value)
{
    pte_t *at = paging_find_l1_locked(root, address);

    return likely(at) ? update_l1_named(d, frames_of, at, value, false) : -EINVAL;
}

int paging_store_begin(struct vcpu *v, uint64_t address, pte_t **slot)
{
    struct domain *d = v->domain;
    const pte_t *mapping;
    struct slot s;
    pte_t e;
    int r = paging_lock(d);

    if (r)
        return r;
    mapping = paging_find_l1_locked(guest_root(v, false), address);
    e = mapping ? read_once(*mapping) : 0;
    if (likely((e & PTE_P) && !slot_find(d, (e & PTE_ADDRESS) | (address & (PAGE_SIZE - 8)), &s) &&
               s.level == 1)) {
        mirror_follow(d, s.at);
        *slot = s.at;
        return 0;
    }
    paging_unlock(d);
    return -EINVAL;
}

int paging_store_exchange(struct vcpu *v, pte_t *slot, pte_t expected, pte_t value)
{
    struct domain *d = v->domain;
    pte_t new = entry_adjust(value);
    int r;

    if (unlikely(!entry_is_allowed(1, value, d->privileged)))
        return -EINVAL;
    /* Only flags change: the reference that the entry holds goes on. */
    if (entry_same_reference(expected, new))
        return atomic_compare_exchange(slot, &expected, new) ? 0 : -EAGAIN;
    r = new &PTE_P ? l1_entry_acquire(d, d, new) : 0;
    if (unlikely(r))
        return r;
    if (unlikely(!atomic_compare_exchange(slot, &expected, new))) {
        if (new &PTE_P)
            l1_entry_release(new);
        return -EAGAIN;
    }
    if (expected & PTE_P)
        l1_entry_release(expected);
    return 0;
}

int paging_map_granted(struct domain *d, struct domain *frames_of, uint64_t machine_address,
                       pte_t value)
{
    struct slot s;

    if (slot_find(d, machine_address, &s) || s.level != 1)
        return -EINVAL;
    mirror_follow(d, s.at);
    return update_l1(d, frames_of, s.at, value, false);
}

int paging_map_granted_va(struct vcpu *v, struct domain *frames_of, uint64_t address, pte_t value)
{
    pte_t *at = paging_find_l1_locked(guest_root(v, false), address);

    if (!at)
        return -EINVAL;
    mirror_follow(v->domain, at);
    return update_l1(v->domain, frames_of, at, value, false);
}

int paging_unmap_granted(struct vcpu *v, uint64_t address, bool is_machine_address, pte_t expected)
{
    struct domain *d = v->domain;
    struct slot s;
    pte_t *at;

    if (is_machine_address)
        at = !slot_find(d, address, &s) && s.level == 1 ? s.at : NULL;
    else
        at = paging_find_l1_locked(guest_root(v, false), address);
    if (!at)
        return -EINVAL;
    if (!entry_same_reference(read_once(*at), expected | PTE_P))
        return -ENOENT;
    mirror_follow(d, at);
    return update_l1(d, d, at, 0, false);
}

int paging_replace_granted(struct vcpu *v, uint64_t address, uint64_t from, pte_t expected)
{
    pte_t *at = paging_find_l1_locked(guest_root(v, false), address);
    pte_t *moved = paging_find_l1_locked(guest_root(v, false), from), old, e;

    if (!at || !moved || at == moved)
        return -EINVAL;
    old = read_once(*at);
    if (!entry_same_reference(old, expected | PTE_P))
        return -ENOENT;
    mirror_follow(v->domain, at);
    mirror_follow(v->domain, moved);
    /* The reference that the entry holds goes with it.  Only the processor changes either now. */
    e = atomic_exchange(moved, 0);
    while (!atomic_compare_exchange(at, &old, e))
        ;
    l1_entry_release(old);
    return 0;
}
