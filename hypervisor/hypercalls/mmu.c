/* mmu_update, update_va_mapping and mmuext_op: decode, permit, call the domain's paging mode,
 * encode. */
#include "hypercall-abi/mmu.h"
#include "domain/guest-frames.h"
#include "domain/guest-memory.h"
#include "guest-cpu/descriptors.h"
#include "hypercalls/continuation.h"
#include "hypercalls/handlers.h"
#include "lib/atomic.h"
#include "lib/bits.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "machine/interrupts.h"
#include "machine/latency.h"
#include "machine/registers.h"

#define PREEMPT_EVERY 32
#define CHUNK         16U /* updates read at once */

/* The domain whose frames are meant; itself, DOMID_IO, or anybody for the control domain. */
static int frames_domain_get(domid_t id, struct domain **out)
{
    struct domain *self = current_domain();

    if (id == DOMID_IO) {
        *out = &io_domain;
        return 0;
    }
    if (likely(id == DOMID_SELF || id == self->id)) { /* needs no reference: it is running */
        *out = self;
        return 0;
    }
    if (!self->privileged)
        return -EPERM;
    *out = domain_get(id);
    return *out ? 0 : -ESRCH;
}

static void frames_domain_put(struct domain *d)
{
    if (d != &io_domain && d != current_domain())
        domain_put(d);
}

/* Reads n elements of the list from `from` on, or those before the first that cannot be read. */
static unsigned updates_read(struct mmu_update *u, uint64_t list, uint32_t from, unsigned n)
{
    unsigned i;

    if (likely(!guest_read(u, list + from * sizeof(*u), n * sizeof(*u))))
        return n;
    for (i = 0; i < n && !guest_read_element(&u[i], list, from + i); i++)
        ;
    return i;
}

/* Runs updates from the list until one fails or there is other work; counts those done.  Each chunk
 * is read before any lock is taken: a fault on the way may need them. */
static int update_batch(struct domain *tables, struct domain *frames_of, uint64_t list, uint32_t n,
                        uint32_t *done)
{
    struct mmu_update u[CHUNK];
    uint32_t last_look = 0;
    unsigned some, made;
    int r = 0;

    for (*done = 0; *done < n && !r; *done += made) {
        if (*done && (*done - last_look >= PREEMPT_EVERY || latency_is_due())) {
            last_look = *done;
            if (preempt_point())
                return -ERESTART;
        }
        made = 0;
        some = updates_read(u, list, *done, min(n - *done, CHUNK));
        r = some ? tables->mode->update(tables, frames_of, u, some, &made) : -EFAULT;
    }
    return r ? r : tables->mode->settle(tables);
}

/* The commonest call: one entry of one's own. */
static int update_single(struct domain *d, uint64_t list, uint32_t *done)
{
    struct mmu_update u;
    uint64_t words[2];
    unsigned made = 0;
    int r;

    if (!guest_range_ok(list, sizeof(u)) || guest_read_pair(words, list))
        return -EFAULT;
    u = (struct mmu_update){ .ptr = words[0], .val = words[1] };
    r = d->mode->update(d, d, &u, 1, &made);
    *done = made;
    return r ? r : d->mode->settle(d);
}

static int update_in(uint64_t list, uint32_t n, domid_t tables_id, domid_t frames_id,
                     uint32_t *done)
{
    struct domain *frames_of, *tables;
    int r = frames_domain_get(frames_id, &frames_of);

    if (r)
        return r;
    r = frames_domain_get(tables_id, &tables);
    if (!r) {
        r = tables == &io_domain ? -EINVAL : update_batch(tables, frames_of, list, n, done);
        frames_domain_put(tables);
    }
    frames_domain_put(frames_of);
    return r;
}

int64_t hypercall_do_mmu_update(uint64_t list, uint64_t count, uint64_t done_at, uint64_t foreign)
{
    uint32_t n = (uint32_t)count & ~MMU_UPDATE_PREEMPTED, done = 0, before = 0;
    domid_t tables_id = (domid_t)(foreign >> 16);
    int r;

    if (((uint32_t)count & MMU_UPDATE_PREEMPTED) && done_at &&
        guest_read(&before, done_at, sizeof(before)))
        return -EFAULT;
    tables_id = tables_id ? (domid_t)(tables_id - 1) : DOMID_SELF;
    if (likely(n == 1 && (uint32_t)foreign == DOMID_SELF))
        r = update_single(current_domain(), list, &done);
    else
        r = update_in(list, n, tables_id, (domid_t)foreign, &done);
    before += done;
    if (done_at && guest_write(done_at, &before, sizeof(before)))
        return -EFAULT;
    if (r != -ERESTART)
        return r;
    return continuation(NR_mmu_update, list + done * sizeof(struct mmu_update),
                        (n - done) | MMU_UPDATE_PREEMPTED, done_at, foreign, 0);
}

