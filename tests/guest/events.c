/*
 * Event channels, 2-level: ports of each kind, delivery through mask and pending bits, and the
 * refusals.  Ports are bound to ourselves, so one domain is enough.
 */
#include "console-again.h"
#include "hypercall-abi/sched.h"
#include "pv-kernel/clock.h"
#include "pv-kernel/event-ports.h"

static volatile unsigned int calls;

static void count_call(evtchn_port_t port, void *arg)
{
    (void)port;
    (void)arg;
    calls++;
}

static int64_t op(unsigned int number, void *arg)
{
    return hypercall_event_channel_op(number, HYPERCALL_ARG(arg));
}

static uint32_t status_of(evtchn_port_t port)
{
    struct evtchn_status s = { .dom = DOMID_SELF, .port = port };
    int64_t result = op(EVTCHNOP_status, &s);

    return result ? (uint32_t)result : s.status;
}

static void loopback(void)
{
    evtchn_port_t a, b;
    struct evtchn_bind_interdomain again;

    check("alloc unbound", event_port_alloc_unbound(DOMID_SELF, DOMID_SELF, &a), 0);
    check("is unbound", status_of(a), EVTCHNSTAT_unbound);
    check("bind to ourselves", event_port_bind_interdomain(DOMID_SELF, a, &b), 0);
    check("is interdomain", status_of(a), EVTCHNSTAT_interdomain);
    event_port_set_handler(a, count_call, NULL);
    calls = 0;
    check("send", event_port_notify(b), 0);
    check("delivered at once", calls, 1);
    event_port_mask(a);
    event_port_notify(b);
    event_port_notify(b);
    check("masked port", calls, 1);
    event_port_unmask(a);
    hypercall_xen_version(0, 0);
    check("one event for two sends", calls, 2);
    bool was = events_mask_save();
    event_port_notify(b);
    check("masked vCPU", calls, 2);
    events_mask_restore(was);
    check("let in", calls, 3);
    again = (struct evtchn_bind_interdomain){ .remote_dom = DOMID_SELF, .remote_port = a };
    check("bind a bound port", op(EVTCHNOP_bind_interdomain, &again), -XEN_EINVAL);
    check("close", event_port_close(b), 0);
    check("other end is unbound again", status_of(a), EVTCHNSTAT_unbound);
    check("send to nobody", event_port_notify(a), 0);
    check("close the other", event_port_close(a), 0);
    check("close twice", event_port_close(a), -XEN_EINVAL);
    check("send on closed", event_port_notify(a), -XEN_EINVAL);
    check("is closed", status_of(a), EVTCHNSTAT_closed);
}

static void virtual_interrupts(void)
{
    struct evtchn_bind_virq bad = { .virq = VIRQ_TIMER, .vcpu = 0 };
    evtchn_port_t timer;

    check("bind timer", event_port_bind_virq(VIRQ_TIMER, &timer), 0);
    check("is a virq", status_of(timer), EVTCHNSTAT_virq);
    check("bind it twice", op(EVTCHNOP_bind_virq, &bad), -XEN_EEXIST);
    bad.virq = 24;
    check("no such virq", op(EVTCHNOP_bind_virq, &bad), -XEN_EINVAL);
    bad = (struct evtchn_bind_virq){ .virq = VIRQ_DEBUG, .vcpu = 4000 };
    check("no such vCPU", op(EVTCHNOP_bind_virq, &bad), -XEN_ENOENT);
    bad = (struct evtchn_bind_virq){ .virq = VIRQ_CON_RING, .vcpu = 1 };
    check("a global virq on vCPU 1", op(EVTCHNOP_bind_virq, &bad), -XEN_EINVAL);
    calls = 0;
    event_port_set_handler(timer, count_call, NULL);
    events_mask_save(); /* the event must not come between the look and the block */
    clock_set_timer(clock_monotonic_ns() + 1000000);
    while (!calls) {
        events_block();
        events_mask_save();
    }
    events_mask_restore(false);
    check("timer", calls, 1);
    check("close timer", event_port_close(timer), 0);
}

static void between_vcpus(void)
{
    struct evtchn_bind_ipi ipi = { .vcpu = 0 };
    struct evtchn_bind_vcpu bind = { 0 };

    check("bind ipi", op(EVTCHNOP_bind_ipi, &ipi), 0);
    check("is an ipi", status_of(ipi.port), EVTCHNSTAT_ipi);
    calls = 0;
    event_port_set_handler(ipi.port, count_call, NULL);
    event_port_notify(ipi.port);
    check("ipi to itself", calls, 1);
    bind.port = ipi.port;
    check("move an ipi", op(EVTCHNOP_bind_vcpu, &bind), -XEN_EINVAL);
    event_port_close(ipi.port);
    ipi.vcpu = 4000;
    check("ipi to no vCPU", op(EVTCHNOP_bind_ipi, &ipi), -XEN_ENOENT);
}

/* A port whose word of the pending bits is nobody else's: no event of the console or the store
 * makes a vCPU look there.  Those taken on the way to it are in `below`. */
static evtchn_port_t port_apart(evtchn_port_t below[64], unsigned int *count)
{
    evtchn_port_t port;

    *count = 0;
    while (!event_port_alloc_unbound(DOMID_SELF, DOMID_SELF, &port) && port < 64)
        below[(*count)++] = port;
    return port;
}

