/*
 * Run times.  See run-times.h.
 */
#include "tasks/run-times.h"

#include "hypercall-abi/guest-stubs.h"
#include "hypercall-abi/sched.h"
#include "pv-kernel/clock.h"
#include "pv-kernel/string.h"

const uint64_t run_times_limits[RUN_TIMES_BUCKETS] = { 10000,    100000,    1000000,   5000000,
                                                       20000000, 100000000, UINT64_MAX };

static struct run_times times;
static uint64_t began;

/* The hypervisor writes here what this vCPU did whenever it begins to run again. */
static volatile struct vcpu_runstate_info runstate;

/* A clock that stands still while others have the CPU. */
static uint64_t own_time(void)
{
    return clock_monotonic_ns() - runstate.time[RUNSTATE_runnable] -
           runstate.time[RUNSTATE_offline];
}

const struct run_times *run_times_get(void)
{
    return &times;
}

void run_times_clear(void)
{
    memset(&times, 0, sizeof(times));
}

void run_times_begin(void)
{
    began = own_time();
}

void run_times_end(const char *task)
{
    uint64_t now = own_time(), ran = now > began ? now - began : 0;
    unsigned int bucket = 0;

    while (ran >= run_times_limits[bucket])
        bucket++;
    times.count[bucket]++;
    if (ran <= times.longest)
        return;
    times.longest = ran;
    for (unsigned int i = 0; i < sizeof(times.longest_task); i++)
        times.longest_task[i] = task[i]; /* a task's name is as long, and ends in it */
}

void run_times_start(void)
{
    struct vcpu_register_runstate_memory_area area = { .addr = HYPERCALL_ARG(&runstate) };

    hypercall_vcpu_op(VCPUOP_register_runstate_memory_area, 0, HYPERCALL_ARG(&area));
    run_times_begin();
}
