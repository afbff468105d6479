/*
 * A second vCPU for a test guest: runs a C function on a stack of its own, in the kernel's address
 * space, with events masked.
 */
#ifndef TESTS_GUEST_SECOND_VCPU_H
#define TESTS_GUEST_SECOND_VCPU_H

#include "guest-test.h"
#include "hypercall-abi/cpu.h"
#include "hypercall-abi/sched.h"
#include "pv-kernel/clock.h"
#include "pv-kernel/frames.h"
#include "tests/vcpu-context.h"

static inline void second_vcpu_context(struct vcpu_guest_context *c, void (*fn)(void))
{
    vcpu_context_fill(c, fn, frames_alloc(2), 4 * PAGE_SIZE);
}

/* vCPU 1 has its registers and is still down; 0 or -errno. */
static inline int64_t second_vcpu_make(void (*fn)(void))
{
    static struct vcpu_guest_context context;

    second_vcpu_context(&context, fn);
    return hypercall_vcpu_op(VCPUOP_initialise, 1, HYPERCALL_ARG(&context));
}

/* Waits for *where, which only grows, to become `wanted` or more, five seconds at most. */
static inline bool second_vcpu_says(const volatile int *where, int wanted)
{
    uint64_t limit = clock_monotonic_ns() + 5000000000;

    while (*where < wanted && clock_monotonic_ns() < limit)
        hypercall_sched_op(SCHEDOP_yield, 0);
    return *where >= wanted;
}

/* The running vCPU of the initial domain moves to a CPU and stays; other domains' go anywhere. */
static inline void vcpu_stays_on(int32_t cpu)
{
    struct sched_pin_override pin = { .pcpu = cpu };

    if (kernel_is_initial_domain())
        hypercall_sched_op(SCHEDOP_pin_override, HYPERCALL_ARG(&pin));
}

#endif
