/* memory_op. */
#include "hypercall-abi/memory.h"
#include "domain/guest-memory.h"
#include "hypercalls/continuation.h"
#include "hypercalls/handlers.h"
#include "hypercalls/target.h"
#include "hypercalls/machine-map.h"
#include "lib/errno.h"
#include "machine/interrupts.h"
#include "machine/latency.h"
#include "machine/remote.h"
#include "memory/frame-allocator.h"
#include "memory/heap.h"
#include "memory/hypervisor-mappings.h"
#include "memory/machine-to-physical.h"

#define PREEMPT_EVERY  16 /* frames */
#define DOMU_MAX_ORDER 9
#define DOM0_MAX_ORDER MAX_ORDER
#define EXCHANGE_MAX   (1UL << 20) /* extents: no product of one and a block's size overflows */

struct e820_entry machine_map[MAX_E820];
unsigned machine_map_entries;

/* To its end, which is near: it was made to leave, or has only just come. */
static int frame_remove(struct domain *d, uint64_t gpfn)
{
    int r;

    do {
        r = d->mode->remove(d, gpfn);
    } while (r == -ERESTART);
    return r;
}

/* Names fresh frames, all of them or none: then they go. */
static int frames_place(struct domain *d, mfn_t first, uint64_t gpfn, uint64_t count)
{
    uint64_t k;
    int r = 0;

    for (k = 0; k < count && !r; k += !r) {
        r = d->mode->place(d, mfn(first.n + k), gpfn == M2P_INVALID ? gpfn : gpfn + k);
        if (k % PREEMPT_EVERY == PREEMPT_EVERY - 1)
            (void)!preempt_point();
    }
    if (!r)
        return 0;
    for (uint64_t i = 0; i < count; i++)
        (void)!(i < k ? frame_remove(d, gpfn + i)
                      : frame_owner_release(&d->frames, mfn(first.n + i)));
    return r;
}

/* One extent given to a domain; gpfn: what its frames are called, or M2P_INVALID. */
static int extent_add(struct domain *d, const struct xen_memory_reservation *res, uint64_t i,
                      bool named)
{
    unsigned bits = XENMEMF_get_address_bits(res->mem_flags);
    xen_pfn_t gpfn = M2P_INVALID, frame;
    mfn_t m;
    int r;

    if (named && guest_read_element(&gpfn, res->extent_start, i))
        return -EFAULT;
    r = frame_owner_allocate(&d->frames, res->extent_order, bits, &m);
    if (r)
        return r;
    r = frames_place(d, m, gpfn, 1UL << res->extent_order);
    if (r)
        return r;
    frame = d->mode->gfn_of(m);
    return res->extent_start ? guest_write_element(res->extent_start, i, &frame) : 0;
}

static int extent_remove(struct domain *d, const struct xen_memory_reservation *res, uint64_t i)
{
    uint64_t left = 0;
    xen_pfn_t frame;
    int r = 0;

    if (guest_read_element(&frame, res->extent_start, i))
        return -EFAULT;
    while (left < 1UL << res->extent_order && !r) {
        r = d->mode->leave(d, frame + left);
        left += !r;
    }
    if (r == -ERESTART)
        return r;
    for (uint64_t k = 0; k < left; k++) {
        int removed = frame_remove(d, frame + k);

        if (removed)
            return removed;
        if (k % ANSWER_EVERY == ANSWER_EVERY - 1)
            remote_answer(); /* who flushes TLBs has others wait behind it */
    }
    return r;
}

static int extent_op(struct domain *d, unsigned cmd, const struct xen_memory_reservation *res,
                     uint64_t i)
{
    switch (cmd) {
    case XENMEM_increase_reservation:
        return extent_add(d, res, i, false);
    case XENMEM_populate_physmap:
        return extent_add(d, res, i, true);
    default:
        return extent_remove(d, res, i);
    }
}

