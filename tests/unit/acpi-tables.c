/*
 * The firmware's tables as the control domain finds them: by the pointer that UEFI names, in the
 * XSDT, and where that one is broken in the RSDT.
 *
 * Sources: dom0/devices/acpi-tables.c tests/pc/acpi-build.c
 *
 * Flags: -Itests/pc -include tests/unit/fake-hypercalls.h
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "acpi-build.h"
#include "devices/acpi-tables.h"
#include "hypercall-abi/platform.h"
#include "pv-kernel/foreign-frames.h"

/* UEFI's: a GUID and an address each.  ACPI 1.0's pointer is in it, too, and is not asked. */
#define UEFI_TABLES 0x1000
static struct {
    uint8_t guid[16];
    uint64_t address;
} uefi[2] = {
    { "\x30\x2d\x9d\xeb\x88\x2d\xd3\x11\x9a\x16\x00\x90\x27\x3f\xc1\x4d", 0xbad000 },
    { "\x71\xe8\x68\x88\xf1\xe4\xd3\x11\xbc\x22\x00\x80\xc7\x3c\x88\x81", 0x2000 },
};
static uint8_t rsdp[36]; /* at 0x2000; it is looked for once */

int64_t hypercall_platform_op(uint64_t argument)
{
    struct xen_platform_op *op = (struct xen_platform_op *)(uintptr_t)argument;

    assert_int_equal(op->cmd, XENPF_firmware_info);
    op->u.firmware_info.u.efi_config.address = UEFI_TABLES;
    op->u.firmware_info.u.efi_config.entries = 2;
    return 0;
}

static unsigned int mapped;

int device_memory_map(uint64_t machine, size_t bytes, void **va)
{
    if (machine == UEFI_TABLES && bytes <= sizeof(uefi))
        *va = uefi;
    else if (machine == 0x2000 && bytes <= sizeof(rsdp))
        *va = rsdp;
    else
        *va = acpi_build_map(machine, bytes, false);
    mapped += *va != NULL;
    return *va ? 0 : -1;
}

void device_memory_unmap(void *va, size_t bytes)
{
    (void)va;
    (void)bytes;
    mapped--;
}

static uint64_t table_of(const char *signature, uint32_t length, uint8_t mark)
{
    struct table_build t;

    table_start(&t, signature, 1, length);
    table_set(&t, length - 1, 1, mark);
    return table_put(&t);
}

static uint64_t root_table(const char *signature, unsigned int width, uint64_t a, uint64_t b)
{
    struct table_build t;

    table_start(&t, signature, 1, ACPI_HEADER_BYTES);
    table_add(&t, &a, width);
    table_add(&t, &b, width);
    return table_put(&t);
}

/* The pointer stays where it is: what it points at changes. */
static uint64_t xsdt, rsdt;

static int setup(void **state)
{
    uint64_t ssdt;

    (void)state;
    acpi_build_reset();
    ssdt = table_of("SSDT", 40, 1);
    xsdt = root_table("XSDT", 8, ssdt, table_of("SSDT", 41, 2));
    rsdt = root_table("RSDT", 4, ssdt, table_of("SSDT", 42, 3));
    memcpy(rsdp, "RSD PTR ", 8);
    rsdp[15] = 2;
    memcpy(rsdp + 16, &rsdt, 4);
    memcpy(rsdp + 24, &xsdt, 8);
    return 0;
}

static void expect_second(uint8_t mark)
{
    uint32_t length;
    uint8_t *table = acpi_table_copy("SSDT", 1, &length);

    assert_non_null(table);
    assert_int_equal(length, 39 + mark);
    assert_int_equal(table[length - 1], mark);
    free(table);
    assert_null(acpi_table_copy("SSDT", 2, &length));
    assert_null(acpi_table_copy("FACP", 0, &length));
    assert_int_equal(mapped, 0);
}

static void the_wide_one_is_asked(void **state)
{
    (void)state;
    expect_second(2);
}

static void length_set(uint64_t table, uint32_t length)
{
    memcpy((uint8_t *)acpi_build_map(table, 8, false) + 4, &length, 4);
}

static void a_broken_one_is_none(void **state)
{
    uint32_t length;

    (void)state;
    length_set(xsdt, 35); /* less than its own header */
    expect_second(3);
    length_set(xsdt, 0xffffffff);
    expect_second(3);
    length_set(xsdt, ACPI_MEMORY_BYTES + 1); /* more than can be mapped */
    expect_second(3);
    length_set(rsdt, 0);
    assert_null(acpi_table_copy("SSDT", 0, &length));
}

/* One of a server of two sockets had 1.6 MiB. */
static void a_large_table_is_one(void **state)
{
    struct acpi_tables tables;
    struct table_build fadt;
    uint64_t dsdt = ACPI_MEMORY_AT + (1 << 17), entry;

    (void)state;
    table_start(&fadt, "FACP", 3, 244);
    table_set(&fadt, 40, 4, dsdt);
    entry = table_put(&fadt);
    memcpy((uint8_t *)acpi_build_map(xsdt, 44, false) + ACPI_HEADER_BYTES, &entry, 8);
    length_set(dsdt, 0x19c643);
    acpi_tables_read(&tables);
    assert_int_equal(tables.fadt_length, 244);
    assert_non_null(tables.dsdt);
    assert_int_equal(tables.dsdt_length, 0x19c643);
    acpi_tables_free(&tables);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_wide_one_is_asked, setup),
        cmocka_unit_test_setup(a_broken_one_is_none, setup),
        cmocka_unit_test_setup(a_large_table_is_one, setup),
    };

    return cmocka_run_group_tests_name("acpi-tables", tests, NULL, NULL);
}