/* CPUs on which the vCPUs of a guest bitmap may have translations.  Where one goes meanwhile it
 * loads a root, and what the guest changed before this call is in memory. */
static int cpus_of_mask(struct domain *d, guest_handle_t at, struct cpu_set *cpus)
{
    struct vcpu *v;
    uint64_t map[VCPU_WORDS] = { 0 };

    /* The bitmap is as long as the domain has vCPUs. */
    if (guest_read(map, at, (d->max_vcpus + 7) / 8))
        return -EFAULT;
    *cpus = (struct cpu_set){ { 0 } };
    for_each_vcpu(v, d) {
        unsigned cpu = read_once(v->dirty_cpu);

        if (bit_test(map, v->id) && cpu_set_has(&d->frames.cpus, cpu))
            cpu_set_add(cpus, cpu);
    }
    return 0;
}

static int va_flush(struct domain *d, uint64_t address, uint64_t flags)
{
    uint64_t map = flags & ~UVMF_FLUSHTYPE_MASK;
    const struct cpu_set *cpus = NULL;
    struct vcpu *v = current_vcpu();
    struct cpu_set some;

    if (map == UVMF_ALL) {
        cpus = &d->frames.cpus;
    } else if (map != UVMF_LOCAL) {
        int r = cpus_of_mask(d, map, &some);

        if (r)
            return r;
        cpus = &some;
    }
    switch (flags & UVMF_FLUSHTYPE_MASK) {
    case UVMF_TLB_FLUSH:
        v->tlb_flushes++;
        d->mode->flush(v, cpus, FLUSH_ALL, 0);
        return 0;
    case UVMF_INVLPG:
        v->tlb_flushes++;
        d->mode->flush(v, cpus, FLUSH_PAGE, address);
        return 0;
    default:
        return 0;
    }
}

/* -ERESTART with nothing done. */
static int64_t update_va(uint64_t address, uint64_t value, uint64_t flags, struct domain *frames_of)
{
    struct vcpu *v = current_vcpu();
    struct domain *d = v->domain;
    int r;

    if (!guest_range_ok(address, 1))
        return -EINVAL;
    r = d->mode->update_va(v, frames_of, address, value);
    return r || !(flags & UVMF_FLUSHTYPE_MASK) ? r : va_flush(d, address, flags);
}

int64_t hypercall_do_update_va_mapping(uint64_t address, uint64_t value, uint64_t flags)
{
    int64_t r = update_va(address, value, flags, current_domain());

    return r == -ERESTART ? continuation(NR_update_va_mapping, address, value, flags, 0, 0) : r;
}

int64_t hypercall_do_update_va_mapping_otherdomain(uint64_t address, uint64_t value, uint64_t flags,
                                                   uint64_t domid)
{
    struct domain *frames_of;
    int64_t r = frames_domain_get((domid_t)domid, &frames_of);

    if (r)
        return r;
    r = update_va(address, value, flags, frames_of);
    frames_domain_put(frames_of);
    return r == -ERESTART
               ? continuation(NR_update_va_mapping_otherdomain, address, value, flags, domid, 0)
               : r;
}

/* The LDT's frames are found through the tables and taken one by one. */
static int ldt_frame_get(struct vcpu *v, uint64_t address, mfn_t *m)
{
    const struct paging_mode *mode = v->domain->mode;
    uint64_t gfn;
    int r = mode->frame_at(v, address, &gfn);

    return r ? r : mode->descriptor_get(v->domain, gfn, m);
}

static int set_ldt(struct vcpu *v, uint64_t address, uint32_t entries)
{
    mfn_t frames[LDT_PAGES];
    unsigned pages = (entries + 511) / 512, taken = 0;
    int r = 0;

    if (entries > 8192 || (address & (PAGE_SIZE - 1)) || !guest_range_ok(address, entries * 8UL))
        return -EINVAL;
    while (taken < pages && !r) {
        r = ldt_frame_get(v, address + taken * PAGE_SIZE, &frames[taken]);
        taken += !r;
    }
    if (!r) {
        vcpu_set_ldt(v, address, entries, frames, pages);
        return 0;
    }
    while (taken--)
        v->domain->mode->descriptor_put(v->domain, frames[taken]);
    return r;
}

/* Clearing and copying whole frames of the domain's. */
static int fill_frame(struct domain *d, uint64_t to, const void *from)
{
    mfn_t m;

    if (guest_frame_get_writable(d, to, &m))
        return -EINVAL;
    if (from)
        memcpy(frame_virt(m), from, PAGE_SIZE);
    else
        memset(frame_virt(m), 0, PAGE_SIZE);
    guest_frame_put_written(d, m);
    return 0;
}

