/*
 * Grants of other domains, mapped into a guest whose frames have numbers: as on Xen, the host
 * address is one of guest frames, and while the grant is mapped there the guest frame stands for
 * the granter's.  What is mapped is memory of somebody else's: no table is made of it, none of its
 * uses is the guest's to give on, and only entries of ours lead to it.
 *
 * The handle holds the frame (grants/claim.h); an entry holds references of its own.
 */
#include "lib/atomic.h"
#include "lib/errno.h"
#include "lib/spinlock.h"
#include "memory/frame-references.h"
#include "shadow-paging/shadow.h"

int granted_take(struct domain *d, const struct guest_frame *f, bool rw)
{
    mfn_t m = mfn(f->mfn & MFN_OF);
    bool own = frame_of(m)->owner == d->frames.index;

    if (!frame_get_again(m))
        return -EINVAL;
    if (rw && frame_type_claim(m, TYPE_WRITABLE | (own ? 0 : TYPE_FOREIGN))) {
        frame_put(m);
        return -EINVAL;
    }
    return 0;
}

/* An entry it once was noted for may be another by now. */
static bool is_entry_of(struct shadow *s, entry_id id, mfn_t m)
{
    const struct shadow_page *p = id ? page_of(s, id / PT_ENTRIES) : NULL;
    pte_t e = p && p->level == 1 ? page_entries(p)[id % PT_ENTRIES] : 0;

    return (e & PTE_P) && (e & ENTRY_FOREIGN) && pte_mfn(e).n == m.n;
}

static void entry_remove(struct domain *d, mfn_t m, entry_id id)
{
    if (is_entry_of(d->shadow, id, m))
        entry_clear(d, page_of(d->shadow, id / PT_ENTRIES), id % PT_ENTRIES);
}

/* With two there are already, the older goes: it comes back by a fault. */
void granted_entry_add(struct domain *d, struct guest_frame *f, entry_id id)
{
    mfn_t m = mfn(f->mfn & MFN_OF);

    if (f->writer[0] == id || f->writer[1] == id)
        return;
    for (unsigned k = 0; k < 2; k++)
        if (!is_entry_of(d->shadow, f->writer[k], m)) {
            f->writer[k] = id;
            return;
        }
    entry_remove(d, m, f->writer[0]);
    f->writer[0] = f->writer[1];
    f->writer[1] = id;
}

unsigned granted_entries(struct shadow *s, const struct guest_frame *f, bool again)
{
    mfn_t m = mfn(f->mfn & MFN_OF);
    unsigned n = 0;

    for (unsigned k = 0; k < 2; k++) {
        entry_id id = f->writer[k];
        pte_t *at = is_entry_of(s, id, m)
                        ? page_entries(page_of(s, id / PT_ENTRIES)) + id % PT_ENTRIES
                        : NULL;

        if (!at || !(*at & ENTRY_COUNTED) == again)
            continue;
        atomic_exchange(at, *at ^ ENTRY_COUNTED); /* its CPUs are parked */
        n++;
    }
    return n;
}

static int map_locked(struct domain *d, uint64_t gfn, pte_t value)
{
    struct guest_frame *f;
    mfn_t m = pte_mfn(value);
    int r = -EINVAL;

    if (!d->shadow->closed && m.n && m.n <= MFN_OF)
        r = guest_frame_vacant(d, gfn, &f);
    if (!r && f->shadows) /* a vCPU's root was called so, and goes on without its frame */
        r = -EINVAL;
    if (!r)
        f->mfn = (uint32_t)m.n | FOREIGN | (value & PTE_RW ? 0 : READ_ONLY);
    return r;
}

int shadow_map_granted(struct vcpu *v, struct domain *frames_of maybe_unused, uint64_t address,
                       bool contains_pte, pte_t value)
{
    struct domain *d = v->domain;
    int r;

    /* Address 0 would say, when it is unmapped, that this part stays. */
    if (contains_pte || !address || (address & (PAGE_SIZE - 1)) ||
        gfn_is_shared(address >> PAGE_SHIFT))
        return -EINVAL;
    spin_lock(&d->shadow->lock);
    r = map_locked(d, address >> PAGE_SHIFT, value);
    spin_unlock(&d->shadow->lock);
    return r;
}

static int unmap_locked(struct domain *d, uint64_t gfn, pte_t expected)
{
    struct guest_frame *f = d->shadow->closed ? NULL : guest_frame_find(d->shadow, gfn);
    mfn_t m = pte_mfn(expected);

    if (!f || (f->mfn & ~DIRTY) != ((uint32_t)m.n | FOREIGN | (expected & PTE_RW ? 0 : READ_ONLY)))
        return -ENOENT;
    for (unsigned k = 0; k < 2; k++) {
        entry_remove(d, m, f->writer[k]);
        f->writer[k] = 0;
    }
    f->mfn = 0;
    return 0;
}

int shadow_unmap_granted(struct vcpu *v, uint64_t address, bool contains_pte maybe_unused,
                         pte_t expected)
{
    struct domain *d = v->domain;
    int r;

    spin_lock(&d->shadow->lock);
    r = unmap_locked(d, address >> PAGE_SHIFT, expected);
    spin_unlock(&d->shadow->lock);
    return r;
}

/* A device would have to be told a machine address, and no translation of ours would hold it. */
int shadow_bus_address(mfn_t m maybe_unused, uint64_t address, bool for_device, uint64_t *bus)
{
    *bus = address;
    return for_device ? -ENOSPC : 0;
}
