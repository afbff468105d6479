/*
 * The run-state area: filled when it is registered, for oneself and for another vCPU; kept up while
 * that one runs and sleeps; and with VMASST_TYPE_runstate_update_flag marked while it changes, so
 * that a reader who saw no mark, twice the same, has a copy that adds up.
 */
#include "second-vcpu.h"

#define SAMPLES 20000

static struct vcpu_runstate_info own, other, unaligned_room[2];
static volatile int phase; /* of the second vCPU */

static void second(void)
{
    struct vcpu_set_singleshot_timer timer = { 0 };

    phase = 1;
    while (phase == 1) {
        hypercall_sched_op(SCHEDOP_yield, 0);
        timer.timeout_abs_ns = clock_monotonic_ns() + 50000;
        hypercall_vcpu_op(VCPUOP_set_singleshot_timer, 1, HYPERCALL_ARG(&timer));
        hypercall_xen_version(0, 0);
    }
    phase = 3;
    hypercall_vcpu_op(VCPUOP_down, 1, 0);
}

static uint64_t entry_time(const struct vcpu_runstate_info *r)
{
    return *(const volatile uint64_t *)&r->state_entry_time;
}

/* A copy without the mark, as Linux makes it; false: it is being changed. */
static bool copy_whole(const struct vcpu_runstate_info *area, struct vcpu_runstate_info *copy)
{
    uint64_t before = entry_time(area);

    __asm__ volatile("" : : : "memory");
    *copy = *area;
    __asm__ volatile("" : : : "memory");
    return !(before & XEN_RUNSTATE_UPDATE) && entry_time(area) == before;
}

/* When the vCPU was made: constant, as every nanosecond since is in one of the four. */
static uint64_t beginning(const struct vcpu_runstate_info *r)
{
    return r->state_entry_time - r->time[0] - r->time[1] - r->time[2] - r->time[3];
}

static int64_t register_area(unsigned int vcpu, uint64_t address)
{
    struct vcpu_register_runstate_memory_area area = { .addr = address };

    return hypercall_vcpu_op(VCPUOP_register_runstate_memory_area, vcpu, HYPERCALL_ARG(&area));
}

static void ones_own(void)
{
    struct vcpu_runstate_info copy;

    check("own area", register_area(0, HYPERCALL_ARG(&own)), 0);
    check("running", own.state, RUNSTATE_running);
    check_true("since some time", own.state_entry_time > 0);
    check("no mark", (int64_t)(entry_time(&own) >> 63), 0);
    check_true("one copy will do", copy_whole(&own, &copy));
    check("wild area", register_area(0, BAD_POINTER), -XEN_EFAULT);
    check("area of no vCPU", register_area(4000, HYPERCALL_ARG(&own)), -XEN_ENOENT);
}

static uint64_t ask(struct vcpu_runstate_info *r)
{
    hypercall_vcpu_op(VCPUOP_get_runstate_info, 1, HYPERCALL_ARG(r));
    return r->time[RUNSTATE_offline];
}

/* Of a vCPU that is down: time goes on, and what it entered when does not. */
static void asked(void)
{
    struct vcpu_runstate_info once, again;
    uint64_t before = ask(&once), limit = clock_monotonic_ns() + 1000000000;

    while (ask(&again) == before && clock_monotonic_ns() < limit)
        ;
    check_true("time in a state grows", again.time[RUNSTATE_offline] > before);
    check_true("entered when it was", again.state_entry_time == once.state_entry_time);
    check("still offline", again.state, RUNSTATE_offline);
}

static void of_another(void)
{
    struct vcpu_runstate_info copy, first = { 0 };
    uint64_t whole = 0, sums = 0, limit = clock_monotonic_ns() + 5000000000;
    struct vcpu_runstate_info *area = &other;

    area->state = 77;
    check("make vCPU 1", second_vcpu_make(second), 0);
    check("its area", register_area(1, HYPERCALL_ARG(area)), 0);
    check("is filled: offline", area->state, RUNSTATE_offline);
    check_true("since some time", entry_time(area) > 0 && area->time[RUNSTATE_offline] > 0);
    asked();
    check("up", hypercall_vcpu_op(VCPUOP_up, 1, 0), 0);
    check_true("it runs", second_vcpu_says(&phase, 1));
    for (int i = 0; i < SAMPLES && clock_monotonic_ns() < limit; i++) {
        if (!copy_whole(area, &copy))
            continue;
        if (!whole++)
            first = copy;
        sums += beginning(&copy) == beginning(&first);
    }
    check_true("copies", whole > 0);
    check("that do not add up", (int64_t)(whole - sums), 0);
    phase = 2;
    check_true("goes down", second_vcpu_says(&phase, 3));
    while (hypercall_vcpu_op(VCPUOP_is_up, 1, 0) && clock_monotonic_ns() < limit)
        hypercall_sched_op(SCHEDOP_yield, 0);
    check("no mark is left", (int64_t)(entry_time(area) >> 63), 0);
}

void guest_test(void)
{
    check("no flag yet", hypercall_vm_assist(VMASST_CMD_disable, VMASST_TYPE_runstate_update_flag),
          0);
    ones_own();
    check("flag", hypercall_vm_assist(VMASST_CMD_enable, VMASST_TYPE_runstate_update_flag), 0);
    ones_own();
    of_another();
    check("area at an odd place", register_area(0, HYPERCALL_ARG(unaligned_room) + 12), 0);
}
