/*
 * Another vCPU: VCPUOP_initialise with a whole context, up, its own events, down; and what is
 * refused.  The second vCPU runs C on a stack of its own and answers through memory and an event.
 */
#include "second-vcpu.h"
#include "pv-kernel/event-ports.h"
#include "pv-kernel/page-tables.h"

#define NO_FRAME (1UL << 35)

static struct vcpu_guest_context context;
static volatile int alive;
static volatile unsigned int heard;
static evtchn_port_t port;

static void listen(evtchn_port_t from, void *arg)
{
    (void)from;
    (void)arg;
    heard++;
}

/* On vCPU 1, events masked. */
static void second(void)
{
    event_port_notify(port);
    alive = 1;
    while (alive == 1)
        hypercall_sched_op(SCHEDOP_yield, 0);
    alive = 3;
    hypercall_vcpu_op(VCPUOP_down, 1, 0);
    alive = 4; /* comes here when it is brought up again */
    for (;;)
        hypercall_sched_op(SCHEDOP_yield, 0);
}

static void refusals(void)
{
    uint64_t root = context.ctrlreg[3];

    check("initialise, wild", hypercall_vcpu_op(VCPUOP_initialise, 1, BAD_POINTER), -XEN_EFAULT);
    check("up before initialise", hypercall_vcpu_op(VCPUOP_up, 1, 0), -XEN_EINVAL);
    check("initialise no vCPU", hypercall_vcpu_op(VCPUOP_initialise, 4000, HYPERCALL_ARG(&context)),
          -XEN_ENOENT);
    context.ctrlreg[3] = page_tables_translated() ? NO_FRAME << PAGE_SHIFT
                                                  : frames_virt_to_mfn(&context) << PAGE_SHIFT;
    check("root that is no table", hypercall_vcpu_op(VCPUOP_initialise, 1, HYPERCALL_ARG(&context)),
          -XEN_EINVAL);
    context.ctrlreg[3] = NO_FRAME << PAGE_SHIFT;
    check("root that is no frame", hypercall_vcpu_op(VCPUOP_initialise, 1, HYPERCALL_ARG(&context)),
          -XEN_EINVAL);
    context.ctrlreg[3] = root;
}

static void second_runs(void)
{
    struct evtchn_bind_ipi ipi = { .vcpu = 0 };

    hypercall_event_channel_op(EVTCHNOP_bind_ipi, HYPERCALL_ARG(&ipi));
    port = ipi.port;
    event_port_set_handler(port, listen, NULL);
    check("initialise", hypercall_vcpu_op(VCPUOP_initialise, 1, HYPERCALL_ARG(&context)), 0);
    check("initialise twice", hypercall_vcpu_op(VCPUOP_initialise, 1, HYPERCALL_ARG(&context)),
          -XEN_EEXIST);
    check("not up yet", hypercall_vcpu_op(VCPUOP_is_up, 1, 0), 0);
    check("up", hypercall_vcpu_op(VCPUOP_up, 1, 0), 0);
    check_true("it runs", second_vcpu_says(&alive, 1));
    check("is up", hypercall_vcpu_op(VCPUOP_is_up, 1, 0), 1);
    for (int i = 0; i < 100000 && !heard; i++)
        hypercall_sched_op(SCHEDOP_yield, 0);
    check("its event came", heard, 1);
    alive = 2;
    check_true("goes down", second_vcpu_says(&alive, 3));
    for (int i = 0; i < 100000 && hypercall_vcpu_op(VCPUOP_is_up, 1, 0); i++)
        hypercall_sched_op(SCHEDOP_yield, 0);
    check("is down", hypercall_vcpu_op(VCPUOP_is_up, 1, 0), 0);
    check("up again", hypercall_vcpu_op(VCPUOP_up, 1, 0), 0);
    check_true("goes on where it was", second_vcpu_says(&alive, 4));
    check("down from outside", hypercall_vcpu_op(VCPUOP_down, 1, 0), 0);
}

void guest_test(void)
{
    second_vcpu_context(&context, second);
    refusals();
    second_runs();
}
