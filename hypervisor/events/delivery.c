/*
 * The 2-level ABI: a pending bit and a mask bit per port, a selector bit per 64 ports, a flag per
 * vCPU.  Each is set before the next; the guest clears them in the opposite order.  All are in
 * guest memory: the guest can confuse itself only.
 */
#include "events/delivery.h"
#include "lib/atomic.h"
#include "lib/bits.h"
#include "scheduling/scheduler.h"

void vcpu_notify(struct vcpu *v)
{
    /* The locked exchange orders the selector before the flag, and the flag before the look at
     * whether the vCPU is blocked (partner: the barrier in vcpu_block). */
    if (atomic_exchange(&v->info->evtchn_upcall_pending, 1))
        return;
    vcpu_wake(v);
    vcpu_kick(v);
}

/* Polling vCPUs look at the pending bit only, masked or not. */
static void wake_pollers(struct domain *d, evtchn_port_t number)
{
    uint64_t polling = atomic_load(&d->ports->polling);

    for_each_cpu(id, polling) {
        struct vcpu *v = d->vcpus[id];

        if (v && bit_test(v->poll_ports, number))
            vcpu_wake(v);
    }
}

static void select_and_notify(struct vcpu *v, evtchn_port_t number)
{
    if (!bit_test_and_set_atomic(&v->info->evtchn_pending_sel, number / 64))
        vcpu_notify(v);
}

void port_deliver(struct domain *d, evtchn_port_t number, unsigned vcpu)
{
    struct shared_info *s = d->shared_info;
    struct vcpu *v = d->vcpus[vcpu];

    if (bit_test_and_set_atomic(s->evtchn_pending, number))
        return;
    if (!bit_test(s->evtchn_mask, number))
        select_and_notify(v, number);
    if (unlikely(read_once(d->ports->polling)))
        wake_pollers(d, number);
}

void port_unmask_locked(struct domain *d, evtchn_port_t number, unsigned vcpu)
{
    struct shared_info *s = d->shared_info;

    if (bit_test_and_clear_atomic(s->evtchn_mask, number) && bit_test(s->evtchn_pending, number))
        select_and_notify(d->vcpus[vcpu], number);
}
