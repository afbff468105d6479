/* sched_op, vcpu_op and set_timer_op. */
#include "domain/guest-frames.h"
#include "domain/guest-memory.h"
#include "guest-cpu/guest-clock.h"
#include "hypercall-abi/sched.h"
#include "hypercalls/continuation.h"
#include "hypercalls/handlers.h"
#include "events/delivery.h"
#include "lib/atomic.h"
#include "lib/bits.h"
#include "lib/errno.h"
#include "lifecycle/create.h"
#include "lifecycle/shutdown.h"
#include "lifecycle/watchdog.h"
#include "machine/clock.h"
#include "memory/heap.h"
#include "scheduling/runstate.h"
#include "scheduling/scheduler.h"

#define POLL_MAX_PORTS 128
#define PERIOD_MIN_NS  1000000UL
#define PERIOD_MAX_NS  (UINT64_MAX >> 2) /* as Xen's */

/* A time of the guest's.  The ABI's is signed: what lies before the start of time is past. */
static uint64_t deadline(uint64_t ns)
{
    return (int64_t)ns < 0 ? 1 : ns;
}

static int block(struct vcpu *v)
{
    v->info->evtchn_upcall_mask = 0;
    vcpu_block(v);
    return 0;
}

/* 1: one of the ports is pending; else 0, or -errno. */
static int poll_look(struct vcpu *v, const struct sched_poll *p)
{
    evtchn_port_t port;

    for (uint32_t i = 0; i < p->nr_ports; i++) {
        if (guest_read_element(&port, p->ports, i))
            return -EFAULT;
        if (port >= read_once(v->domain->ports->limit))
            return -EINVAL;
        if (p->nr_ports == 1)
            write_once(v->poll_port, port);
        if (port_is_pending(v->domain, port))
            return 1;
    }
    return 0;
}

/* An event for an upcall came before the vCPU was marked as blocked: nobody will wake it for it.
 * (It may be a call from the very vCPU that holds the lock this one polls for.) */
static bool event_waits(struct vcpu *v)
{
    return read_once(v->info->evtchn_upcall_pending) && !v->info->evtchn_upcall_mask;
}

static int poll(struct vcpu *v, const struct sched_poll *p)
{
    int r;

    if (p->nr_ports > POLL_MAX_PORTS)
        return -EINVAL;
    write_once(v->poll_port, POLL_SEVERAL);
    vcpu_stop(v, VCPU_BLOCKED);
    /* Events set from here on find the polling mark; earlier ones are found by the look. */
    bit_test_and_set_atomic(v->domain->ports->polling, v->id);
    r = poll_look(v, p);
    if (r || event_waits(v) || (p->timeout && deadline(p->timeout) <= clock_now()))
        vcpu_start(v, VCPU_BLOCKED);
    else if (p->timeout)
        timer_set(&v->poll_timer, v->sched.cpu, deadline(p->timeout));
    return r < 0 ? r : 0;
}

static void poll_end(struct vcpu *v)
{
    bit_test_and_clear_atomic(v->domain->ports->polling, v->id);
    write_once(v->poll_port, 0);
    timer_stop(&v->poll_timer);
}

static int shutdown_self(struct domain *d, uint64_t arg)
{
    static const char *const reasons[SHUTDOWN_MAX + 1] = {
        [SHUTDOWN_poweroff] = "power off", [SHUTDOWN_reboot] = "reboot",
        [SHUTDOWN_suspend] = "suspend",    [SHUTDOWN_crash] = "crash",
        [SHUTDOWN_watchdog] = "watchdog",  [SHUTDOWN_soft_reset] = "soft reset",
    };
    struct sched_shutdown s;

    if (guest_read(&s, arg, sizeof(s)))
        return -EFAULT;
    if (s.reason > SHUTDOWN_MAX)
        return -EINVAL;
    domain_log(d, "shuts down: %s", reasons[s.reason]);
    domain_shutdown(d, s.reason);
    return 0;
}

static int watchdog(struct domain *d, uint64_t arg)
{
    struct sched_watchdog w;

    return guest_read(&w, arg, sizeof(w)) ? -EFAULT : watchdog_set(d, w.id, w.timeout);
}

static int shutdown_remote(uint64_t arg)
{
    struct sched_remote_shutdown s;
    struct domain *d;

    if (!current_domain()->privileged)
        return -EPERM;
    if (guest_read(&s, arg, sizeof(s)))
        return -EFAULT;
    if (s.reason > SHUTDOWN_MAX)
        return -EINVAL;
    d = domain_get(s.domain_id);
    if (!d)
        return -ESRCH;
    domain_shutdown(d, s.reason);
    domain_put(d);
    return 0;
}

