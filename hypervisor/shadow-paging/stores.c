/* Entries of the guest's tables that the hypervisor changes for it: stores that faulted, and the
 * hypercalls of direct mode, which a guest of this mode does not need but may use. */
#include "guest-paging/entry-rules.h"
#include "hypercall-abi/mmu.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "machine/latency.h"
#include "memory/frame-references.h"
#include "shadow-paging/shadow.h"

int shadow_store_begin(struct vcpu *v, uint64_t address, pte_t **slot)
{
    struct domain *d = v->domain;
    struct shadow *s = d->shadow;
    struct guest_frame *f;
    struct guest_walk w;

    spin_lock(&s->lock);
    if (!s->closed && !guest_walk(d, root_gfn(v, false), address, &w) && (w.all & PTE_RW)) {
        f = guest_frame_find(s, w.gfn[0]);
        if (!mfn_is_none(guest_frame_mfn(s, w.gfn[0])) && guest_frame_is_guarded(s, f)) {
            s->store_gfn = w.gfn[0];
            *slot = (pte_t *)frame_virt(mfn(f->mfn & MFN_OF)) +
                    (address & (PAGE_SIZE - 1)) / sizeof(pte_t);
            return 0;
        }
    }
    spin_unlock(&s->lock);
    return -EINVAL;
}

int shadow_store_exchange(struct vcpu *v, pte_t *slot, pte_t expected, pte_t value)
{
    struct domain *d = v->domain;

    if (!atomic_compare_exchange(slot, &expected, value))
        return -EAGAIN;
    frame_dirtied(guest_frame_find(d->shadow, d->shadow->store_gfn));
    table_changed(d, d->shadow->store_gfn, ((uint64_t)slot & (PAGE_SIZE - 1)) / sizeof(pte_t),
                  value);
    return 0;
}

void shadow_store_end(struct vcpu *v)
{
    spin_unlock(&v->domain->shadow->lock);
}

bool shadow_store_refused(struct vcpu *v, uint64_t address)
{
    struct domain *d = v->domain;
    struct shadow *s = d->shadow;
    struct guest_frame *f;
    struct guest_walk w;

    spin_lock(&s->lock);
    if (!s->closed && !guest_walk(d, root_gfn(v, false), address, &w)) {
        f = guest_frame_find(s, w.gfn[0]);
        if (f && guest_frame_is_guarded(s, f))
            table_loosen(d, f);
    }
    spin_unlock(&s->lock);
    return true; /* again: now it is no such store, or a fault of another kind */
}

static int update_locked(struct domain *d, uint64_t address, pte_t value, bool preserve_ad)
{
    unsigned index = (address & (PAGE_SIZE - 1)) / sizeof(pte_t);
    pte_t *at, old;
    mfn_t m;

    if (d->shadow->closed || (address & 7))
        return -EINVAL;
    m = guest_frame_mfn(d->shadow, address >> PAGE_SHIFT);
    if (mfn_is_none(m))
        return -EINVAL;
    at = (pte_t *)frame_virt(m) + index;
    old = read_once(*at);
    while (preserve_ad && !atomic_compare_exchange(at, &old, value | (old & (PTE_A | PTE_D))))
        ;
    if (!preserve_ad)
        atomic_exchange(at, value);
    frame_dirtied(guest_frame_find(d->shadow, address >> PAGE_SHIFT));
    table_changed(d, address >> PAGE_SHIFT, index, read_once(*at));
    return 0;
}

int shadow_update(struct domain *d, struct domain *frames_of, const struct mmu_update *u,
                  unsigned n, unsigned *done)
{
    int r = d == frames_of ? 0 : -EPERM;

    spin_lock(&d->shadow->lock);
    for (*done = 0; *done < n && !r && !(*done && latency_is_due()); *done += !r)
        if ((u[*done].ptr & 3) != MMU_MACHPHYS_UPDATE) /* there is no such map */
            r = update_locked(d, u[*done].ptr & ~3UL, u[*done].val,
                              (u[*done].ptr & 3) == MMU_PT_UPDATE_PRESERVE_AD);
    spin_unlock(&d->shadow->lock);
    return r;
}

int shadow_update_va(struct vcpu *v, struct domain *frames_of, uint64_t address, pte_t value)
{
    struct domain *d = v->domain;
    struct guest_walk w;
    int r = d == frames_of ? 0 : -EPERM;

    spin_lock(&d->shadow->lock);
    (void)guest_walk(d, root_gfn(v, false), address, &w);
    if (!r)
        r = w.level > 1
                ? -EINVAL
                : update_locked(d, w.gfn[1] << PAGE_SHIFT | pt_index(address, 1) * sizeof(pte_t),
                                value, false);
    spin_unlock(&d->shadow->lock);
    return r;
}
