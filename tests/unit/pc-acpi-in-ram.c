/*
 * ACPI tables in what the memory map calls RAM: their pages become the firmware's, and nothing that
 * is wrong about them makes a fault.  Memory ends at 4 GiB, as start.S maps it.
 *
 * Sources: hypervisor/boot/firmware-tables.c hypervisor/boot/memory-map.c
 *
 * Flags: -Ihypervisor -DHOST_TEST -D_GNU_SOURCE
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <cmocka.h>
#include "boot/boot-info.h"
#include "boot/firmware-tables.h"
#include "boot/memory-map.h"
#include "lib/log.h"
#include "machine/acpi-tables.h"
#include "memory/frame.h"

#define MIB    (1UL << 20)
#define GIB    (1UL << 30)
#define MEMORY (4 * GIB)
#define RSDT   0x7fe00010UL
#define XSDT   0x7fe03000UL
#define FADT   0x60000ff0UL /* over the end of a page */
#define DSDT   0x50000000UL
#define MADT   0x40000100UL

struct boot_info boot_info;
static unsigned warnings;

void log_print(enum log_level level, const char *format, ...)
{
    (void)format;
    warnings += level == LOG_WARNING;
}

static void *memory(uint64_t at)
{
    return (uint8_t *)DIRECT_VIRT + at;
}

static void table_at(uint64_t physical, const char *signature, uint32_t length)
{
    memcpy(memory(physical), signature, 4);
    memcpy(memory(physical + 4), &length, 4);
}

static void field_set(uint64_t physical, uint64_t value, unsigned bytes)
{
    memcpy(memory(physical), &value, bytes);
}

static void rsdp_set(uint8_t revision, uint32_t rsdt, uint64_t xsdt)
{
    boot_info.have_rsdp = true;
    memcpy(boot_info.rsdp, "RSD PTR ", 8);
    boot_info.rsdp[15] = revision;
    memcpy(boot_info.rsdp + 16, &rsdt, 4);
    memcpy(boot_info.rsdp + 24, &xsdt, 8);
}

static int setup(void **state)
{
    (void)state;
    memset(&boot_info, 0, sizeof(boot_info));
    warnings = 0;
    assert_ptr_not_equal(mmap((void *)DIRECT_VIRT, MEMORY, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0),
                         MAP_FAILED);
    memory_map_add(0, 0x9fc00, E820_RAM);
    memory_map_add(MIB, 3 * GIB - MIB, E820_RAM);
    memory_map_add(3 * GIB, MIB, E820_RESERVED);
    memory_map_add(4 * GIB, GIB, E820_RAM);
    memory_map_settle();
    rsdp_set(0, RSDT, 0);
    table_at(RSDT, "RSDT", 36 + 2 * 4);
    field_set(RSDT + 36, FADT, 4);
    field_set(RSDT + 40, MADT, 4);
    table_at(FADT, "FACP", 116);
    field_set(FADT + 40, DSDT, 4);
    table_at(DSDT, "DSDT", 0x3001);
    table_at(MADT, "APIC", 0x100);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    munmap((void *)DIRECT_VIRT, MEMORY);
    return 0;
}

/* The one kind of all that is there, or 0. */
static unsigned kind_of(uint64_t start, uint64_t end)
{
    unsigned kind = 0;

    for (unsigned i = 0; i < boot_info.e820_entries; i++) {
        const struct e820_entry *e = &boot_info.e820[i];

        if (e->addr >= end || e->addr + e->size <= start)
            continue;
        if (kind || e->addr > start || e->addr + e->size < end)
            return 0;
        kind = e->type;
    }
    return kind;
}

static uint64_t kept(void)
{
    uint64_t bytes = 0;

    for (unsigned i = 0; i < boot_info.e820_entries; i++)
        bytes += boot_info.e820[i].type == E820_ACPI ? boot_info.e820[i].size : 0;
    return bytes;
}

static void expect_kept(uint64_t start, uint64_t end)
{
    assert_int_equal(kind_of(start, end), E820_ACPI);
    assert_int_equal(kind_of(start - PAGE_SIZE, start), E820_RAM);
    assert_int_equal(kind_of(end, end + PAGE_SIZE), E820_RAM);
}

static void whole_pages_of_tables_are_kept(void **state)
{
    (void)state;
    firmware_tables_keep();
    expect_kept(0x7fe00000, 0x7fe01000);
    expect_kept(0x60000000, 0x60002000);
    expect_kept(0x50000000, 0x50004000);
    expect_kept(0x40000000, 0x40001000);
    assert_int_equal(kept(), 8 * PAGE_SIZE);
    assert_int_equal(warnings, 0);
}

/* Both roots name the same tables, the FADT its DSDT twice. */
static void by_either_root_and_once(void **state)
{
    (void)state;
    rsdp_set(2, RSDT, XSDT);
    table_at(XSDT, "XSDT", 36 + 3 * 8);
    field_set(XSDT + 36, FADT, 8);
    field_set(XSDT + 44, MADT, 8);
    field_set(XSDT + 52, 0x30000000, 8);
    table_at(0x30000000, "HPET", 56);
    table_at(FADT, "FACP", 244);
    field_set(FADT + 140, DSDT, 8);
    firmware_tables_keep();
    assert_int_equal(kept(), 10 * PAGE_SIZE);
    expect_kept(0x7fe03000, 0x7fe04000);
    expect_kept(0x30000000, 0x30001000);
    setup(state);
    rsdp_set(2, 0, XSDT);
    table_at(XSDT, "XSDT", 36 + 8);
    field_set(XSDT + 36, FADT, 8);
    field_set(FADT + 40, 0, 4);
    table_at(FADT, "FACP", 244);
    field_set(FADT + 140, DSDT, 8);
    firmware_tables_keep();
    expect_kept(0x50000000, 0x50004000);
    setup(state);
    rsdp_set(0, 0, XSDT); /* a pointer of ACPI 1.0 ends before that */
    table_at(XSDT, "XSDT", 36 + 8);
    firmware_tables_keep();
    assert_int_equal(kept(), 0);
}

