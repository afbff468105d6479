/* Paravane's own operations. */
#include "hypercall-abi/paravane.h"
#include "domain/guest-memory.h"
#include "hypercalls/continuation.h"
#include "hypercalls/handlers.h"
#include "hypercalls/target.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "lib/symbols.h"
#include "lifecycle/audit.h"
#include "machine/clock.h"
#include "machine/latency.h"
#include "machine/screen.h"
#include "memory/heap.h"

static int audit(uint64_t arg)
{
    struct paravane_audit op;
    struct domain *d;
    int r;

    if (!current_domain()->privileged)
        return -EPERM;
    if (guest_read(&op, arg, sizeof(op)))
        return -EFAULT;
    r = target_get(op.domid, &d);
    if (r)
        return r;
    /* A domctl that waits for a vCPU to stop could wait for a CPU that is parked. */
    r = -ERESTART;
    if (control_begin()) {
        r = domain_audit(d, &op.frames, &op.differences);
        control_end();
    }
    domain_put(d);
    return r ? r : guest_write(arg, &op, sizeof(op));
}

static int audit_all(uint64_t arg)
{
    struct paravane_audit_all op;
    struct audit_of_all *all;
    int r = -ERESTART;

    if (!current_domain()->privileged)
        return -EPERM;
    if (guest_read(&op, arg, sizeof(op)))
        return -EFAULT;
    all = heap_allocate(sizeof(*all));
    if (!all)
        return -ENOMEM;
    if (control_begin()) {
        r = domains_audit(all);
        control_end();
    }
    op.count = all->count;
    if (!r)
        r = guest_write(op.buffer, all->of, min(op.room, op.count) * sizeof(all->of[0]));
    heap_free(all, sizeof(*all));
    return r ? r : guest_write(arg, &op, sizeof(op));
}

static int changed_domain(uint64_t arg)
{
    struct paravane_changed_domain op = { 0 };
    int r;

    if (!current_domain()->privileged)
        return -EPERM;
    r = domain_take_changed(&op.domid);
    return r ? r : guest_write(arg, &op, sizeof(op));
}

static int counters(uint64_t arg)
{
    struct paravane_counters op;
    struct domain *d;
    struct vcpu *v;
    int r;

    if (guest_read(&op, arg, sizeof(op)))
        return -EFAULT;
    r = target_get(op.domid, &d);
    if (r)
        return r;
    op = d->counters;
    op.domid = d->id;
    for_each_vcpu(v, d) {
        op.hypercalls += v->hypercalls;
        op.root_switches += v->root_switches;
        op.tlb_flushes += v->tlb_flushes;
    }
    domain_put(d);
    return guest_write(arg, &op, sizeof(op));
}

static int latency(uint64_t arg)
{
    struct paravane_latency op;
    struct latency l;
    uint64_t offset;

    if (!current_domain()->privileged)
        return -EPERM;
    if (guest_read(&op, arg, sizeof(op)))
        return -EFAULT;
    latency_longest(&l, op.reset);
    op = (struct paravane_latency){ op.reset, l.entry, l.cycles, clock_tsc_khz, "guest" };
    if (l.at)
        string_copy(op.where, symbol_find(l.at, &offset), sizeof(op.where));
    return guest_write(arg, &op, sizeof(op));
}

static int screen(uint64_t arg)
{
    struct paravane_screen_scroll op;
    int r;

    if (!current_domain()->privileged)
        return -EPERM;
    if (guest_read(&op, arg, sizeof(op)))
        return -EFAULT;
    r = screen_scroll(op.half_screens, &op.lines_back);
    return r ? r : guest_write(arg, &op, sizeof(op));
}

int64_t hypercall_do_paravane_op(uint64_t cmd, uint64_t arg)
{
    int r;

    switch (cmd) {
    case PARAVANEOP_interface_version:
        return PARAVANE_INTERFACE_VERSION;
    case PARAVANEOP_audit:
        r = audit(arg);
        return r == -ERESTART ? continuation(NR_paravane_op, cmd, arg, 0, 0, 0) : r;
    case PARAVANEOP_audit_all:
        r = audit_all(arg);
        return r == -ERESTART ? continuation(NR_paravane_op, cmd, arg, 0, 0, 0) : r;
    case PARAVANEOP_changed_domain:
        return changed_domain(arg);
    case PARAVANEOP_counters:
        return counters(arg);
    case PARAVANEOP_latency:
        return latency(arg);
    case PARAVANEOP_screen_scroll:
        return screen(arg);
    default:
        return -ENOSYS;
    }
}
