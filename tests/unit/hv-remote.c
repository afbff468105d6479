/*
 * Requests between CPUs, with a thread for each under ThreadSanitizer: each CPU asked does what it
 * is asked once, before the call is over, and no other one does; two who ask at once both get on;
 * parked ones stand still.  The CPUs take several words of a set.
 *
 * Sources: hypervisor/machine/remote.c
 *
 * Flags: -Ihypervisor -DHOST_TEST -Wno-tsan
 * Sanitize: thread
 * Libraries: -lpthread
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <pthread.h>
#include <sched.h>
#include <cmocka.h>
#include "lib/errno.h"
#include "lib/spinlock.h"
#include "machine/interrupts.h"
#include "machine/lapic.h"
#include "machine/latency.h"
#include "machine/per-cpu.h"
#include "machine/remote.h"
#include "model/cpu-sets.h"

#define CPUS   7
#define ONLINE 0x5f /* CPU 5 is not told to run yet: it is asked nothing */
#define ROUNDS 100

struct cpu *cpu_table[MAX_CPUS];
struct cpu_set cpus_online;
unsigned cpu_words = CPU_WORDS, cpu_count = CPUS;
uint64_t clock_tsc_khz;

static struct cpu cpus[CPUS];
static __thread struct cpu *self = &cpus[0];
static uint64_t messages;     /* sent to CPUs, as bits; atomic */
static uint64_t done[CPUS];   /* what each was told to do; its own until the call is over */
static uint64_t steps[CPUS];  /* what each does while it is not parked */
static bool stopping, busy_1; /* atomic */

struct cpu *this_cpu(void)
{
    return self;
}

void lapic_send(uint32_t apic_id, unsigned vector)
{
    if (vector == VECTOR_REMOTE)
        __atomic_fetch_or(&messages, BIT(apic_id), __ATOMIC_SEQ_CST);
}

void lapic_eoi(void)
{
}

void interrupt_set_handler(unsigned vector, void (*handler)(unsigned vector))
{
    (void)vector;
    (void)handler;
}

static void note(uint64_t what)
{
    done[self->id] += what;
}

/* CPU 1 asks, too. */
static void ask_back(void)
{
    struct cpu_set all = set_of(ONLINE);

    if (!__atomic_load_n(&busy_1, __ATOMIC_ACQUIRE))
        return;
    remote_call(&all, note, 1000);
    __atomic_store_n(&busy_1, false, __ATOMIC_RELEASE);
}

static void *cpu_main(void *cpu)
{
    self = cpu;
    while (!__atomic_load_n(&stopping, __ATOMIC_ACQUIRE)) {
        cpu_wait_step();
        steps[self->id]++;
        if (self->id == 1)
            ask_back();
        if (atomic_exchange(&self->deferred, 0) & DEFERRED_PARK)
            cpu_stay_parked();
        sched_yield();
    }
    return NULL;
}

static pthread_t threads[CPUS];

static int start(void **state)
{
    (void)state;
    cpus_online = set_of(ONLINE);
    for (unsigned i = 0; i < CPUS; i++) {
        cpus[i].id = cpus[i].apic_id = i;
        cpu_table[i] = &cpus[i];
    }
    for (unsigned i = 1; i < CPUS; i++)
        pthread_create(&threads[i], NULL, cpu_main, &cpus[i]);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    __atomic_store_n(&stopping, true, __ATOMIC_RELEASE);
    for (unsigned i = 1; i < CPUS; i++)
        pthread_join(threads[i], NULL);
    return 0;
}

static void who_is_asked_has_done_it(void **state)
{
    (void)state;
    for (uint64_t round = 0; round < ROUNDS; round++) {
        uint64_t asked = (round * 2654435761U >> 7) & (BIT(CPUS) - 1);
        struct cpu_set set = set_of(asked);

        for (unsigned i = 0; i < CPUS; i++)
            done[i] = 0;
        __atomic_store_n(&messages, 0, __ATOMIC_SEQ_CST);
        remote_call(&set, note, round + 1);
        for (unsigned i = 0; i < CPUS; i++)
            assert_int_equal(done[i], asked & ONLINE & BIT(i) ? round + 1 : 0);
        assert_int_equal(__atomic_load_n(&messages, __ATOMIC_SEQ_CST), asked & ONLINE & ~1UL);
    }
}

static void two_who_ask_each_other_get_on(void **state)
{
    struct cpu_set all = set_of(ONLINE);

    (void)state;
    for (unsigned i = 0; i < CPUS; i++)
        done[i] = 0;
    for (unsigned round = 0; round < ROUNDS; round++) {
        __atomic_store_n(&busy_1, true, __ATOMIC_RELEASE);
        remote_call(&all, note, 1);
        while (__atomic_load_n(&busy_1, __ATOMIC_ACQUIRE))
            cpu_wait_step();
    }
    for (unsigned i = 0; i < CPUS; i++)
        assert_int_equal(done[i], ONLINE & BIT(i) ? ROUNDS * 1001UL : 0);
}

static void parked_ones_stand_still(void **state)
{
    (void)state;
    for (unsigned round = 0; round < ROUNDS; round++) {
        assert_int_equal(cpus_park(), 0);
        assert_int_equal(cpus_park(), -ERESTART);
        for (unsigned i = 1; i < CPUS; i++)
            steps[i] = 0;
        sched_yield();
        for (unsigned i = 1; i < CPUS; i++)
            assert_int_equal(steps[i], 0);
        cpus_unpark();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_is_asked_has_done_it),
        cmocka_unit_test(two_who_ask_each_other_get_on),
        cmocka_unit_test(parked_ones_stand_still),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
