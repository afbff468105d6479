/*
 * Direct mode behind the interface of all modes (domain/paging-mode.h): a guest frame is the
 * machine frame itself, so mostly this takes the paging lock, calls what paging.h offers, and lets
 * it go.
 */
#include "guest-cpu/descriptors.h"
#include "guest-paging/audit.h"
#include "guest-paging/mirrors.h"
#include "hypercall-abi/cpu.h"
#include "hypercall-abi/mmu.h"
#include "lib/atomic.h"
#include "lib/bits.h"
#include "lib/errno.h"
#include "machine/latency.h"
#include "machine/registers.h"
#include "machine/tlb.h"
#include "memory/frame-references.h"
#include "memory/machine-to-physical.h"

#define LOOK_EVERY 4 /* updates: each may have waited for other CPUs to flush */

static int direct_release(struct domain *d, mfn_t m)
{
    int r = paging_unpin_all(d, m);

    if (r == -ERESTART)
        return r;
    (void)!frame_owner_release(&d->frames, m); /* a pinned one may have been given back before */
    return 0;
}

static int direct_frame_get(struct domain *d, uint64_t gfn, mfn_t *m)
{
    *m = mfn(gfn);
    return frame_get(*m, d->frames.index) ? 0 : -EINVAL;
}

static uint64_t direct_gfn_of(mfn_t m)
{
    return m.n;
}

static int direct_frame_at(struct vcpu *v, uint64_t address, uint64_t *gfn)
{
    const pte_t *at;
    pte_t e;
    int r = paging_lock(v->domain);

    if (r)
        return r;
    at = paging_find_l1_locked(guest_root(v, false), address);
    e = at ? read_once(*at) : 0;
    paging_unlock(v->domain);
    *gfn = pte_mfn(e).n;
    return e & PTE_P ? 0 : -EINVAL;
}

static uint64_t direct_shared_gfn(struct domain *d maybe_unused, mfn_t m,
                                  unsigned index maybe_unused)
{
    return m.n;
}

/* Another vCPU may have given the frame back already, and it may be somebody else's. */
static int direct_place(struct domain *d, mfn_t m, uint64_t gfn)
{
    if (frame_get(m, d->frames.index)) {
        machine_to_physical_set(m, gfn);
        frame_written(d, m);
        frame_put(m);
    }
    return 0;
}

static int direct_remove(struct domain *d, uint64_t gfn)
{
    return frame_owner_release(&d->frames, mfn(gfn));
}

static int machphys_update(struct domain *frames_of, uint64_t gfn, uint64_t pfn)
{
    mfn_t m;

    if (frames_of->mode != &direct_mode)
        return 0; /* it has no such map, and numbers its frames itself */
    if (frames_of->mode->frame_get(frames_of, gfn, &m))
        return -EINVAL;
    machine_to_physical_set(m, pfn);
    frame_written(frames_of, m); /* by its new number */
    frame_put(m);
    return 0;
}

/*
 * An entry that names another domain's frame names it as that domain does.  What a domain of this
 * mode calls a frame is what goes into the entry, and is checked there; any other's is looked up
 * first.  The reference, if *held says there is one, keeps it the frame it is.
 */
static int entry_translate(struct domain *frames_of, pte_t *value, mfn_t *held)
{
    int r;

    if (!(*value & PTE_P))
        return 0;
    r = frames_of->mode->frame_get(frames_of, pte_mfn(*value).n, held);
    if (!r)
        *value = pte_make(*held, *value & ~PTE_ADDRESS);
    return r;
}

static inline bool names_are_frames(const struct domain *frames_of)
{
    return likely(frames_of->mode == &direct_mode);
}

static int update_foreign_locked(struct domain *d, struct domain *frames_of, uint64_t at,
                                 pte_t value, bool preserve_ad)
{
    mfn_t held = MFN_NONE;
    int r = entry_translate(frames_of, &value, &held);

    if (r)
        return r;
    r = paging_update_locked(d, frames_of, at, value, preserve_ad);
    if (!mfn_is_none(held))
        frame_put(held);
    return r;
}

