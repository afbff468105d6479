/*
 * Watchdogs: which ends the domain, when, and which does not any more.
 *
 * Sources: hypervisor/lifecycle/watchdog.c
 *
 * Flags: -Ihypervisor -DHOST_TEST
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/errno.h"
#include "lifecycle/shutdown.h"
#include "lifecycle/watchdog.h"
#include "machine/clock.h"

#define SECOND 1000000000UL

static uint64_t now;
static unsigned ends;
static uint32_t ended_for;

uint64_t clock_now(void)
{
    return now;
}

struct cpu *this_cpu(void)
{
    static struct cpu cpu;

    return &cpu;
}

void cpu_wait_step(void)
{
}

void timer_set(struct timer *t, unsigned cpu, uint64_t when)
{
    assert_int_equal(cpu, 0);
    t->when = when;
    t->armed = true;
}

void timer_stop(struct timer *t)
{
    t->armed = false;
}

void timer_kill(struct timer *t)
{
    t->armed = false;
    t->dead = true;
}

void domain_shutdown(struct domain *d, uint32_t reason)
{
    (void)d;
    ends++;
    ended_for = reason;
}

void domain_log(struct domain *d, const char *format, ...)
{
    (void)d;
    (void)format;
}

static struct domain d;

static void pass(uint64_t seconds)
{
    now += seconds * SECOND;
    for (unsigned i = 0; i < MAX_WATCHDOGS; i++)
        if (d.watchdogs[i].armed && d.watchdogs[i].when <= now) {
            d.watchdogs[i].armed = false;
            d.watchdogs[i].fire(&d.watchdogs[i]);
        }
}

static int setup(void **state)
{
    (void)state;
    d = (struct domain){ .id = 1 };
    ends = 0;
    watchdogs_init(&d);
    return 0;
}

static void who_is_late_is_ended(void **state)
{
    (void)state;
    assert_int_equal(watchdog_set(&d, 0, 10), 1);
    for (unsigned i = 0; i < 5; i++) {
        pass(9);
        assert_int_equal(watchdog_set(&d, 1, 10), 0);
    }
    assert_int_equal(ends, 0);
    pass(10);
    assert_int_equal(ends, 1);
    assert_int_equal(ended_for, SHUTDOWN_watchdog);
}

static void each_has_its_own_time(void **state)
{
    (void)state;
    assert_int_equal(watchdog_set(&d, 0, UINT32_MAX), 1);
    assert_int_equal(watchdog_set(&d, 0, 5), 2);
    assert_int_equal(watchdog_set(&d, 0, 5), -ENOSPC);
    pass(4);
    assert_int_equal(watchdog_set(&d, 2, 0), 0);
    assert_int_equal(watchdog_set(&d, 2, 5), -EINVAL);
    pass(100);
    assert_int_equal(ends, 0);
    assert_int_equal(watchdog_set(&d, 0, 5), 2);
    pass(5);
    assert_int_equal(ends, 1);
    assert_int_equal(watchdog_set(&d, UINT32_MAX, 5), -EINVAL);
    assert_int_equal(watchdog_set(&d, 3, 5), -EINVAL);
}

static void none_outlives_its_domain(void **state)
{
    (void)state;
    assert_int_equal(watchdog_set(&d, 0, 5), 1);
    watchdogs_end(&d);
    assert_true(d.watchdogs[0].dead && d.watchdogs[1].dead);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(who_is_late_is_ended, setup),
        cmocka_unit_test_setup(each_has_its_own_time, setup),
        cmocka_unit_test_setup(none_outlives_its_domain, setup),
    };

    return cmocka_run_group_tests_name("hv-watchdog", tests, NULL, NULL);
}
