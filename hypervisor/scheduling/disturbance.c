/*
 * A frame that changes hands has to leave the TLBs of all CPUs that may know it, whoever runs there
 * now.  A guest that gives frames back and asks for them again, or two that pass one between them,
 * can cause that as fast as their CPUs run; so each such flush has a price in time.  One flush
 * covers every frame let go before it: who moves much memory at once pays as good as nothing.
 */
#include "scheduling/disturbance.h"
#include "domain/domain.h"
#include "lib/atomic.h"
#include "machine/clock.h"
#include "scheduling/scheduler.h"

static void charge_is_over(struct timer *t)
{
    vcpu_start(container_of(t, struct vcpu, charge_timer), VCPU_CHARGED);
}

void disturbance_init(struct vcpu *v)
{
    v->charge_timer.fire = charge_is_over;
}

/* When all that the domain has been charged is past, these flushes included. */
static uint64_t charged_until(struct domain *d, uint32_t flushes, uint64_t now)
{
    uint64_t seen = read_once(d->charged_until), from, until;

    do {
        from = now > DISTURBANCE_SAVED_NS ? max(seen, now - DISTURBANCE_SAVED_NS) : seen;
        until = from + flushes * DISTURBANCE_NS;
    } while (!atomic_compare_exchange(&d->charged_until, &seen, until));
    return until;
}

void disturbance_charge(void)
{
    struct cpu *cpu = this_cpu();
    struct vcpu *v = cpu->vcpu;
    uint32_t flushes = cpu->disturbed;
    uint64_t now = clock_now(), until;

    cpu->disturbed = 0;
    if (!v || v->domain->privileged)
        return;
    until = charged_until(v->domain, flushes, now);
    if (until <= now)
        return;
    vcpu_stop(v, VCPU_CHARGED);
    timer_set(&v->charge_timer, cpu->id, until);
}
