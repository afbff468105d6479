/*
 * Another vCPU: VCPUOP_initialise with a whole context, up, its own events, down; and what is
 * refused.  The second vCPU runs C on a stack of its own and answers through memory and an event.
 */
#include "guest-test.h"
#include "hypercall-abi/cpu.h"
#include "hypercall-abi/sched.h"
#include "pv-kernel/clock.h"
#include "pv-kernel/event-ports.h"
#include "pv-kernel/frames.h"

static struct vcpu_guest_context context;
static volatile int alive;
static volatile unsigned int heard;
static evtchn_port_t port;

void event_entry(void);
void failsafe_entry(void);

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

static bool becomes(int state)
{
    uint64_t limit = clock_monotonic_ns() + 5000000000;

    while (alive != state && clock_monotonic_ns() < limit)
        hypercall_sched_op(SCHEDOP_yield, 0);
    return alive == state;
}

static void fill_context(void)
{
    char *stack = frames_alloc(2);

    context.flags = VGCF_in_kernel;
    context.user_regs.rip = (uint64_t)(uintptr_t)second;
    context.user_regs.rsp = (uint64_t)(uintptr_t)stack + 16384 - 8;
    context.user_regs.cs = FLAT_KERNEL_CS;
    context.user_regs.ss = FLAT_KERNEL_SS;
    context.user_regs.rflags = 0x1000;
    context.kernel_ss = FLAT_KERNEL_SS;
    context.kernel_sp = context.user_regs.rsp;
    context.event_callback_eip = (uint64_t)(uintptr_t)event_entry;
    context.failsafe_callback_eip = (uint64_t)(uintptr_t)failsafe_entry;
    context.ctrlreg[3] = frames_virt_to_mfn((void *)start_info->pt_base) << PAGE_SHIFT;
}

static void refusals(void)
{
    uint64_t root = context.ctrlreg[3];

    check("initialise, wild", hypercall_vcpu_op(VCPUOP_initialise, 1, BAD_POINTER), -XEN_EFAULT);
    check("up before initialise", hypercall_vcpu_op(VCPUOP_up, 1, 0), -XEN_EINVAL);
    check("initialise no vCPU", hypercall_vcpu_op(VCPUOP_initialise, 4000, HYPERCALL_ARG(&context)),
          -XEN_ENOENT);
    context.ctrlreg[3] = frames_virt_to_mfn(&context) << PAGE_SHIFT;
    check("root that is no table", hypercall_vcpu_op(VCPUOP_initialise, 1, HYPERCALL_ARG(&context)),
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
    check_true("it runs", becomes(1));
    check("is up", hypercall_vcpu_op(VCPUOP_is_up, 1, 0), 1);
    for (int i = 0; i < 100000 && !heard; i++)
        hypercall_sched_op(SCHEDOP_yield, 0);
    check("its event came", heard, 1);
    alive = 2;
    check_true("goes down", becomes(3));
    for (int i = 0; i < 100000 && hypercall_vcpu_op(VCPUOP_is_up, 1, 0); i++)
        hypercall_sched_op(SCHEDOP_yield, 0);
    check("is down", hypercall_vcpu_op(VCPUOP_is_up, 1, 0), 0);
    check("up again", hypercall_vcpu_op(VCPUOP_up, 1, 0), 0);
    check_true("goes on where it was", becomes(4));
    check("down from outside", hypercall_vcpu_op(VCPUOP_down, 1, 0), 0);
}

void guest_test(void)
{
    fill_context();
    refusals();
    second_runs();
}