static inline int update_one_locked(struct domain *d, struct domain *frames_of,
                                    const struct mmu_update *u)
{
    bool preserve_ad = (u->ptr & 3) == MMU_PT_UPDATE_PRESERVE_AD;
    uint64_t at = u->ptr & ~3UL;

    if (unlikely((u->ptr & 3) == MMU_MACHPHYS_UPDATE))
        return machphys_update(frames_of, at >> PAGE_SHIFT, u->val);
    if (names_are_frames(frames_of))
        return paging_update_locked(d, frames_of, at, u->val, preserve_ad);
    return update_foreign_locked(d, frames_of, at, u->val, preserve_ad);
}

static int direct_update(struct domain *d, struct domain *frames_of, const struct mmu_update *u,
                         unsigned n, unsigned *done)
{
    unsigned i = 0;
    int r = paging_lock(d);

    *done = 0;
    if (r)
        return r;
    while (i < n) {
        r = update_one_locked(d, frames_of, &u[i]);
        if (r)
            break;
        if (++i == n || (i % LOOK_EVERY == 0 && latency_is_due()))
            break;
        r = paging_settle_locked(d); /* it may have let a table go */
        if (r)
            break;
    }
    *done = i;
    paging_leave_locked(d);
    return r;
}

static int update_va_foreign(struct vcpu *v, struct domain *frames_of, uint64_t address,
                             pte_t value)
{
    mfn_t held = MFN_NONE;
    int r = entry_translate(frames_of, &value, &held);

    if (r)
        return r;
    r = paging_lock(v->domain);
    if (!r) {
        r = paging_update_va_locked(v->domain, frames_of, guest_root(v, false), address, value);
        paging_unlock(v->domain);
    }
    if (!mfn_is_none(held))
        frame_put(held);
    return r;
}

static int direct_update_va(struct vcpu *v, struct domain *frames_of, uint64_t address, pte_t value)
{
    struct domain *d = v->domain;
    int r;

    if (!names_are_frames(frames_of))
        return update_va_foreign(v, frames_of, address, value);
    r = paging_lock(d);
    if (r)
        return r;
    r = paging_update_va_locked(d, frames_of, guest_root(v, false), address, value);
    paging_unlock(d);
    return r;
}

static int direct_pin(struct domain *d, uint64_t gfn, unsigned level)
{
    return paging_pin(d, mfn(gfn), level);
}

static int direct_unpin(struct domain *d, uint64_t gfn)
{
    return paging_unpin(d, mfn(gfn));
}

static int direct_set_kernel_root(struct vcpu *v, uint64_t gfn)
{
    return paging_set_kernel_root(v, mfn(gfn));
}

static int direct_set_user_root(struct vcpu *v, uint64_t gfn)
{
    return paging_set_user_root(v, mfn(gfn));
}

static uint64_t direct_root_gfn(const struct vcpu *v, bool user)
{
    uint64_t root;

    spin_lock(&v->domain->paging->lock);
    root = guest_root(v, user);
    spin_unlock(&v->domain->paging->lock);
    return root >> PAGE_SHIFT;
}

static void direct_flush(struct vcpu *v maybe_unused, const struct cpu_set *cpus,
                         enum flush_extent extent, uint64_t address)
{
    if (extent == FLUSH_PAGE)
        cpus ? tlb_flush_page_cpus(cpus, address) : tlb_flush_page_local(address);
    else
        cpus ? tlb_flush_cpus(cpus) : tlb_flush_local();
}

static int direct_map_granted(struct vcpu *v, struct domain *frames_of, uint64_t address,
                              bool contains_pte, pte_t value)
{
    struct domain *d = v->domain;
    int r = paging_lock(d);

    if (r)
        return r;
    r = contains_pte ? paging_map_granted(d, frames_of, address, value)
                     : paging_map_granted_va(v, frames_of, address, value);
    paging_unlock(d);
    return r;
}

static int direct_unmap_granted(struct vcpu *v, uint64_t address, bool contains_pte, pte_t expected)
{
    int r = paging_lock(v->domain);

    if (r)
        return r;
    r = paging_unmap_granted(v, address, contains_pte, expected);
    paging_unlock(v->domain);
    return r;
}

static int direct_replace_granted(struct vcpu *v, uint64_t address, uint64_t from, pte_t expected)
{
    int r = paging_lock(v->domain);

    if (r)
        return r;
    r = paging_replace_granted(v, address, from, expected);
    paging_unlock(v->domain);
    return r;
}

static int direct_bus_address(mfn_t m, uint64_t address maybe_unused, bool for_device maybe_unused,
                              uint64_t *bus)
{
    *bus = m.n << PAGE_SHIFT;
    return 0;
}

