/*
 * Timers at the edges of arithmetic: whatever time is asked for, the hardware is given one that
 * exists, and a run of the queue comes to its end.
 *
 * Sources: hypervisor/machine/timer.c hypervisor/machine/clock.c hypervisor/machine/tsc-rate.c
 * hypervisor/machine/rtc.c
 *
 * Flags: -Ihypervisor -DHOST_TEST
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include "lib/log.h"
#include "machine/clock.h"
#include "machine/interrupts.h"
#include "machine/lapic.h"
#include "machine/per-cpu.h"
#include "machine/timer.h"

static struct cpu cpu;
static uint64_t deadline; /* as a TSC value, what a CPU with TSC_DEADLINE is given */
static unsigned fired;

struct cpu *this_cpu(void)
{
    return &cpu;
}

void cpu_wait_step(void)
{
    abort();
}

void cpu_defer(unsigned id, uint32_t marks)
{
    (void)id;
    (void)marks;
}

void lapic_timer_set(uint64_t when_ns)
{
    deadline = when_ns ? clock_to_tsc(when_ns) : 0;
}

void lapic_eoi(void)
{
}

void interrupt_set_handler(unsigned vector, void (*handler)(unsigned vector))
{
    (void)vector;
    (void)handler;
}

void log_print(enum log_level level, const char *format, ...)
{
    (void)level;
    (void)format;
}

void panic(const char *format, ...)
{
    (void)format;
    abort();
}

static void count(struct timer *t)
{
    (void)t;
    fired++;
}

/* As VCPUOP_set_periodic_timer's callback does with the longest period it lets through. */
static uint64_t period;

static void again(struct timer *t)
{
    uint64_t next = t->when + period, now = clock_now();

    fired++;
    timer_set(t, 0, next > now ? next : now);
}

static const uint64_t edges[] = { 0,          1,         (1UL << 31) - 1, 1UL << 31,
                                  1UL << 32,  1UL << 59, (1UL << 59) + 1, (1UL << 62) - 1,
                                  1UL << 62,  1UL << 63, (1UL << 63) + 1, UINT64_MAX - 1,
                                  UINT64_MAX, 1UL << 50 };
/* Frequencies from 250 MHz to 6 GHz, as clock.c scales them. */
static const struct clock_scale scales[] = { { 0, 0x80000000U, 3 },
                                             { 12345, 0xffffffffU, 0 },
                                             { UINT32_MAX, 0xaaaaaaaaU, -2 },
                                             { 1UL << 50, 0x80000000U, -1 } };

static void any_time_may_be_asked_for(void **state)
{
    struct timer t = { .fire = count };

    (void)state;
    for (unsigned s = 0; s < ARRAY_SIZE(scales); s++)
        for (unsigned i = 0; i < ARRAY_SIZE(edges); i++) {
            clock_scale = scales[s];
            timer_set(&t, 0, edges[i]);
            assert_true(t.when <= TIMER_NEVER);
            assert_true(deadline >= clock_scale.tsc_start);
            timers_run();
            timer_stop(&t);
        }
}

static void later_times_have_later_deadlines(void **state)
{
    (void)state;
    for (unsigned s = 0; s < ARRAY_SIZE(scales); s++) {
        clock_scale = scales[s];
        for (uint64_t ns = 64; ns < TIMER_NEVER; ns *= 2)
            assert_true(clock_to_tsc(2 * ns) > clock_to_tsc(ns));
    }
}

static void a_run_of_the_queue_ends(void **state)
{
    struct timer t = { .fire = again };

    (void)state;
    clock_scale = (struct clock_scale){ 0, 0x80000000U, 1 };
    for (unsigned i = 0; i < ARRAY_SIZE(edges); i++) {
        period = edges[i];
        fired = 0;
        timer_set(&t, 0, 1);
        timers_run();
        assert_int_equal(fired, 1); /* what it armed for now is for the next run */
    }
    timer_kill(&t);
    timer_set(&t, 0, 1);
    assert_false(t.armed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_time_may_be_asked_for),
        cmocka_unit_test(later_times_have_later_deadlines),
        cmocka_unit_test(a_run_of_the_queue_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