/* A port's events go to the vCPU it is bound to, which need not run. */
static void moved(void)
{
    evtchn_port_t below[64];
    unsigned int count;

    volatile struct vcpu_info *second = &shared_info->vcpu_info[1];
    struct evtchn_bind_vcpu bind = { .vcpu = 1 };
    struct evtchn_status status = { .dom = DOMID_SELF };
    evtchn_port_t a, b;

    a = port_apart(below, &count);
    while (count)
        event_port_close(below[--count]);
    event_port_bind_interdomain(DOMID_SELF, a, &b);
    event_port_set_handler(a, count_call, NULL);
    hypercall_xen_version(0, 0);
    bind.port = status.port = a;
    second->evtchn_pending_sel = 0;
    second->evtchn_upcall_pending = 0;
    calls = 0;
    check("bind to vCPU 1", op(EVTCHNOP_bind_vcpu, &bind), 0);
    check("ask", op(EVTCHNOP_status, &status), 0);
    check("it is there", status.vcpu, 1);
    event_port_notify(b);
    check("not on this one", calls, 0);
    check("but on that one", second->evtchn_upcall_pending, 1);
    check_true("in its word", second->evtchn_pending_sel & 1UL << a / 64);
    shared_info->evtchn_pending[a / 64] &= ~(1UL << a % 64);
    bind.vcpu = 4000;
    check("bind to no vCPU", op(EVTCHNOP_bind_vcpu, &bind), -XEN_ENOENT);
    bind.vcpu = 2;
    check("nor to one too many", op(EVTCHNOP_bind_vcpu, &bind), -XEN_ENOENT);
    bind.vcpu = 0;
    check("bind back", op(EVTCHNOP_bind_vcpu, &bind), 0);
    event_port_notify(b);
    check("on this one again", calls, 1);
    event_port_close(b);
    event_port_close(a);
}

static void reset(void)
{
    struct evtchn_status status = { .dom = DOMID_SELF };
    struct evtchn_reset whose = { .dom = DOMID_SELF };
    struct evtchn_bind_virq timer = { .virq = VIRQ_TIMER };
    evtchn_port_t console = start_info->console.domU.evtchn, ports[3], first;
    int64_t results[5];

    check("a virq first", event_port_bind_virq(VIRQ_TIMER, &ports[0]), 0);
    event_port_alloc_unbound(DOMID_SELF, DOMID_SELF, &ports[1]);
    event_port_bind_interdomain(DOMID_SELF, ports[1], &ports[2]);
    event_port_mask(ports[1]);
    event_port_notify(ports[2]); /* pending: not for who gets the number next */
    status.port = console;
    if (!kernel_is_initial_domain())
        op(EVTCHNOP_status, &status);
    results[0] = op(EVTCHNOP_reset, &whose);
    /* No output before the console is back. */
    for (int i = 0; i < 3; i++)
        results[i + 1] = status_of(ports[i]);
    results[4] = (int64_t)(shared_info->evtchn_pending[ports[1] / 64] >> ports[1] % 64 & 1);
    console_again(console, status.u.interdomain.port);
    check("reset", results[0], 0);
    for (int i = 0; i < 3; i++)
        check("is closed by it", results[i + 1], EVTCHNSTAT_closed);
    check("nothing is pending", results[4], 0);
    check("the virq is free", op(EVTCHNOP_bind_virq, &timer), 0);
    check("a port is", event_port_alloc_unbound(DOMID_SELF, DOMID_SELF, &first), 0);
    check("is unbound", status_of(first), EVTCHNSTAT_unbound);
    whose.dom = 4321;
    check_true("reset nobody's", op(EVTCHNOP_reset, &whose) < 0);
    check("reset, wild", op(EVTCHNOP_reset, (void *)BAD_POINTER), -XEN_EFAULT);
}

static void refusals(void)
{
    struct evtchn_alloc_unbound alloc = { .dom = 4321, .remote_dom = DOMID_SELF };
    struct evtchn_bind_interdomain bind = { .remote_dom = 4321, .remote_port = 1 };
    struct evtchn_unmask unmask = { .port = 5000 };
    struct evtchn_send send = { .port = 0 };
    struct evtchn_status status = { .dom = DOMID_SELF, .port = 1u << 20 };
    struct evtchn_close close = { .port = ~0u };

    check("send on port 0", op(EVTCHNOP_send, &send), -XEN_EINVAL);
    send.port = ~0u;
    check("send on port ~0", op(EVTCHNOP_send, &send), -XEN_EINVAL);
    check("close port ~0", op(EVTCHNOP_close, &close), -XEN_EINVAL);
    check("unmask port 5000", op(EVTCHNOP_unmask, &unmask), -XEN_EINVAL);
    check("status of port 2^20", op(EVTCHNOP_status, &status), -XEN_EINVAL);
    check("alloc for nobody", op(EVTCHNOP_alloc_unbound, &alloc),
          kernel_is_initial_domain() ? -XEN_ESRCH : -XEN_ESRCH);
    check("bind to nobody", op(EVTCHNOP_bind_interdomain, &bind), -XEN_ESRCH);
    bind = (struct evtchn_bind_interdomain){ .remote_dom = DOMID_SELF, .remote_port = 4000 };
    check("bind to no port", op(EVTCHNOP_bind_interdomain, &bind), -XEN_EINVAL);
    check("wild argument", op(EVTCHNOP_send, (void *)BAD_POINTER), -XEN_EFAULT);
    check("unknown", op(99, &send), -XEN_ENOSYS);
}

void guest_test(void)
{
    loopback();
    virtual_interrupts();
    between_vcpus();
    moved();
    refusals();
    reset();
}