static int direct_descriptor_get(struct domain *d, uint64_t gfn, mfn_t *m)
{
    int r;

    *m = mfn(gfn);
    r = descriptor_frame_get(d, *m);
    frame_written(d, *m); /* descriptors were adjusted, perhaps, even if one may not be there */
    return r;
}

static void direct_descriptor_put(struct domain *d maybe_unused, mfn_t m)
{
    descriptor_frame_put(m);
}

#define STORE_TO_READ_ONLY (PF_PRESENT | PF_WRITE | PF_USER)

/* The tables are the guest's own: a fault is its own, too, but for the stores that Linux makes to
 * its read-only tables as if they were not. */
static inline enum fault_answer fault_by_tables(const struct vcpu *v, uint32_t error_code)
{
    if ((error_code & (STORE_TO_READ_ONLY | PF_RESERVED | PF_FETCH)) == STORE_TO_READ_ONLY &&
        v->mode == VCPU_KERNEL &&
        (read_once(v->domain->vm_assist) & (1UL << VMASST_TYPE_writable_pagetables)))
        return FAULT_OF_STORE;
    return FAULT_OF_GUEST;
}

static __attribute__((noinline)) enum fault_answer
fault_by_mirrors(struct vcpu *v, uint64_t address, uint32_t *error_code)
{
    enum fault_answer answer = mirror_fault(v, address, error_code);

    return answer == FAULT_OF_GUEST ? fault_by_tables(v, *error_code) : answer;
}

static enum fault_answer direct_fault(struct vcpu *v, uint64_t address, uint32_t *error_code)
{
    if (unlikely(read_once(v->domain->paging->mirrored)))
        return fault_by_mirrors(v, address, error_code);
    return fault_by_tables(v, *error_code);
}

static void direct_store_end(struct vcpu *v)
{
    paging_unlock(v->domain);
}

/* Types keep tables from being written by anybody. */
static void direct_written_by_others(struct domain *d, mfn_t m)
{
    frame_written(d, m);
}

static int direct_descriptor_update(struct domain *d, uint64_t address, uint64_t descriptor)
{
    int r = descriptor_update(d, address, descriptor);

    if (!r)
        frame_written(d, mfn(address >> PAGE_SHIFT));
    return r;
}

/* What refers to a frame keeps it from being removed. */
static int direct_leave(struct domain *d maybe_unused, uint64_t gfn maybe_unused)
{
    return 0;
}

static uint64_t direct_descriptor_gfn(struct domain *d maybe_unused, mfn_t m)
{
    return m.n;
}

static bool direct_store_refused(struct vcpu *v maybe_unused, uint64_t address maybe_unused)
{
    return false;
}

const struct paging_mode direct_mode = {
    .name = "direct",
    .create = paging_create,
    .finish = paging_finish,
    .close = paging_close,
    .drop_roots = paging_drop_roots,
    .release = direct_release,
    .destroy = paging_destroy,
    .tally = paging_tally,
    .frame_get = direct_frame_get,
    .written_by_others = direct_written_by_others,
    .gfn_of = direct_gfn_of,
    .frame_at = direct_frame_at,
    .shared_gfn = direct_shared_gfn,
    .place = direct_place,
    .remove = direct_remove,
    .leave = direct_leave,
    .update = direct_update,
    .update_va = direct_update_va,
    .pin = direct_pin,
    .unpin = direct_unpin,
    .settle = paging_settle,
    .set_kernel_root = direct_set_kernel_root,
    .set_user_root = direct_set_user_root,
    .root_gfn = direct_root_gfn,
    .flush = direct_flush,
    .map_granted = direct_map_granted,
    .unmap_granted = direct_unmap_granted,
    .replace_granted = direct_replace_granted,
    .log_start = direct_log_start,
    .log_stop = mirrors_stop,
    .log_step = direct_log_step,
    .log_take = direct_log_take,
    .bus_address = direct_bus_address,
    .descriptor_get = direct_descriptor_get,
    .descriptor_put = direct_descriptor_put,
    .descriptor_gfn = direct_descriptor_gfn,
    .descriptor_update = direct_descriptor_update,
    .fault = direct_fault,
    .store_begin = paging_store_begin,
    .store_exchange = paging_store_exchange,
    .store_end = direct_store_end,
    .store_refused = direct_store_refused,
};
