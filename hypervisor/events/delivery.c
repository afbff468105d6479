/*
 * The 2-level format: a pending bit and a mask bit per port, a selector bit per 64 ports, a flag
 * per vCPU.  Each is set before the next; the guest clears them in the opposite order.  All are in
 * guest memory: the guest can confuse itself only.  The other format is fifo.c's.
 */
#include "events/delivery.h"
#include "events/fifo.h"
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

/* Once a poll: the next event finds fewer. */
static void poller_wake(struct domain *d, unsigned id, evtchn_port_t number)
{
    struct vcpu *v = d->vcpus[id];
    evtchn_port_t port = v ? read_once(v->poll_port) : 0;

    if ((port == number || port == POLL_SEVERAL) &&
        bit_test_and_clear_atomic(d->ports->polling, id))
        vcpu_wake(v);
}

/* Polling vCPUs look at the pending bit only, masked or not.  Each sets its own bit before it
 * looks, so it does not matter that the words are read one after the other. */
void pollers_wake(struct domain *d, evtchn_port_t number)
{
    for (unsigned w = 0; w < VCPU_WORDS; w++)
        for (uint64_t left = atomic_load(&d->ports->polling[w]); left; left &= left - 1)
            poller_wake(d, 64 * w + bit_lowest(left), number);
}

static void select_and_notify(struct vcpu *v, evtchn_port_t number)
{
    if (!bit_test_and_set_atomic(&v->info->evtchn_pending_sel, number / 64))
        vcpu_notify(v);
}

static void bits_deliver(struct domain *d, evtchn_port_t number, unsigned vcpu)
{
    struct shared_info *s = d->shared_info;

    if (bit_test_and_set_atomic(s->evtchn_pending, number))
        return;
    if (!bit_test(s->evtchn_mask, number))
        select_and_notify(d->vcpus[vcpu], number);
    if (unlikely(ports_are_polled(d->ports)))
        pollers_wake(d, number);
}

void port_deliver(struct domain *d, evtchn_port_t number, unsigned vcpu)
{
    struct event_ports *ports = d->ports;

    if (!atomic_load(&ports->fifo)) {
        bits_deliver(d, number, vcpu);
        /* Who changes the format says so before looking at the bits; we set one before looking
         * at the format, so one of us sees the other. */
        if (likely(!atomic_load(&ports->fifo)))
            return;
    }
    fifo_deliver(d, port_find_locked(ports, number), number, vcpu);
}

void port_unmask_locked(struct domain *d, evtchn_port_t number, unsigned vcpu)
{
    struct shared_info *s = d->shared_info;

    if (d->ports->fifo)
        fifo_unmask(d, port_find_locked(d->ports, number), number, vcpu);
    else if (bit_test_and_clear_atomic(s->evtchn_mask, number) &&
             bit_test(s->evtchn_pending, number))
        select_and_notify(d->vcpus[vcpu], number);
}

bool port_is_pending(struct domain *d, evtchn_port_t number)
{
    bool pending = false;

    spin_lock(&d->ports->lock);
    if (d->ports->fifo)
        pending = fifo_is_pending(d->ports->fifo, number);
    else if (number < d->ports->limit) /* it was more before the format was forgotten */
        pending = bit_test(d->shared_info->evtchn_pending, number);
    spin_unlock(&d->ports->lock);
    return pending;
}

bool port_reset(struct domain *d, struct port *p, evtchn_port_t number)
{
    if (d->ports->fifo)
        return fifo_reset(d->ports->fifo, p, number);
    bit_test_and_clear_atomic(d->shared_info->evtchn_pending, number);
    return true;
}
