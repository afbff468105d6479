/*
 * How often those who wake may take the CPU from one that runs: at once for the first, and then
 * once in a while, whether they use it or are taken away again before they got it.
 *
 * Sources: hypervisor/scheduling/scheduler.c
 *
 * Flags: -Ihypervisor -DHOST_TEST
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "domain/domain.h"
#include "guest-cpu/guest-clock.h"
#include "guest-cpu/switch.h"
#include "limits.h"
#include "machine/clock.h"
#include "machine/remote.h"
#include "memory/hypervisor-mappings.h"
#include "scheduling/deferred-work.h"
#include "scheduling/idle.h"
#include "scheduling/runstate.h"
#include "scheduling/scheduler.h"

#define US       1000UL
#define MS       1000000UL
#define STORM_NS (100 * MS) /* of wakes, one each 10 us */

struct clock_scale clock_scale;
struct cpu_set cpus_online;
unsigned cpu_words = 1, cpu_count = 1;
struct cpu *cpu_table[MAX_CPUS];

static struct cpu cpu;
static struct domain domain = { .id = 1, .references = 1, .shutdown_code = SHUTDOWN_CODE_INVALID };
static struct vcpu worker, waker;
static struct vcpu_info infos[2];
static uint64_t now;
static struct timer *slice; /* the CPU's only timer, while it is armed */
static jmp_buf top;

struct cpu *this_cpu(void)
{
    return &cpu;
}

uint64_t clock_now(void)
{
    return now;
}

void panic(const char *format, ...)
{
    (void)format;
    abort();
}

void *heap_allocate(size_t size)
{
    return calloc(1, size);
}

void cpu_defer(unsigned to, uint32_t work)
{
    assert_int_equal(to, 0);
    cpu.deferred |= work;
}

void remote_kick(unsigned to)
{
    (void)to;
}

void cpu_wait_step(void)
{
}

void timer_set(struct timer *t, unsigned on, uint64_t when)
{
    (void)on;
    t->when = when;
    t->armed = true;
    slice = t;
}

void timer_stop(struct timer *t)
{
    t->armed = false;
    slice = NULL;
}

void return_to_guest_reset(struct cpu *of) __attribute__((noreturn));
void return_to_guest_reset(struct cpu *of)
{
    (void)of;
    longjmp(top, 1);
}

void idle_loop_reset(struct cpu *of)
{
    (void)of;
    longjmp(top, 1);
}

uint64_t idle_root(void)
{
    return PAGE_SIZE;
}

uint64_t vcpu_root(const struct vcpu *v)
{
    (void)v;
    return PAGE_SIZE;
}

void root_load(uint64_t root)
{
    (void)root;
}

void vcpu_load_root(struct vcpu *v)
{
    (void)v;
}

void vcpu_load(struct vcpu *v)
{
    (void)v;
}

void vcpu_save(struct vcpu *v)
{
    (void)v;
}

void guest_clock_update(struct vcpu *v)
{
    (void)v;
}

void runstate_enter(struct vcpu *v, int state, uint64_t at)
{
    (void)v;
    (void)state;
    (void)at;
}

void runstate_publish(struct vcpu *v)
{
    (void)v;
}

void runstate_get(struct vcpu *v, struct vcpu_runstate_info *out)
{
    (void)v;
    (void)out;
}

void domain_put(struct domain *d)
{
    atomic_add(&d->references, -1);
}

/* The way out: true if the CPU had to choose again. */
static bool way_out(void)
{
    struct vcpu *old = cpu.vcpu;

    if (slice && now >= slice->when)
        slice->fire(slice);
    if (!(cpu.deferred & DEFERRED_SCHEDULE))
        return false;
    cpu.deferred = 0;
    if (!setjmp(top))
        schedule();
    return old != NULL;
}

/* The worker has run for long; the waker waits. */
static int fresh(void **state)
{
    struct vcpu *both[] = { &worker, &waker };

    (void)state;
    cpu = (struct cpu){ 0 };
    now = 1000 * MS;
    cpu_set_add(&cpus_online, 0);
    scheduler_add_cpu(0);
    for (unsigned i = 0; i < 2; i++) {
        *both[i] = (struct vcpu){ .id = i, .domain = &domain, .info = &infos[i] };
        vcpu_schedule_init(both[i]);
    }
    vcpu_start(&worker, VCPU_DOWN | VCPU_PAUSED);
    way_out();
    assert_ptr_equal(cpu.vcpu, &worker);
    now += 500 * MS;
    return 0;
}

static int over(void **state)
{
    (void)state;
    vcpu_stop(&waker, VCPU_DOWN);
    vcpu_stop(&worker, VCPU_DOWN);
    cpu.deferred = DEFERRED_SCHEDULE;
    way_out();
    assert_null(cpu.vcpu);
    return 0;
}

static void the_first_is_served_at_once(void **state)
{
    (void)state;
    vcpu_start(&waker, VCPU_DOWN | VCPU_PAUSED);
    assert_true(way_out());
    assert_ptr_equal(cpu.vcpu, &waker);
}

/* What another guest's CPU can do to this one: its vCPU wakes and is stopped before it runs. */
static void wakes_that_come_to_nothing_disturb_now_and_then(void **state)
{
    uint64_t end = now + STORM_NS;
    unsigned disturbed = 0;

    (void)state;
    for (; now < end; now += 10 * US) {
        vcpu_start(&waker, VCPU_DOWN | VCPU_PAUSED);
        vcpu_stop(&waker, VCPU_DOWN);
        disturbed += way_out();
        assert_ptr_equal(cpu.vcpu, &worker);
    }
    assert_in_range(disturbed, 1, STORM_NS / SCHEDULER_UNDISTURBED_NS + 1);
}

static void who_wakes_all_the_time_gets_its_turns(void **state)
{
    uint64_t end = now + STORM_NS;
    unsigned turns = 0;

    (void)state;
    vcpu_start(&waker, VCPU_DOWN | VCPU_PAUSED);
    for (; now < end; now += 10 * US) {
        vcpu_wake(&waker);
        way_out();
        if (cpu.vcpu != &waker)
            continue;
        turns++;
        now += 1 * US;
        vcpu_block(&waker);
        way_out();
        assert_ptr_equal(cpu.vcpu, &worker);
    }
    assert_in_range(turns, STORM_NS / SCHEDULER_UNDISTURBED_NS / 2,
                    STORM_NS / SCHEDULER_UNDISTURBED_NS + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_first_is_served_at_once, fresh, over),
        cmocka_unit_test_setup_teardown(wakes_that_come_to_nothing_disturb_now_and_then, fresh,
                                        over),
        cmocka_unit_test_setup_teardown(who_wakes_all_the_time_gets_its_turns, fresh, over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