static void what_is_no_ram_stays_as_it_is(void **state)
{
    (void)state;
    memory_map_add(0x50000000, 0x2000, E820_NVS);
    memory_map_add(0x7fd00000, MIB + 0x800, E820_ACPI);
    memory_map_settle();
    field_set(RSDT + 40, 3 * GIB, 4);
    table_at(3 * GIB, "APIC", 0x100);
    firmware_tables_keep();
    assert_int_equal(kind_of(0x50000000, 0x50002000), E820_NVS);
    assert_int_equal(kind_of(0x50002000, 0x50004000), E820_ACPI);
    assert_int_equal(kind_of(3 * GIB, 3 * GIB + MIB), E820_RESERVED);
    assert_int_equal(kind_of(0x7fe00000, 0x7fe00800), E820_ACPI);
    assert_int_equal(kind_of(0x7fe00800, 0x7fe01000), E820_ACPI);
}

/* A range that comes to nothing is dropped, and those behind it move up. */
static void over_ranges_of_ram_that_meet(void **state)
{
    (void)state;
    boot_info.e820_entries = 0;
    memory_map_add(0x50001000, 0x1000, E820_RAM);
    memory_map_add(0x50000000, 0x1000, E820_RAM);
    memory_map_add(0x50003000, 0x1000, E820_RAM);
    memory_map_add(0x50002000, 0x1000, E820_RAM);
    firmware_tables_keep();
    assert_int_equal(kept(), 0x4000);
    assert_int_equal(kind_of(0x50000000, 0x50000800), E820_ACPI);
    assert_int_equal(kind_of(0x50003800, 0x50004000), E820_ACPI);
}

static void refused(uint64_t table)
{
    field_set(RSDT + 40, table, 4);
    boot_info.e820_entries = 0;
    memory_map_add(MIB, 4 * GIB - MIB, E820_RAM);
    firmware_tables_keep();
    assert_int_equal(kept(), 7 * PAGE_SIZE); /* the others */
}

static void what_is_no_table_is_passed_over(void **state)
{
    (void)state;
    refused(0);
    refused(UINT32_MAX);
    refused(UINT32_MAX - 34); /* its header ends behind 4 GiB */
    table_at(MADT, "APIC", 35);
    refused(MADT);
    table_at(MADT, "APIC", UINT32_MAX);
    refused(MADT);
    table_at(MADT, "APIC", (1U << 24) + 1);
    refused(MADT);
    table_at(MADT,
             "AP\x01"
             "C",
             0x100);
    refused(MADT);
    table_at(UINT32_MAX - 35, "APIC", 37); /* the last header there can be */
    refused(UINT32_MAX - 35);
}

/* It is not read, and its DSDT is not looked for. */
static void what_is_above_4_gib_is_left_alone(void **state)
{
    (void)state;
    rsdp_set(2, 0, 4 * GIB);
    firmware_tables_keep();
    rsdp_set(2, 0, UINT64_MAX);
    firmware_tables_keep();
    rsdp_set(2, 0, XSDT);
    table_at(XSDT, "XSDT", 36 + 2 * 8);
    field_set(XSDT + 36, 5 * GIB, 8);
    field_set(XSDT + 44, UINT64_MAX - 3, 8);
    firmware_tables_keep();
    assert_int_equal(kept(), PAGE_SIZE);
    boot_info.have_rsdp = false;
    rsdp_set(0, RSDT, 0);
    boot_info.have_rsdp = false;
    firmware_tables_keep();
    assert_int_equal(kept(), PAGE_SIZE);
}

static void a_root_of_a_million_entries(void **state)
{
    (void)state;
    table_at(RSDT, "RSDT", 1U << 22);
    for (uint32_t i = 0; i < ((1U << 22) - 36) / 4; i++)
        field_set(RSDT + 36 + 4 * i, 0x10000000 + 0x2000 * i % GIB, 4);
    for (uint32_t i = 0; i < 300; i++)
        table_at(0x10000000 + 0x2000 * i, "SSDT", 40);
    firmware_tables_keep();
    assert_int_equal(kept(), 256 * PAGE_SIZE + (1U << 22) + PAGE_SIZE);
}

static void a_map_without_room(void **state)
{
    (void)state;
    for (uint64_t i = 0; boot_info.e820_entries < MAX_E820; i++)
        memory_map_add(8 * GIB + i * 2 * MIB, MIB, E820_RESERVED);
    firmware_tables_keep();
    assert_int_equal(boot_info.e820_entries, MAX_E820);
    assert_true(warnings > 0);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(whole_pages_of_tables_are_kept),  CASE(by_either_root_and_once),
        CASE(what_is_no_ram_stays_as_it_is),   CASE(over_ranges_of_ram_that_meet),
        CASE(what_is_no_table_is_passed_over), CASE(what_is_above_4_gib_is_left_alone),
        CASE(a_root_of_a_million_entries),     CASE(a_map_without_room),
    };

    return cmocka_run_group_tests_name("pc-acpi-in-ram", tests, NULL, NULL);
}
