/*
 * NMIs that vCPUs send each other: through events that are masked, to who sleeps, one at a time.
 * And watchdogs, for which Linux wants them.
 */
#include "hypercall-abi/cpu.h"
#include "pv-kernel/event-ports.h"
#include "pv-kernel/traps.h"
#include "second-vcpu.h"

void trap_2(void);

static volatile int came, inside, deepest, again;

static int64_t send(uint64_t vcpu)
{
    return hypercall_vcpu_op(VCPUOP_send_nmi, vcpu, 0);
}

static bool nmi(struct trap_frame *frame)
{
    (void)frame;
    if (++inside > deepest)
        deepest = inside;
    came++;
    if (again) {
        again--;
        send(0);
        hypercall_xen_version(0, 0);
    }
    inside--;
    return true;
}

static void to_itself(void)
{
    struct callback_unregister none = { .type = CALLBACKTYPE_nmi };
    struct callback_register one = { .type = CALLBACKTYPE_nmi,
                                     .address = (uint64_t)(uintptr_t)trap_2 };
    bool was = events_mask_save();

    check("send", send(0), 0);
    check("came", came, 1);
    again = 2;
    check("send more", send(0), 0);
    check("all came", came, 4);
    check("one after the other", deepest, 1); /* an event's return would have let the next in */
    events_mask_restore(was);
    check("to no vCPU", send(4000), -XEN_ENOENT);
    check("with an argument", hypercall_vcpu_op(VCPUOP_send_nmi, 0, HYPERCALL_ARG(&one)),
          -XEN_EINVAL);
    check("no handler", hypercall_callback_op(CALLBACKOP_unregister, HYPERCALL_ARG(&none)), 0);
    check("send", send(0), 0);
    check("lost", came, 4);
    check("a handler", hypercall_callback_op(CALLBACKOP_register, HYPERCALL_ARG(&one)), 0);
    one.address = 0x8000000000000000UL;
    check("nowhere", hypercall_callback_op(CALLBACKOP_register, HYPERCALL_ARG(&one)), -XEN_EINVAL);
    check("send", send(0), 0);
    check("came again", came, 5);
}

static volatile int turn; /* of the second vCPU: 1 it runs, 2 it has been woken, 3 it is through */

static void second(void)
{
    traps_start();
    turn = 1;
    hypercall_sched_op(SCHEDOP_block, 0);
    turn = 2;
    while (came < 7)
        ;
    turn = 3;
    hypercall_vcpu_op(VCPUOP_down, 1, 0);
}

static void to_another(void)
{
    uint64_t limit;

    check("make vCPU 1", second_vcpu_make(second), 0);
    check("up", hypercall_vcpu_op(VCPUOP_up, 1, 0), 0);
    check_true("it runs", second_vcpu_says(&turn, 1));
    for (limit = clock_monotonic_ns() + 50000000; clock_monotonic_ns() < limit;)
        hypercall_sched_op(SCHEDOP_yield, 0); /* it sleeps by now */
    check("send", send(1), 0);
    check_true("it wakes", second_vcpu_says(&turn, 2));
    check("by it", came, 6);
    check("send", send(1), 0);
    check_true("while it runs", second_vcpu_says(&turn, 3));
    check("two of them", came, 7);
}

static int64_t watchdog(uint32_t id, uint32_t timeout)
{
    struct sched_watchdog set = { .id = id, .timeout = timeout };

    return hypercall_sched_op(SCHEDOP_watchdog, HYPERCALL_ARG(&set));
}

static void watchdogs(void)
{
    check("one", watchdog(0, 1000), 1);
    check("another", watchdog(0, ~0u), 2);
    check("no third", (int32_t)watchdog(0, 1000), -XEN_ENOSPC); /* Xen's has 32 bits */
    check("anew", watchdog(1, 500), 0);
    check("no such", watchdog(3, 500), -XEN_EINVAL);
    check("wild", hypercall_sched_op(SCHEDOP_watchdog, BAD_POINTER), -XEN_EFAULT);
    check("end", watchdog(1, 0), 0);
    check("end twice", watchdog(1, 0), -XEN_EINVAL);
    check("anew after its end", watchdog(1, 5), -XEN_EINVAL);
    check("the same again", watchdog(0, 1000), 1);
    check("end both", watchdog(1, 0) | watchdog(2, 0), 0);
}

void guest_test(void)
{
    trap_set_handler(2, nmi);
    to_itself();
    to_another();
    watchdogs();
}
