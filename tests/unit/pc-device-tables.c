/*
 * What Paravane concludes from ACPI tables of single devices: IOMMUs, and a serial port for
 * consoles.
 *
 * Sources: tests/pc/acpi-build.c hypervisor/machine/acpi.c hypervisor/machine/madt.c
 * Sources: hypervisor/machine/fadt.c hypervisor/machine/iommu-tables.c
 *
 * Flags: -Itests/pc -Ihypervisor -DHOST_TEST
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "acpi-build.h"
#include "lib/log.h"
#include "machine/acpi.h"
#include "machine/cpu-features.h"
#include "machine/power.h"

struct cpu_features cpu_features;
struct power_registers power_registers;
static struct table_build madt;

void log_print(enum log_level level, const char *format, ...)
{
    (void)level;
    (void)format;
}

static int reset(void **state)
{
    (void)state;
    acpi_build_reset();
    memset(&acpi_facts, 0, sizeof(acpi_facts));
    madt_start(&madt);
    madt_cpu(&madt, 0, 0, 1);
    return 0;
}

/* An entry of a DMAR (two bytes of type) or an IVRS (type and flags), with a unit's address. */
static void unit_add(struct table_build *t, uint16_t type, uint16_t length, uint64_t address)
{
    uint8_t entry[64] = { (uint8_t)type, (uint8_t)(type >> 8), (uint8_t)length };

    memcpy(entry + 8, &address, sizeof(address));
    table_add(t, entry, length);
}

static void iommus_of_both_makers(void **state)
{
    struct table_build dmar, ivrs;
    uint64_t tables[3];

    (void)state;
    table_start(&dmar, "DMAR", 1, 48);
    unit_add(&dmar, 0, 24, 0xfed90000);
    unit_add(&dmar, 1, 32, 0x8b800000); /* memory that a device keeps, no unit */
    unit_add(&dmar, 0, 16, 0xfed91000);
    unit_add(&dmar, 0, 16, 0);
    table_start(&ivrs, "IVRS", 2, 48);
    unit_add(&ivrs, 0x3010, 24, 0xfeb80000);
    unit_add(&ivrs, 0x3011, 40, 0xfeb80000); /* the same in other words */
    unit_add(&ivrs, 0x3040, 40, 0xfeb80000);
    unit_add(&ivrs, 0x20, 32, 0x12345000);
    unit_add(&ivrs, 0x10, 24, 0xd2800000);
    tables[0] = table_put(&madt);
    tables[1] = table_put(&dmar);
    tables[2] = table_put(&ivrs);
    assert_int_equal(acpi_init(root_put(ROOT_XSDT, tables, 3), 0, acpi_build_map), 0);
    assert_int_equal(acpi_facts.iommus, 4);
    assert_int_equal(acpi_facts.iommus_ignored, 0);
    assert_int_equal(acpi_facts.iommu[1].address, 0xfed91000);
    assert_false(acpi_facts.iommu[1].amd);
    assert_int_equal(acpi_facts.iommu[3].address, 0xd2800000);
    assert_true(acpi_facts.iommu[2].amd && acpi_facts.iommu[3].amd);
}

static void spcr_is(uint8_t kind, uint8_t space, uint64_t address, uint8_t irq, uint8_t speed,
                    unsigned base)
{
    struct table_build spcr;
    uint64_t tables[2];

    memset(&acpi_facts.console, 0, sizeof(acpi_facts.console));
    table_start(&spcr, "SPCR", 2, 80);
    table_set(&spcr, 36, 1, kind);
    table_set_address(&spcr, 40, space, address);
    table_set(&spcr, 52, 1, irq ? 3 : 2);
    table_set(&spcr, 53, 1, irq);
    table_set(&spcr, 58, 1, speed);
    tables[0] = table_put(&madt);
    tables[1] = table_put(&spcr);
    assert_int_equal(acpi_init(root_put(ROOT_XSDT, tables, 2), 0, acpi_build_map), 0);
    assert_int_equal(acpi_facts.console.base, base);
    assert_int_equal(acpi_facts.console.irq, base ? irq : 0);
}

static void a_console_the_firmware_names(void **state)
{
    (void)state;
    spcr_is(0, 1, 0x3e8, 4, 7, 0x3e8);
    assert_int_equal(acpi_facts.console.baud, 115200);
    spcr_is(1, 1, 0xe000, 0, 6, 0xe000);
    assert_int_equal(acpi_facts.console.baud, 57600);
    spcr_is(1, 1, 0xe000, 0, 200, 0xe000);
    assert_int_equal(acpi_facts.console.baud, 115200);
    spcr_is(0, 1, 0x3f8, 4, 5, 0x3f8); /* the number says nothing */
    assert_int_equal(acpi_facts.console.baud, 115200);
    spcr_is(0, 1, 0x3f8, 4, 0, 0x3f8); /* as the firmware has set it */
    assert_int_equal(acpi_facts.console.baud, SERIAL_BAUD_KEPT);
    spcr_is(0, 0, 0xfe030000, 4, 7, 0); /* in memory */
    spcr_is(3, 1, 0x3e8, 4, 7, 0);      /* no 16550 */
    spcr_is(0, 1, 0, 4, 7, 0);          /* switched off */
    spcr_is(0, 1, 0xfffb, 4, 7, 0);
}

static void an_iommus_entry_without_length(void **state)
{
    struct table_build dmar;
    uint64_t tables[2];

    (void)state;
    table_start(&dmar, "DMAR", 1, 48);
    unit_add(&dmar, 0, 16, 0xfed90000);
    table_add(&dmar, (const uint8_t[16]){ 0 }, 16);
    tables[0] = table_put(&madt);
    tables[1] = table_put(&dmar);
    assert_int_equal(acpi_init(root_put(ROOT_RSDT, tables, 2), 0, acpi_build_map), 0);
    assert_int_equal(acpi_facts.iommus, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(iommus_of_both_makers, reset),
        cmocka_unit_test_setup(an_iommus_entry_without_length, reset),
        cmocka_unit_test_setup(a_console_the_firmware_names, reset),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