/* Returns the number of extents done, as the ABI wants it, or -errno if the arguments are bad. */
static int64_t reservation(unsigned cmd, uint64_t start, uint64_t arg)
{
    struct xen_memory_reservation res;
    struct domain *d;
    uint64_t i;
    int64_t r;

    if (guest_read(&res, arg, sizeof(res)))
        return (int64_t)start;
    if (res.nr_extents >= UINT64_MAX >> MEMOP_EXTENT_SHIFT || start > res.nr_extents)
        return (int64_t)start;
    r = target_get(res.domid, &d);
    if (r)
        return r == -EPERM || r == -ESRCH ? (start ? (int64_t)start : r) : r;
    if (res.extent_order > (current_domain()->privileged ? DOM0_MAX_ORDER : DOMU_MAX_ORDER)) {
        domain_put(d);
        return (int64_t)start;
    }
    for (i = start; i < res.nr_extents; i++) {
        if (((i > start && (i << res.extent_order) % PREEMPT_EVERY == 0) || latency_is_due()) &&
            preempt_point()) {
            domain_put(d);
            return continuation(NR_memory_op, cmd | i << MEMOP_EXTENT_SHIFT, arg, 0, 0, 0);
        }
        r = extent_op(d, cmd, &res, i);
        if (r)
            break;
    }
    domain_put(d);
    if (r == -ERESTART)
        return continuation(NR_memory_op, cmd | i << MEMOP_EXTENT_SHIFT, arg, 0, 0, 0);
    return (int64_t)i;
}

/* Takes the frames away from the domain, all of them or none. */
static int exchange_give_up(struct domain *d, const xen_pfn_t *frames, uint64_t count)
{
    uint64_t done = 0;
    int r = 0;

    for (; done < count && !r; done += !r)
        r = frame_owner_give_up(&d->frames, mfn(frames[done]));
    while (r && done--)
        frame_owner_take_back(mfn(frames[done]));
    return r;
}

/* A block of 2^order frames for so many single ones.  The new block comes first; whichever of the
 * two is not to be the domain's goes. */
static int exchange_frames(struct domain *d, const xen_pfn_t *old, unsigned order, unsigned bits,
                           mfn_t *new)
{
    uint64_t count = 1UL << order;
    int r = frame_owner_allocate(&d->frames, order, bits, new);

    if (r)
        return r;
    r = exchange_give_up(d, old, count);
    for (uint64_t k = 0; k < count; k++)
        if (!r)
            frame_owner_let_go(mfn(old[k]));
        else /* another vCPU may have guessed and released it */
            (void)!frame_owner_release(&d->frames, mfn(new->n + k));
    return r;
}

static void limit_add(struct domain *d, int64_t frames)
{
    spin_lock(&d->frames.lock);
    d->frames.limit += (uint64_t)frames;
    spin_unlock(&d->frames.lock);
}

/* One output extent for 2^order input frames, whose list is read once. */
static int exchange_one(struct domain *d, const struct xen_memory_exchange *x, uint64_t i)
{
    unsigned order = x->out.extent_order, bits = XENMEMF_get_address_bits(x->out.mem_flags);
    uint64_t count = 1UL << order, bytes = count * sizeof(xen_pfn_t);
    xen_pfn_t gpfn, frame, *old = heap_allocate(bytes);
    mfn_t m;
    int r = 0;

    if (!old)
        return -ENOMEM;
    if (guest_read_element(&gpfn, x->out.extent_start, i) ||
        guest_read(old, x->in.extent_start + i * bytes, bytes))
        r = -EFAULT;
    if (!r) {
        limit_add(d, (int64_t)count);
        r = exchange_frames(d, old, order, bits, &m);
        limit_add(d, -(int64_t)count);
    }
    heap_free(old, bytes);
    if (r)
        return r;
    r = frames_place(d, m, gpfn, count);
    if (r)
        return r;
    frame = m.n;
    return guest_write_element(x->out.extent_start, i, &frame);
}

/* Only for the control domain, and only single frames into contiguous blocks or single frames:
 * what a driver needs for DMA. */
