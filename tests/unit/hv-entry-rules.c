/*
 * Bits of page-table entries: each of the 64, at each level, is let through or refused as it
 * should be.  (XSA-148 and XSA-182 were bits let through on a fast path.)
 *
 * Flags: -Ihypervisor -DHOST_TEST
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "guest-paging/entry-rules.h"

static bool expected(unsigned level, unsigned bit, bool cache_control)
{
    switch (bit) {
    case 0:
    case 1:
    case 2:
    case 5:
    case 6:         /* P RW US A D */
    case 9 ... 11:  /* available */
    case 12 ... 51: /* the frame */
    case 52 ... 63: /* available, NX */
        return true;
    case 3:
    case 4:
    case 7: /* PWT PCD, PAT in L1 and page size above */
        return level == 1 && cache_control;
    case 8: /* global, taken out again */
        return level == 1;
    default:
        return false;
    }
}

static void every_bit(void **state)
{
    (void)state;
    for (unsigned level = 1; level <= 4; level++)
        for (unsigned bit = 0; bit < 64; bit++)
            for (int cache = 0; cache <= 1; cache++) {
                pte_t e = PTE_P | 1UL << bit;

                if (entry_is_allowed(level, e, cache) != expected(level, bit, cache))
                    fail_msg("L%u bit %u, cache control %d", level, bit, cache);
            }
}

static void absent_entries_are_free(void **state)
{
    (void)state;
    for (unsigned level = 1; level <= 4; level++)
        for (unsigned bit = 1; bit < 64; bit++)
            assert_true(entry_is_allowed(level, 1UL << bit, false));
    assert_int_equal(entry_adjust(0xf00), 0xf00);
}

static void present_entries_are_adjusted(void **state)
{
    (void)state;
    assert_int_equal(entry_adjust(PTE_P | PTE_G | PTE_RW), PTE_P | PTE_US | PTE_RW);
}

static void hypervisor_slots(void **state)
{
    (void)state;
    for (unsigned level = 1; level <= 4; level++)
        for (unsigned i = 0; i < 512; i++)
            assert_int_equal(slot_is_hypervisor(level, i), level == 4 && i >= 256 && i <= 271);
}

static void same_reference(void **state)
{
    pte_t e = 0x123000 | PTE_P | PTE_RW;

    (void)state;
    for (unsigned bit = 0; bit < 64; bit++) {
        bool moves = bit == 0 || bit == 1 || (bit >= 12 && bit < 52);

        assert_int_equal(entry_same_reference(e, e ^ 1UL << bit), !moves);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_bit),
        cmocka_unit_test(absent_entries_are_free),
        cmocka_unit_test(present_entries_are_adjusted),
        cmocka_unit_test(hypervisor_slots),
        cmocka_unit_test(same_reference),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
