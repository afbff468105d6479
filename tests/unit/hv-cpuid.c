/*
 * What guests see of the CPU: nothing that is the hypervisor's own, and fast copies by bytes only
 * where they are fast.  The CPU is the one the test runs on.
 *
 * Sources: hypervisor/guest-cpu/cpuid-view.c
 * Flags: -Ihypervisor -DHOST_TEST
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "guest-cpu/cpuid-view.h"
#include "machine/clock.h"
#include "machine/cpu-features.h"
#include "machine/string-speed.h"

struct cpu_features cpu_features;
uint64_t clock_tsc_khz = 1000;
struct clock_scale clock_scale;

#define ERMS (1u << 9)
#define FSRM (1u << 4)

static void copies_by_bytes_are_shown_where_they_pay(void **state)
{
    struct cpuid_leaf real = cpuid(7, 0), slow, fast;

    (void)state;
    cpu_features.fast_byte_strings = true;
    fast = cpuid_view(NULL, 7, 0);
    cpu_features.fast_byte_strings = false;
    slow = cpuid_view(NULL, 7, 0);
    assert_int_equal(fast.b & ERMS, real.b & ERMS);
    assert_int_equal(fast.d & FSRM, real.d & FSRM);
    assert_int_equal(slow.b, fast.b & ~ERMS);
    assert_int_equal(slow.d, fast.d & ~FSRM);
    assert_true(string_bytes_pay(100, 100));
    assert_true(string_bytes_pay(200, 100));
    assert_false(string_bytes_pay(201, 100));
}

/* SMEP, SMAP, VMX, SVM, MWAIT, x2APIC, PCID, the APIC's number, topology. */
static void what_is_the_hypervisors_stays_hidden(void **state)
{
    struct cpuid_leaf one = cpuid_view(NULL, 1, 0), seven = cpuid_view(NULL, 7, 0);

    (void)state;
    assert_int_equal(seven.b & (1u << 7 | 1u << 20 | 1u << 10), 0);
    assert_int_equal(one.c & (1u << 3 | 1u << 5 | 1u << 17 | 1u << 21), 0);
    assert_int_equal(one.d & (1u << 9 | 1u << 3), one.d & (1u << 9));
    assert_int_equal(one.b >> 24, 0);
    assert_true(one.c >> 31);
    assert_int_equal(cpuid_view(NULL, 0x80000001, 0).c & 1u << 2, 0);
    for (uint32_t leaf = 0xb; leaf < 0x40; leaf++)
        if (leaf != 0xd) {
            struct cpuid_leaf none = cpuid_view(NULL, leaf, 0);

            assert_int_equal(none.a | none.b | none.c | none.d, 0);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_by_bytes_are_shown_where_they_pay),
        cmocka_unit_test(what_is_the_hypervisors_stays_hidden),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
