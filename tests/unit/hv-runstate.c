/*
 * The run-state area as a guest on another CPU may see it: at each of the hypervisor's writes.
 * With the mark asked for, it is there before the first byte changes and goes after the last.
 *
 * Sources: hypervisor/scheduling/runstate.c
 *
 * Flags: -Ihypervisor -DHOST_TEST
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "domain/domain.h"
#include "domain/guest-memory.h"
#include "machine/clock.h"
#include "scheduling/runstate.h"

static struct domain domain;
static struct vcpu vcpu;
static uint64_t now;
static struct vcpu_runstate_info area;
static unsigned writes, fails_at,
    marked; /* writes, the one that faults; those seen with the mark */

struct cpu *this_cpu(void)
{
    static struct cpu cpu;

    return &cpu;
}

uint64_t clock_now(void)
{
    return now;
}

/* Byte by byte, and between any two the guest looks. */
int guest_write(guest_handle_t to, const void *from, size_t bytes)
{
    uint8_t *place = (uint8_t *)&area + (to - vcpu.runstate_area);

    if (++writes == fails_at)
        return -EFAULT;
    for (size_t i = 0; i < bytes; i++) {
        struct vcpu_runstate_info was = area;
        bool mark = *((uint8_t *)&area.state_entry_time + 7) & 0x80;

        place[i] = ((const uint8_t *)from)[i];
        marked += mark;
        if (!mark && memcmp(&was, &area, sizeof(area)) && i != 7)
            marked -= 1000; /* changed under a reader who had no warning */
    }
    return 0;
}

static int up(void **state)
{
    (void)state;
    domain = (struct domain){ .vm_assist = 1UL << VMASST_TYPE_runstate_update_flag };
    vcpu = (struct vcpu){ .domain = &domain, .mode = VCPU_KERNEL };
    vcpu.runstate_area = 0x10000;
    vcpu.runstate = (struct vcpu_runstate_info){ .state = RUNSTATE_runnable,
                                                 .state_entry_time = 0x1122334455667788,
                                                 .time = { 1, 2, 3, 4 } };
    memset(&area, 0, sizeof(area));
    writes = fails_at = marked = 0;
    return 0;
}

static void the_mark_covers_every_change(void **state)
{
    (void)state;
    area.state_entry_time = 0x1122334455667700; /* the mark's byte is the only one to come first */
    vcpu.runstate.state_entry_time = 0x1122334455667700;
    runstate_publish(&vcpu);
    assert_int_equal(writes, 3);
    assert_true((int)marked > (int)sizeof(area));
    assert_memory_equal(&area, &vcpu.runstate, sizeof(area));
    assert_int_equal(area.state_entry_time >> 63, 0);
}

static void without_the_flag_there_is_none(void **state)
{
    (void)state;
    domain.vm_assist = 0;
    runstate_publish(&vcpu);
    assert_int_equal(writes, 1);
    assert_memory_equal(&area, &vcpu.runstate, sizeof(area));
}

static void an_area_that_faults_is_left_alone(void **state)
{
    (void)state;
    for (unsigned at = 1; at <= 3; at++) {
        up(NULL);
        fails_at = at;
        runstate_publish(&vcpu);
        assert_int_equal(vcpu.runstate_area, 0);
        assert_int_equal(writes, at);
        runstate_publish(&vcpu);
        assert_int_equal(writes, at);
    }
}

static void time_goes_to_the_state_it_was_spent_in(void **state)
{
    struct vcpu_runstate_info seen;

    (void)state;
    vcpu.runstate =
        (struct vcpu_runstate_info){ .state = RUNSTATE_offline, .state_entry_time = 10 };
    runstate_enter(&vcpu, RUNSTATE_running, 30);
    runstate_enter(&vcpu, RUNSTATE_running, 40); /* no change: since 30 */
    runstate_enter(&vcpu, RUNSTATE_blocked, 45);
    now = 50;
    runstate_get(&vcpu, &seen);
    assert_int_equal(seen.state, RUNSTATE_blocked);
    assert_int_equal(seen.state_entry_time, 45);
    assert_int_equal(seen.time[RUNSTATE_offline], 20);
    assert_int_equal(seen.time[RUNSTATE_running], 15);
    assert_int_equal(seen.time[RUNSTATE_blocked], 5);
    now = 44; /* another CPU's clock, a little behind */
    runstate_get(&vcpu, &seen);
    assert_int_equal(seen.time[RUNSTATE_blocked], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_mark_covers_every_change, up),
        cmocka_unit_test_setup(without_the_flag_there_is_none, up),
        cmocka_unit_test_setup(an_area_that_faults_is_left_alone, up),
        cmocka_unit_test_setup(time_goes_to_the_state_it_was_spent_in, up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