static int64_t exchange(uint64_t arg)
{
    struct xen_memory_exchange x;
    struct domain *d = current_domain();
    uint64_t i;
    int r = 0;

    if (guest_read(&x, arg, sizeof(x)))
        return -EFAULT;
    if (!d->privileged || x.in.domid != x.out.domid ||
        (x.in.domid != DOMID_SELF && x.in.domid != d->id))
        return -EPERM;
    if (x.nr_exchanged > x.in.nr_extents || x.in.nr_extents > EXCHANGE_MAX ||
        x.out.nr_extents > EXCHANGE_MAX)
        return -EINVAL;
    if (x.out.extent_order > DOMU_MAX_ORDER || x.in.extent_order > DOMU_MAX_ORDER ||
        x.in.nr_extents << x.in.extent_order != x.out.nr_extents << x.out.extent_order)
        return -EINVAL;
    if (x.in.extent_order)
        return -EOPNOTSUPP;
    for (i = x.nr_exchanged >> x.out.extent_order; i < x.out.nr_extents && !r; i++) {
        r = exchange_one(d, &x, i);
        if (!r && i + 1 < x.out.nr_extents && preempt_point())
            r = -ERESTART;
    }
    x.nr_exchanged = (i - (r && r != -ERESTART)) << x.out.extent_order;
    if (guest_write(arg + offsetof(struct xen_memory_exchange, nr_exchanged), &x.nr_exchanged,
                    sizeof(x.nr_exchanged)))
        return -EFAULT;
    return r == -ERESTART ? continuation(NR_memory_op, XENMEM_exchange, arg, 0, 0, 0) : r;
}

static int64_t count_of(unsigned cmd, uint64_t arg)
{
    struct xen_memory_domain op;
    struct domain *d;
    int64_t r;

    if (guest_read(&op, arg, sizeof(op)))
        return -EFAULT;
    r = target_get(op.domid, &d);
    if (r)
        return r;
    if (d->life != DOMAIN_ALIVE) {
        domain_put(d);
        return -ESRCH;
    }
    switch (cmd) {
    case XENMEM_current_reservation:
        r = (int64_t)d->frames.count;
        break;
    case XENMEM_maximum_reservation:
        r = (int64_t)d->frames.limit;
        break;
    default:
        r = (int64_t)max(read_once(d->shared_info->arch.max_pfn), 1UL) - 1;
    }
    domain_put(d);
    return r;
}

static int machine_memory_map(uint64_t arg)
{
    struct xen_memory_map op;

    if (!current_domain()->privileged)
        return -EPERM;
    if (guest_read(&op, arg, sizeof(op)))
        return -EFAULT;
    if (op.nr_entries < machine_map_entries)
        return -EINVAL;
    op.nr_entries = machine_map_entries;
    if (guest_write(op.buffer, machine_map, machine_map_entries * sizeof(machine_map[0])))
        return -EFAULT;
    return guest_write(arg, &op, sizeof(op));
}

static int machphys_mapping(uint64_t arg)
{
    struct xen_machphys_mapping op = {
        .v_start = M2P_GUEST_VIRT,
        .v_end = M2P_GUEST_VIRT + 0x8000000000UL,
        .max_mfn = frame_limit - 1,
    };

    return guest_write(arg, &op, sizeof(op));
}

static int machphys_mfn_list(uint64_t arg)
{
    struct xen_machphys_mfn_list op;
    uint32_t n = 0;

    if (guest_read(&op, arg, sizeof(op)))
        return -EFAULT;
    for (uint64_t at = 0; at < frame_limit * sizeof(uint64_t) && n < op.max_extents;
         at += 2UL << 20, n++) {
        mfn_t m = mapping_lookup(M2P_GUEST_VIRT + at);
        xen_pfn_t frame = mfn_is_none(m) ? 0 : m.n;

        if (guest_write_element(op.extent_start, n, &frame))
            return -EFAULT;
    }
    op.nr_extents = n;
    return guest_write(arg, &op, sizeof(op));
}

int64_t hypercall_do_memory_op(uint64_t cmd, uint64_t arg)
{
    unsigned op = cmd & MEMOP_CMD_MASK;

    switch (op) {
    case XENMEM_increase_reservation:
    case XENMEM_decrease_reservation:
    case XENMEM_populate_physmap:
        return reservation(op, cmd >> MEMOP_EXTENT_SHIFT, arg);
    case XENMEM_exchange:
        return exchange(arg);
    case XENMEM_maximum_ram_page:
        return (int64_t)frame_limit - 1;
    case XENMEM_current_reservation:
    case XENMEM_maximum_reservation:
    case XENMEM_maximum_gpfn:
        return count_of(op, arg);
    case XENMEM_machine_memory_map:
        return machine_memory_map(arg);
    case XENMEM_machphys_mapping:
        return machphys_mapping(arg);
    case XENMEM_machphys_mfn_list:
        return machphys_mfn_list(arg);
    default:
        return -ENOSYS; /* memory_map too: a guest's map is its number of frames */
    }
}