static int copy_frame(struct domain *d, uint64_t to, uint64_t from)
{
    mfn_t m;
    int r;

    if (d->mode->frame_get(d, from, &m))
        return -EINVAL;
    r = fill_frame(d, to, frame_virt(m));
    frame_put(m);
    return r;
}

static int flush_op(struct vcpu *v, const struct mmuext_op *op)
{
    struct domain *d = v->domain;
    const struct cpu_set *cpus = &d->frames.cpus;
    enum flush_extent extent = FLUSH_ALL;
    struct cpu_set some;

    v->tlb_flushes++;
    switch (op->cmd) {
    case MMUEXT_TLB_FLUSH_LOCAL:
    case MMUEXT_INVLPG_LOCAL:
        cpus = NULL;
        break;
    case MMUEXT_TLB_FLUSH_MULTI:
    case MMUEXT_INVLPG_MULTI:
        if (cpus_of_mask(d, op->arg2.vcpumask, &some))
            return -EINVAL; /* Xen's answer */
        cpus = &some;
        break;
    default:
        break;
    }
    if (op->cmd == MMUEXT_INVLPG_LOCAL || op->cmd == MMUEXT_INVLPG_MULTI ||
        op->cmd == MMUEXT_INVLPG_ALL)
        extent = FLUSH_PAGE;
    d->mode->flush(v, cpus, extent, op->arg1.linear_addr);
    return 0;
}

static int ext_op(struct vcpu *v, struct domain *d, const struct mmuext_op *op)
{
    bool own = d == v->domain;

    switch (op->cmd) {
    case MMUEXT_PIN_L1_TABLE ... MMUEXT_PIN_L4_TABLE:
        return d->mode->pin(d, op->arg1.mfn, op->cmd - MMUEXT_PIN_L1_TABLE + 1);
    case MMUEXT_UNPIN_TABLE:
        return d->mode->unpin(d, op->arg1.mfn);
    case MMUEXT_NEW_BASEPTR:
        return own ? d->mode->set_kernel_root(v, op->arg1.mfn) : -EPERM;
    case MMUEXT_NEW_USER_BASEPTR:
        return own ? d->mode->set_user_root(v, op->arg1.mfn) : -EPERM;
    case MMUEXT_TLB_FLUSH_LOCAL ... MMUEXT_INVLPG_ALL:
        return own ? flush_op(v, op) : -EPERM;
    case MMUEXT_FLUSH_CACHE:
    case MMUEXT_FLUSH_CACHE_GLOBAL:
        if (!d->privileged)
            return -EACCES;
        caches_write_back();
        return 0;
    case MMUEXT_SET_LDT:
        return own ? set_ldt(v, op->arg1.linear_addr, op->arg2.nr_ents) : -EPERM;
    case MMUEXT_CLEAR_PAGE:
        return fill_frame(d, op->arg1.mfn, NULL);
    case MMUEXT_COPY_PAGE:
        return copy_frame(d, op->arg1.mfn, op->arg2.src_mfn);
    default:
        return -ENOSYS;
    }
}

static int ext_batch(struct domain *d, uint64_t list, uint32_t n, uint32_t *done)
{
    struct vcpu *v = current_vcpu();
    struct mmuext_op op;
    int r;

    for (*done = 0; *done < n; ++*done) {
        if (((*done && *done % PREEMPT_EVERY == 0) || latency_is_due()) && preempt_point())
            return -ERESTART;
        r = d->mode->settle(d); /* the operation before may have let a table go */
        if (!r)
            r = guest_read_element(&op, list, *done);
        if (!r)
            r = ext_op(v, d, &op);
        if (r)
            return r;
    }
    return d->mode->settle(d);
}

int64_t hypercall_do_mmuext_op(uint64_t list, uint64_t count, uint64_t done_at, uint64_t foreign)
{
    uint32_t n = (uint32_t)count & ~MMU_UPDATE_PREEMPTED, done = 0, before = 0;
    struct domain *d;
    int r;

    if (((uint32_t)count & MMU_UPDATE_PREEMPTED) && done_at &&
        guest_read(&before, done_at, sizeof(before)))
        return -EFAULT;
    r = frames_domain_get((domid_t)foreign, &d);
    if (r)
        return r;
    r = d == &io_domain ? -EINVAL : ext_batch(d, list, n, &done);
    frames_domain_put(d);
    before += done;
    if (done_at && guest_write(done_at, &before, sizeof(before)))
        return -EFAULT;
    if (r != -ERESTART)
        return r;
    return continuation(NR_mmuext_op, list + done * sizeof(struct mmuext_op),
                        (n - done) | MMU_UPDATE_PREEMPTED, done_at, foreign, 0);
}
