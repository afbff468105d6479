/*
 * What it costs a guest to make others' CPUs flush their TLBs: a few in a row are free, who goes on
 * waits; all vCPUs of a domain draw on the same account.
 *
 * Sources: hypervisor/scheduling/disturbance.c
 *
 * Flags: -Ihypervisor -DHOST_TEST
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include "domain/domain.h"
#include "limits.h"
#include "machine/clock.h"
#include "machine/tlb.h"
#include "scheduling/disturbance.h"
#include "model/cpu-sets.h"
#include "scheduling/scheduler.h"

#define SECOND 1000000000UL

unsigned cpu_words = CPU_WORDS;
static struct cpu cpu;
static struct domain domain;
static struct vcpu vcpus[2];
static uint64_t now, flushed;

struct cpu *this_cpu(void)
{
    return &cpu;
}

uint64_t clock_now(void)
{
    return now;
}

void tlb_flush_cpus(const struct cpu_set *cpus)
{
    flushed |= cpus_in(cpus);
}

void vcpu_stop(struct vcpu *v, uint32_t why)
{
    v->stopped |= why;
}

void vcpu_start(struct vcpu *v, uint32_t why)
{
    v->stopped &= ~why;
}

void timer_set(struct timer *t, unsigned on, uint64_t when)
{
    assert_int_equal(on, cpu.id);
    t->when = when;
    t->armed = true;
}

static int fresh(void **state)
{
    (void)state;
    domain = (struct domain){ .id = 1 };
    cpu = (struct cpu){ .vcpu = &vcpus[0] };
    now = 5 * SECOND;
    flushed = 0;
    for (unsigned i = 0; i < 2; i++) {
        vcpus[i] = (struct vcpu){ .domain = &domain };
        disturbance_init(&vcpus[i]);
    }
    return 0;
}

/* A hypercall of this vCPU, and its way out. */
static void flush_by(struct vcpu *v, uint64_t cpus, bool others)
{
    cpu.vcpu = v;
    tlb_flush_others(SET_OF(cpus), others);
    if (cpu.deferred & DEFERRED_CHARGE)
        disturbance_charge();
    cpu.deferred = 0;
}

/* Time goes on until it runs again. */
static void wait_for(struct vcpu *v)
{
    if (!v->stopped)
        return;
    assert_int_equal(v->stopped, VCPU_CHARGED);
    assert_true(v->charge_timer.armed && v->charge_timer.when > now);
    now = v->charge_timer.when;
    v->charge_timer.fire(&v->charge_timer);
    assert_int_equal(v->stopped, 0);
}

static void ones_own_cpus_are_free(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 100; i++)
        flush_by(&vcpus[0], 6, false);
    assert_int_equal(flushed, 6);
    assert_int_equal(vcpus[0].stopped, 0);
}

static void a_few_in_a_row_are_free(void **state)
{
    (void)state;
    for (unsigned i = 0; i < DISTURBANCE_SAVED_NS / DISTURBANCE_NS; i++) {
        flush_by(&vcpus[0], 6, true);
        assert_int_equal(vcpus[0].stopped, 0);
    }
    flush_by(&vcpus[0], 6, true);
    assert_int_equal(vcpus[0].stopped, VCPU_CHARGED);
}

/* Whatever it does, and with however many vCPUs. */
static void there_are_so_many_a_second(void **state)
{
    uint64_t end = now + SECOND, flushes = 0;

    (void)state;
    for (; now < end; now += 1000) {
        struct vcpu *v = &vcpus[flushes++ % 2];

        wait_for(v);
        flush_by(v, 6, true);
    }
    assert_in_range(flushes, SECOND / DISTURBANCE_NS / 2,
                    (SECOND + DISTURBANCE_SAVED_NS) / DISTURBANCE_NS + 2);
}

/* One operation may have done many before it comes to its way out. */
static void each_of_many_is_charged(void **state)
{
    (void)state;
    cpu.vcpu = &vcpus[0];
    for (unsigned i = 0; i < 100; i++)
        tlb_flush_others(SET_OF(6), true);
    disturbance_charge();
    assert_int_equal(vcpus[0].stopped, VCPU_CHARGED);
    assert_int_equal(vcpus[0].charge_timer.when, now + 100 * DISTURBANCE_NS - DISTURBANCE_SAVED_NS);
    assert_int_equal(cpu.disturbed, 0);
}

static void the_control_domain_does_it_for_others(void **state)
{
    (void)state;
    domain.privileged = true;
    for (unsigned i = 0; i < 100; i++)
        flush_by(&vcpus[0], 6, true);
    flush_by(NULL, 6, true); /* nor the idle loop */
    assert_int_equal(vcpus[0].stopped, 0);
    assert_int_equal(cpu.disturbed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(ones_own_cpus_are_free, fresh),
        cmocka_unit_test_setup(a_few_in_a_row_are_free, fresh),
        cmocka_unit_test_setup(there_are_so_many_a_second, fresh),
        cmocka_unit_test_setup(each_of_many_is_charged, fresh),
        cmocka_unit_test_setup(the_control_domain_does_it_for_others, fresh),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
