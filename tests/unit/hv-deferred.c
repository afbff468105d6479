/*
 * What is left for the way out of the hypervisor: however fast other CPUs leave more, interrupts
 * come in.
 *
 * Sources: hypervisor/scheduling/deferred-work.c
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
#include "machine/interrupts.h"
#include "machine/latency.h"
#include "machine/remote.h"
#include "machine/screen.h"
#include "machine/timer.h"
#include "scheduling/deferred-work.h"
#include "scheduling/disturbance.h"
#include "scheduling/scheduler.h"

enum { STORM = 1000 };

uint64_t clock_tsc_khz; /* no time is short: interrupts are always due */
static struct cpu cpu;
static unsigned rounds, let_in, scheduled, drawn, charged;

struct cpu *this_cpu(void)
{
    return &cpu;
}

bool preempt_point(void)
{
    let_in++;
    return true;
}

/* Another CPU sets the mark again as soon as it was taken. */
void timers_run(void)
{
    if (++rounds < STORM)
        cpu.deferred |= DEFERRED_TIMERS;
}

void disturbance_charge(void)
{
    charged += !scheduled;
}

bool screen_draw(bool (*enough)(void))
{
    assert_non_null(enough);
    return ++drawn < STORM;
}

void schedule(void)
{
    scheduled++;
}

void machine_check_tell(void)
{
}

const char *nmi_cause(void)
{
    return "";
}
void cpu_stay_parked(void)
{
}

void log_print(enum log_level level, const char *format, ...)
{
    (void)level;
    (void)format;
}

static int fresh(void **state)
{
    (void)state;
    cpu.deferred = rounds = let_in = scheduled = drawn = charged = 0;
    return 0;
}

static void marks_without_end_let_interrupts_in(void **state)
{
    (void)state;
    cpu.deferred = DEFERRED_TIMERS | DEFERRED_SCHEDULE;
    deferred_work_run();
    assert_int_equal(rounds, STORM);
    assert_int_equal(scheduled, 1);
    assert_true(let_in >= STORM - 1);
}

static void a_screen_lets_interrupts_in(void **state)
{
    (void)state;
    cpu.deferred = DEFERRED_SCREEN;
    deferred_work_run();
    assert_int_equal(drawn, STORM);
    assert_true(let_in >= STORM - 1);
    assert_int_equal(cpu.deferred, 0);
}

/* schedule() does not return: whoever runs next has not done it. */
static void who_disturbed_pays_before_the_switch(void **state)
{
    (void)state;
    cpu.deferred = DEFERRED_SCHEDULE | DEFERRED_CHARGE;
    deferred_work_run();
    assert_int_equal(charged, 1);
    assert_int_equal(scheduled, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(marks_without_end_let_interrupts_in, fresh),
        cmocka_unit_test_setup(who_disturbed_pays_before_the_switch, fresh),
        cmocka_unit_test_setup(a_screen_lets_interrupts_in, fresh),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
