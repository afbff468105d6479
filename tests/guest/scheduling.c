/*
 * sched_op and vcpu_op: yielding, blocking, polling with a time limit, one-shot timers, run state,
 * and what is refused.
 */
#include "guest-test.h"
#include "hypercall-abi/sched.h"
#include "pv-kernel/clock.h"
#include "pv-kernel/event-ports.h"
#include "pv-kernel/frames.h"

static struct vcpu_runstate_info runstate;
static volatile unsigned int ticks;

static void tick(evtchn_port_t port, void *arg)
{
    (void)port;
    (void)arg;
    ticks++;
}

static int64_t vcpu_op(unsigned int op, unsigned int vcpu, void *arg)
{
    return hypercall_vcpu_op(op, vcpu, HYPERCALL_ARG(arg));
}

static void polls(void)
{
    evtchn_port_t ports[1], b;
    struct sched_poll poll = { .ports = HYPERCALL_ARG(ports), .nr_ports = 1 };
    uint64_t start = clock_monotonic_ns();
    int64_t result = 0;
    bool masked;

    event_port_alloc_unbound(DOMID_SELF, DOMID_SELF, &ports[0]);
    event_port_bind_interdomain(DOMID_SELF, ports[0], &b);
    poll.timeout = start + 20000000;
    /* An event of whatever port ends it early, and the console's may come at any time. */
    for (int i = 0; i < 50 && !result && clock_monotonic_ns() < poll.timeout; i++)
        result = hypercall_sched_op(SCHEDOP_poll, HYPERCALL_ARG(&poll));
    check("poll until a time", result, 0);
    check_true("that took it", clock_monotonic_ns() >= start + 19000000);
    event_port_notify(b);
    poll.timeout = 0;
    check("poll a pending port", hypercall_sched_op(SCHEDOP_poll, HYPERCALL_ARG(&poll)), 0);
    /* Masked: Xen answers a poll with 0 before it looks at the ports if any event is waiting. */
    masked = events_mask_save();
    ports[0] = 1u << 30;
    check("poll no port", hypercall_sched_op(SCHEDOP_poll, HYPERCALL_ARG(&poll)), -XEN_EINVAL);
    poll.nr_ports = 1000;
    check("poll too many", hypercall_sched_op(SCHEDOP_poll, HYPERCALL_ARG(&poll)), -XEN_EINVAL);
    poll.nr_ports = 1;
    poll.ports = BAD_POINTER;
    check("poll a wild list", hypercall_sched_op(SCHEDOP_poll, HYPERCALL_ARG(&poll)), -XEN_EFAULT);
    events_mask_restore(masked);
    event_port_close(b);
}

/* Waits for n ticks, a second at most. */
static bool ticked(unsigned int n)
{
    uint64_t limit = clock_monotonic_ns() + 1000000000;

    while (ticks < n && clock_monotonic_ns() < limit)
        hypercall_sched_op(SCHEDOP_yield, 0);
    return ticks >= n;
}

static void timers(void)
{
    struct vcpu_set_singleshot_timer timer = { .timeout_abs_ns = 1 };
    struct vcpu_set_periodic_timer period = { .period_ns = 1 };
    evtchn_port_t port;

    event_port_bind_virq(VIRQ_TIMER, &port);
    event_port_set_handler(port, tick, NULL);
    timer.flags = VCPU_SSHOTTMR_future;
    check("one-shot in the past, future only", vcpu_op(VCPUOP_set_singleshot_timer, 0, &timer),
          0); /* Xen 4.17 fires it at once, whatever the flag */
    timer.flags = 0;
    check("one-shot in the past", vcpu_op(VCPUOP_set_singleshot_timer, 0, &timer), 0);
    check_true("fires at once", ticked(1));
    check("stop one-shot", vcpu_op(VCPUOP_stop_singleshot_timer, 0, NULL), 0);
    check("period too short", vcpu_op(VCPUOP_set_periodic_timer, 0, &period), -XEN_EINVAL);
    period.period_ns = 5000000;
    ticks = 0;
    check("periodic", vcpu_op(VCPUOP_set_periodic_timer, 0, &period), 0);
    check_true("ticks", ticked(3));
    check("stop periodic", vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL), 0);
    ticks = 0;
    check("set_timer_op", hypercall_set_timer_op(clock_monotonic_ns() + 1000000), 0);
    check_true("it fired", ticked(1));
    event_port_close(port);
}

static int64_t pin(int32_t cpu)
{
    struct sched_pin_override op = { .pcpu = cpu };

    return hypercall_sched_op(SCHEDOP_pin_override, HYPERCALL_ARG(&op));
}

/* The initial domain may bind its vCPU to a CPU for a while. */
static void pins(void)
{
    if (!kernel_is_initial_domain()) {
        check("pin", pin(0), -XEN_EPERM);
        return;
    }
    check("no pin to take back", pin(-1), -XEN_EINVAL);
    check("no such CPU", pin(4000), -XEN_EINVAL);
    check("pin", pin(1), 0);
    check("pin twice", pin(0), -XEN_EBUSY);
    check("no such CPU, twice", pin(4000), -XEN_EINVAL);
    check("take it back", pin(-1), 0);
    check("back twice", pin(-1), -XEN_EINVAL);
    check("pin, wild", hypercall_sched_op(SCHEDOP_pin_override, BAD_POINTER), -XEN_EFAULT);
}

void guest_test(void)
{
    struct vcpu_register_runstate_memory_area area = { .addr = HYPERCALL_ARG(&runstate) };
    struct vcpu_register_vcpu_info info = { .mfn = frames_virt_to_mfn(&runstate), .offset = 4040 };
    struct sched_shutdown reason = { .reason = SHUTDOWN_poweroff };
    struct vcpu_runstate_info now;

    check("yield", hypercall_sched_op(SCHEDOP_yield, 0), 0);
    check("unknown", hypercall_sched_op(99, 0), -XEN_ENOSYS);
    check("vCPU 0 is up", vcpu_op(VCPUOP_is_up, 0, NULL), 1);
    check("vCPU 4000", vcpu_op(VCPUOP_is_up, 4000, NULL), -XEN_ENOENT);
    check("up without a state", vcpu_op(VCPUOP_up, 4000, NULL), -XEN_ENOENT);
    check("run state", vcpu_op(VCPUOP_get_runstate_info, 0, &now), 0);
    check("running", now.state, RUNSTATE_running);
    check("register run state", vcpu_op(VCPUOP_register_runstate_memory_area, 0, &area), 0);
    check("kept running", ((volatile struct vcpu_runstate_info *)&runstate)->state,
          RUNSTATE_running);
    check("vcpu_info across a page", vcpu_op(VCPUOP_register_vcpu_info, 0, &info), -XEN_ENXIO);
    info = (struct vcpu_register_vcpu_info){ .mfn = ~0UL >> 12 };
    check("vcpu_info in a wild frame", vcpu_op(VCPUOP_register_vcpu_info, 0, &info), -XEN_EINVAL);
    check("unknown vcpu_op", vcpu_op(99, 0, NULL), -XEN_ENOSYS);
    polls();
    timers();
    pins();
    check("shutdown code", hypercall_sched_op(SCHEDOP_shutdown_code, HYPERCALL_ARG(&reason)), 0);
    check("a second one", hypercall_sched_op(SCHEDOP_shutdown_code, HYPERCALL_ARG(&reason)), 0);
    check("shutdown, wild", hypercall_sched_op(SCHEDOP_shutdown, BAD_POINTER), -XEN_EFAULT);
}
