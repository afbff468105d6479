/*
 * Clock: turns the time-stamp counter into nanoseconds with the scale the hypervisor keeps in
 * vcpu_info, read under its version count (odd while it writes).
 */
#include "pv-kernel/clock.h"
#include "pv-kernel/kernel.h"
#include "hypercall-abi/guest-stubs.h"
#include "hypercall-abi/sched.h"

#define barrier() __asm__ volatile("" : : : "memory")

static uint64_t read_tsc(void)
{
    uint32_t low, high;

    __asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

static uint64_t scale(uint64_t ticks, uint32_t multiplier, int8_t shift)
{
    if (shift >= 0)
        ticks <<= shift;
    else
        ticks >>= -shift;
    return (uint64_t)((unsigned __int128)ticks * multiplier >> 32);
}

uint64_t clock_monotonic_ns(void)
{
    volatile struct vcpu_time_info *t = &shared_info->vcpu_info[0].time;
    uint32_t version;
    uint64_t now;

    do {
        version = t->version;
        barrier();
        now = t->system_time +
              scale(read_tsc() - t->tsc_timestamp, t->tsc_to_system_mul, t->tsc_shift);
        barrier();
    } while ((version & 1) || version != t->version);
    return now;
}

uint64_t clock_wall_ns(void)
{
    volatile struct shared_info *s = shared_info;
    uint32_t version;
    uint64_t base;

    do {
        version = s->wc_version;
        barrier();
        base = (((uint64_t)s->wc_sec_hi << 32) + s->wc_sec) * 1000000000ULL + s->wc_nsec;
        barrier();
    } while ((version & 1) || version != s->wc_version);
    return base + clock_monotonic_ns();
}

uint64_t clock_tsc_hz(void)
{
    volatile struct vcpu_time_info *t = &shared_info->vcpu_info[0].time;
    uint64_t multiplier = t->tsc_to_system_mul;
    int8_t shift = t->tsc_shift;
    /* ns = (ticks << shift) * multiplier >> 32, solved for the ticks of 1e9 ns (62 bits) */
    uint64_t result = (1000000000ULL << 32) / (multiplier ? multiplier : 1);

    return shift >= 0 ? result >> shift : result << -shift;
}

void clock_set_timer(uint64_t deadline)
{
    struct vcpu_set_singleshot_timer op = { .timeout_abs_ns = deadline };

    hypercall_vcpu_op(VCPUOP_set_singleshot_timer, 0, HYPERCALL_ARG(&op));
}

void clock_stop_timer(void)
{
    hypercall_vcpu_op(VCPUOP_stop_singleshot_timer, 0, 0);
}

void clock_start(void)
{
    hypercall_vcpu_op(VCPUOP_stop_periodic_timer, 0, 0);
}
