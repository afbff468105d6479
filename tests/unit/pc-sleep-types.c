/*
 * \_S5 of the DSDT, in the forms it has and in bytes that only look like it.
 *
 * Sources: tests/pc/acpi-build.c hypervisor/machine/acpi.c hypervisor/machine/madt.c
 * Sources: hypervisor/machine/fadt.c hypervisor/machine/iommu-tables.c
 *
 * Flags: -Itests/pc -Ihypervisor -DHOST_TEST
 */
#include "firmware-world.h"

static bool s5_in(const uint8_t *code, uint32_t bytes)
{
    struct table_build dsdt;

    memset(&power_registers, 0, sizeof(power_registers));
    table_start(&dsdt, "DSDT", 2, 36);
    table_add(&dsdt, code, bytes);
    fadt_start(1, FADT_1, 0x604, 0x608, 0);
    assert_int_equal(conclude(ROOT_RSDT, table_put(&dsdt), 0, 0), 0);
    return power_registers.s5_known;
}

#define S5 0x08, '_', 'S', '5', '_', 0x12

/* To write a wrong type to PM1 may be any other state. */
static void sleep_types_that_are_integers(void **state)
{
    const uint8_t plain[] = { S5, 0x06, 0x04, 0x01, 0x00, 0x00, 0x00 };
    const uint8_t with_prefix[] = { S5, 0x08, 0x04, 0x0a, 0x05, 0x0a, 0x06 };
    const uint8_t long_form[] = { S5, 0x49, 0x00, 0x04, 0x0a, 0x05, 0x01 };
    const uint8_t names[] = { S5, 0x0a, 0x02, 'S', 'L', 'P', 'A', 'S', 'L', 'P', 'B' };
    const uint8_t words[] = { S5, 0x08, 0x02, 0x0b, 0x05, 0x00, 0x0b, 0x05, 0x00 };
    const uint8_t second_is_none[] = { S5, 0x06, 0x02, 0x0a, 0x05, 0x70, 0x00 };
    const uint8_t cut_off[] = { S5, 0x06, 0x02, 0x0a, 0x05, 0x0a };
    const uint8_t only_the_second[] = { S5,  0x0a, 0x02, 'S',  'L',  'P',  'A',  'S', 'L',
                                        'P', 'B',  S5,   0x06, 0x02, 0x0a, 0x07, 0x01 };

    (void)state;
    assert_true(s5_in(plain, sizeof(plain)));
    assert_int_equal(power_registers.sleep_type_a, 1);
    assert_int_equal(power_registers.sleep_type_b, 0);
    assert_true(s5_in(with_prefix, sizeof(with_prefix)));
    assert_int_equal(power_registers.sleep_type_a, 5);
    assert_int_equal(power_registers.sleep_type_b, 6);
    assert_true(s5_in(long_form, sizeof(long_form)));
    assert_int_equal(power_registers.sleep_type_a, 5);
    assert_false(s5_in(names, sizeof(names)));
    assert_false(s5_in(words, sizeof(words)));
    assert_false(s5_in(second_is_none, sizeof(second_is_none)));
    assert_false(s5_in(cut_off, sizeof(cut_off)));
    assert_true(s5_in(only_the_second, sizeof(only_the_second)));
    assert_int_equal(power_registers.sleep_type_a, 7);
    assert_int_equal(power_registers.sleep_type_b, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(sleep_types_that_are_integers, reset),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
