/*
 * Processors that are not what CPUID says of them, on the model of the PC.
 *
 * Sources: tests/pc/pc.c tests/pc/timers.c tests/pc/lapic.c tests/pc/uarts.c tests/pc/iommus.c
 * Sources: tests/pc/ioapics.c hypervisor/machine/deadline-errata.c
 *
 * Flags: -Itests/pc/in-place -Itests/pc -Ihypervisor -DHOST_TEST
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "machine/deadline-errata.h"
#include "pc.h"

static bool is_safe(uint32_t signature, uint32_t leaf_1_c, uint32_t microcode)
{
    struct pc_leaf leaves[] = { { 1, 0, { signature, 0, leaf_1_c, 0 } }, { ~0U, 0, { 0 } } };
    bool safe;

    pc_reset();
    pc.leaves = leaves;
    pc.microcode = microcode;
    pc.microcode_told = 77UL << 32; /* of before: not what counts */
    safe = deadline_timer_is_safe(false);
    assert_true(deadline_timer_is_safe(true));
    return safe;
}

static void deadline_timers(void **state)
{
    (void)state;
    /* A Haswell (0x306c3), and Haswell servers of two steppings. */
    assert_false(is_safe(0x306c3, 0, 0x1a));
    assert_true(is_safe(0x306c3, 0, 0x22));
    assert_false(is_safe(0x306f2, 0, 0x39));
    assert_true(is_safe(0x306f2, 0, 0x3a));
    assert_true(is_safe(0x306f4, 0, 0x0f));
    assert_false(is_safe(0x306f4, 0, 0x0e));
    assert_false(is_safe(0x506e3, 0, 0xb1)); /* Skylake */
    assert_false(is_safe(0x50654, 0, 0x2000013));
    /* What was never wrong is not asked for its microcode: there is no such MSR here. */
    assert_true(is_safe(0x50657, 0, 0));        /* Cascade Lake, a later stepping of that */
    assert_true(is_safe(0x206a7, 0, 0));        /* Sandy Bridge */
    assert_true(is_safe(0x806c1, 0, 0));        /* Tiger Lake */
    assert_true(is_safe(0x306c3, 1U << 31, 0)); /* in somebody's machine */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(deadline_timers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
