/*
 * A fault by a mirror: the guest's tables, all of them validated, are walked as the processor
 * would, and what they allow is put in.  The fault is the guest's own if they do not allow it.
 */
#include "guest-paging/entry-rules.h"
#include "guest-paging/mirrors.h"
#include "lib/atomic.h"
#include "machine/per-cpu.h"
#include "machine/registers.h"

#define ALWAYS_REPORTED (PF_WRITE | PF_USER | PF_FETCH)

/* The guest's entries for an address. */
struct path {
    pte_t *at[5]; /* by level */
    bool writable, executable;
};

/* False: an entry is not there. */
static bool walk(uint64_t root, uint64_t address, struct path *p)
{
    pte_t e = root;

    *p = (struct path){ .writable = true, .executable = true };
    for (unsigned level = 4; level; level--) {
        unsigned index = pt_index(address, level);

        p->at[level] = (pte_t *)frame_virt(pte_mfn(e)) + index;
        e = read_once(*p->at[level]);
        if (!(e & PTE_P) || slot_is_hypervisor(level, index))
            return false;
        p->writable &= !!(e & PTE_RW);
        p->executable &= !(e & PTE_NX);
    }
    return true;
}

/* Whether the guest's tables allow the access; else *error_code says what it is to be told. */
static bool is_allowed(uint64_t root, uint64_t address, uint32_t *error_code, struct path *p)
{
    uint32_t seen = *error_code;

    *error_code = seen & ALWAYS_REPORTED;
    if (!walk(root, address, p))
        return false;
    *error_code |= PF_PRESENT;
    return (!(seen & PF_WRITE) || p->writable) && (!(seen & PF_FETCH) || p->executable);
}

/* As the processor does on the way: A at every level, D where it writes. */
static void mark_used(struct domain *d, const struct path *p, bool write)
{
    for (unsigned level = 4; level; level--) {
        pte_t bits = PTE_A | (write && level == 1 ? PTE_D : 0);

        if ((read_once(*p->at[level]) & bits) == bits)
            continue;
        atomic_or(p->at[level], bits);
        frame_mark(d, virt_mfn(p->at[level]));
    }
}

/* Frames of others are logged where they belong. */
static bool is_own(const struct domain *d, mfn_t m)
{
    return mfn_is_ram(m) && read_once(frame_of(m)->owner) == d->frames.index;
}

/* A write is marked before the entry allows it; one that nobody has made yet is allowed if it would
 * change nothing: neither the guest's D nor the mark. */
static pte_t leaf_for(struct domain *d, pte_t guest, bool write)
{
    mfn_t m = pte_mfn(guest);

    if (is_own(d, m) && write)
        frame_mark(d, m);
    else if (!write && (!(guest & PTE_D) || (is_own(d, m) && !frame_is_marked(d, m))))
        return guest & ~(PTE_RW | PTE_D);
    return guest;
}

static void fill(struct domain *d, struct mirror *m, uint64_t address, const struct path *p,
                 bool write)
{
    for (unsigned level = 4; level > 1; level--) {
        pte_t *at = mirror_entries(m) + pt_index(address, level), now = read_once(*at);
        pte_t guest = read_once(*p->at[level]);

        m = now & PTE_P ? mirror_behind(d->paging->mirrors, now)
                        : mirror_get(d, pte_mfn(guest), level - 1);
        if (now != pte_make(mfn(m->frame), guest & ~PTE_ADDRESS))
            write_once(*at, pte_make(mfn(m->frame), guest & ~PTE_ADDRESS));
    }
    write_once(mirror_entries(m)[pt_index(address, 1)], leaf_for(d, read_once(*p->at[1]), write));
}

static enum fault_answer fault_locked(struct vcpu *v, uint64_t address, uint32_t *error_code)
{
    struct domain *d = v->domain;
    uint64_t root = this_cpu()->root;
    bool write = *error_code & PF_WRITE;
    struct path p;

    if (d->paging->closed)
        return FAULT_OF_GUEST;
    if (!d->paging->mirrored)
        return FAULT_RESOLVED; /* by its own tables from now on */
    if (!is_allowed(mirror_root_table(d, root), address, error_code, &p))
        return FAULT_OF_GUEST;
    mark_used(d, &p, write);
    mirrors_make_room(d, 3);
    fill(d, mirror_behind(d->paging->mirrors, root), address, &p, write);
    return FAULT_RESOLVED;
}

enum fault_answer mirror_fault(struct vcpu *v, uint64_t address, uint32_t *error_code)
{
    enum fault_answer answer;

    spin_lock(&v->domain->paging->lock);
    answer = fault_locked(v, address, error_code);
    spin_unlock(&v->domain->paging->lock);
    return answer;
}