/* The reason its next shutdown is told with.  A crash stays a crash. */
static int shutdown_code(struct domain *d, uint64_t arg)
{
    uint32_t none = SHUTDOWN_CODE_INVALID;
    struct sched_shutdown s;

    if (guest_read(&s, arg, sizeof(s)))
        return -EFAULT;
    if (s.reason > SHUTDOWN_MAX)
        return -EINVAL;
    atomic_compare_exchange(&d->declared_code, &none, s.reason); /* the first one counts */
    return 0;
}

/* Of the vCPU that calls: nobody else looks at what it had. */
static int pin_override(struct vcpu *v, uint64_t arg)
{
    struct cpu_set had, only = { { 0 } };
    struct sched_pin_override p;
    int r;

    if (!v->domain->privileged)
        return -EPERM;
    if (guest_read(&p, arg, sizeof(p)))
        return -EFAULT;
    if (p.pcpu < 0) {
        if (!v->sched.overridden)
            return -EINVAL;
        v->sched.overridden = false;
        return vcpu_set_affinity(v, &v->sched.saved_affinity);
    }
    if (p.pcpu >= MAX_CPUS)
        return -EINVAL;
    if (v->sched.overridden)
        return -EBUSY;
    vcpu_affinity(v, &had);
    cpu_set_add(&only, (unsigned)p.pcpu);
    r = vcpu_set_affinity(v, &only);
    if (!r) {
        cpu_set_copy(&v->sched.saved_affinity, &had);
        v->sched.overridden = true;
    }
    return r;
}

int64_t hypercall_do_sched_op(uint64_t cmd, uint64_t arg)
{
    struct vcpu *v = current_vcpu();
    struct sched_poll p;

    if (unlikely(v->poll_port)) /* the poll that ended last */
        poll_end(v);
    switch (cmd) {
    case SCHEDOP_yield:
        scheduler_yield();
        return 0;
    case SCHEDOP_block:
        return block(v);
    case SCHEDOP_shutdown:
        return shutdown_self(v->domain, arg);
    case SCHEDOP_poll:
        return guest_read(&p, arg, sizeof(p)) ? -EFAULT : poll(v, &p);
    case SCHEDOP_remote_shutdown:
        return shutdown_remote(arg);
    case SCHEDOP_watchdog:
        return watchdog(v->domain, arg);
    case SCHEDOP_shutdown_code:
        return shutdown_code(v->domain, arg);
    case SCHEDOP_pin_override:
        return pin_override(v, arg);
    default:
        return -ENOSYS;
    }
}

int64_t hypercall_do_set_timer_op(uint64_t when)
{
    struct vcpu *v = current_vcpu();
    uint64_t now = clock_now();

    /* Far ahead, or negative: a guest whose own time wraps has work to do, others mean never.  As
     * Xen does: soon, but not at once. */
    if ((int64_t)when < 0 || (when > now && (when - now) >> 50))
        when = now + 100 * 1000 * 1000;
    if (!when)
        timer_stop(&v->singleshot);
    else
        timer_set(&v->singleshot, v->sched.cpu, when);
    return 0;
}

static int64_t initialise(struct vcpu *v, uint64_t arg)
{
    struct vcpu_guest_context *c;
    int64_t r;

    if (v->domain->vcpus[0] == v)
        return -EINVAL;
    if (v->info == &v->own_info)
        return -EINVAL; /* it would never learn of an event */
    c = heap_allocate(sizeof(*c));
    if (!c)
        return -ENOMEM;
    r = guest_read(c, arg, sizeof(*c));
    if (!r)
        r = vcpu_initialise(v, c);
    heap_free(c, sizeof(*c));
    return r;
}

static int set_periodic(struct vcpu *v, uint64_t arg)
{
    struct vcpu_set_periodic_timer p;

    if (guest_read(&p, arg, sizeof(p)))
        return -EFAULT;
    if (p.period_ns < PERIOD_MIN_NS || p.period_ns > PERIOD_MAX_NS)
        return -EINVAL;
    write_once(v->periodic_ns, p.period_ns);
    /* On this CPU: another one is not to be told of as many timers as we can set. */
    timer_set(&v->periodic, this_cpu()->id, clock_now() + p.period_ns);
    return 0;
}

static int set_singleshot(struct vcpu *v, uint64_t arg)
{
    struct vcpu_set_singleshot_timer s;

    if (v != current_vcpu())
        return -EINVAL;
    if (guest_read(&s, arg, sizeof(s)))
        return -EFAULT;
    timer_set(&v->singleshot, v->sched.cpu, deadline(s.timeout_abs_ns));
    return 0;
}

