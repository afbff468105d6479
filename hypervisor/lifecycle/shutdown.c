/* A domain that has shut down keeps its memory and vCPUs, stopped, until it is destroyed. */
#include "lifecycle/shutdown.h"
#include "events/binding.h"
#include "guest-cpu/guest-clock.h"
#include "guest-cpu/switch.h"
#include "guest-cpu/trap-injection.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "machine/power.h"
#include "scheduling/deferred-work.h"
#include "scheduling/scheduler.h"

static void stop_all(struct domain *d)
{
    struct vcpu *v;

    for_each_vcpu(v, d)
        vcpu_stop(v, VCPU_PAUSED);
}

static void start_all(struct domain *d)
{
    struct vcpu *v;

    guest_wall_clock_update(d); /* a builder may have cleared the page */
    for_each_vcpu(v, d)
        vcpu_start(v, VCPU_PAUSED);
}

void domain_pause(struct domain *d)
{
    struct vcpu *v;

    spin_lock(&d->lock);
    d->pause_count++;
    stop_all(d);
    spin_unlock(&d->lock);
    for_each_vcpu(v, d)
        if (v != current_vcpu())
            vcpu_wait_stopped(v);
}

int domain_unpause(struct domain *d)
{
    int r = 0;

    spin_lock(&d->lock);
    if (!d->pause_count)
        r = -EINVAL;
    else if (!--d->pause_count && !d->shut_down && d->life == DOMAIN_ALIVE)
        start_all(d);
    spin_unlock(&d->lock);
    return r;
}

static void machine_end(uint32_t reason) __attribute__((noreturn));

static void machine_end(uint32_t reason)
{
    switch (reason) {
    case SHUTDOWN_poweroff:
        log_info("the control domain has shut down: power off");
        power_off();
    case SHUTDOWN_reboot:
        log_info("the control domain has shut down: reboot");
        power_reboot();
    default:
        log_error("the control domain has crashed (%u): reboot", reason);
        power_reboot();
    }
}

void domain_shutdown(struct domain *d, uint32_t reason)
{
    uint32_t running = SHUTDOWN_CODE_INVALID, declared = read_once(d->declared_code);

    if (declared != SHUTDOWN_CODE_INVALID)
        reason = declared;
    if (d == control_domain)
        machine_end(reason);
    spin_lock(&d->lock);
    atomic_compare_exchange(&d->shutdown_code, &running, reason);
    if (!d->shut_down) {
        d->shut_down = true;
        stop_all(d);
    }
    spin_unlock(&d->lock);
    domain_set_changed(d);
    virq_raise_global(VIRQ_DOM_EXC);
}

int domain_resume(struct domain *d)
{
    int r = -EINVAL;

    spin_lock(&d->lock);
    if (d->shut_down && d->life == DOMAIN_ALIVE) {
        d->shut_down = false;
        d->shutdown_code = d->declared_code = SHUTDOWN_CODE_INVALID;
        if (!d->pause_count)
            start_all(d);
        r = 0;
    }
    spin_unlock(&d->lock);
    return r;
}

/* On the way out: what was marked for the running vCPU. */
static void finish(void)
{
    struct domain *d = current_domain();

    vcpu_load_debug(current_vcpu()); /* an access of ours may have turned its breakpoints off */
    if (read_once(d->shutdown_code) != SHUTDOWN_CODE_INVALID && !d->shut_down)
        domain_shutdown(d, d->shutdown_code);
    nmi_deliver(current_vcpu(), &this_cpu()->frame);
}

void shutdown_init(void)
{
    deferred_finish_set(finish);
}