/* Once only, and for another vCPU only before it runs.  False: refused. */
static bool info_move(struct vcpu *v, struct vcpu_info *to)
{
    bool allowed;

    spin_lock(&v->state_lock);
    allowed = mfn_is_none(v->info_frame) && (v == current_vcpu() || (v->stopped & VCPU_DOWN));
    if (allowed) {
        *to = *v->info;
        v->info_frame = virt_mfn((void *)((uint64_t)to & PAGE_MASK));
        atomic_store(&v->info, to);
    }
    spin_unlock(&v->state_lock);
    return allowed;
}

static int register_info(struct vcpu *v, uint64_t arg)
{
    struct vcpu_register_vcpu_info r;
    struct vcpu_info *to;
    mfn_t m;

    if (guest_read(&r, arg, sizeof(r)))
        return -EFAULT;
    if (r.offset > PAGE_SIZE - sizeof(*to) || (r.offset & 7))
        return -ENXIO;
    if (guest_frame_get_writable(v->domain, r.mfn, &m))
        return -EINVAL;
    to = (struct vcpu_info *)((char *)frame_virt(m) + r.offset);
    if (!info_move(v, to)) {
        frame_put_writable(m);
        return -EINVAL;
    }
    v->domain->mode->written_by_others(v->domain, m); /* now it is known whose it is */
    guest_clock_update(v);
    /* An event may have gone to the old place meanwhile: have the guest look at everything. */
    to->evtchn_pending_sel = UINT64_MAX;
    vcpu_notify(v);
    return 0;
}

static int get_runstate(struct vcpu *v, uint64_t arg)
{
    struct vcpu_runstate_info r;

    vcpu_runstate(v, &r);
    return guest_write(arg, &r, sizeof(r));
}

static int register_runstate(struct vcpu *v, uint64_t arg)
{
    struct vcpu_register_runstate_memory_area a;

    if (guest_read(&a, arg, sizeof(a)))
        return -EFAULT;
    if (!guest_range_ok(a.addr, sizeof(struct vcpu_runstate_info)))
        return -EFAULT;
    v->runstate_area = a.addr;
    if (v == current_vcpu()) {
        runstate_publish(v);
        return 0;
    }
    /* What it is now; when it runs next it keeps the area itself.  As under Xen, an area that is
     * not mapped yet is no error. */
    (void)!get_runstate(v, a.addr);
    return 0;
}

static int register_time(struct vcpu *v, uint64_t arg)
{
    struct vcpu_register_time_memory_area a;

    if (guest_read(&a, arg, sizeof(a)))
        return -EFAULT;
    if (!guest_range_ok(a.addr, sizeof(struct vcpu_time_info)))
        return -EFAULT;
    v->time_area = a.addr;
    guest_clock_update(v);
    return 0;
}

static int vcpu_up(struct vcpu *v)
{
    if (atomic_load(&v->first_state) != VCPU_STATE_SET)
        return -EINVAL;
    vcpu_start(v, VCPU_DOWN);
    return 0;
}

int64_t hypercall_do_vcpu_op(uint64_t cmd, uint64_t id, uint64_t arg)
{
    struct vcpu *v = vcpu_find(current_domain(), (uint32_t)id);
    int64_t r;

    if (!v)
        return -ENOENT;
    switch (cmd) {
    case VCPUOP_initialise:
        r = initialise(v, arg);
        return r == -ERESTART ? continuation(NR_vcpu_op, cmd, id, arg, 0, 0) : r;
    case VCPUOP_up:
        return vcpu_up(v);
    case VCPUOP_down:
        vcpu_stop(v, VCPU_DOWN);
        return 0;
    case VCPUOP_is_up:
        return !(v->stopped & VCPU_DOWN);
    case VCPUOP_get_runstate_info:
        return get_runstate(v, arg);
    case VCPUOP_register_runstate_memory_area:
        return register_runstate(v, arg);
    case VCPUOP_set_periodic_timer:
        return set_periodic(v, arg);
    case VCPUOP_stop_periodic_timer:
        write_once(v->periodic_ns, 0);
        timer_stop(&v->periodic);
        return 0;
    case VCPUOP_set_singleshot_timer:
        return set_singleshot(v, arg);
    case VCPUOP_stop_singleshot_timer:
        if (v != current_vcpu())
            return -EINVAL;
        timer_stop(&v->singleshot);
        return 0;
    case VCPUOP_register_vcpu_info:
        return register_info(v, arg);
    case VCPUOP_send_nmi:
        if (arg)
            return -EINVAL;
        vcpu_nmi(v);
        return 0;
    case VCPUOP_register_vcpu_time_memory_area:
        return register_time(v, arg);
    default:
        return -ENOSYS;
    }
}
