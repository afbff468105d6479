/*
 * What Paravane concludes from the ACPI tables of kinds of machines: CPUs, interrupt controllers,
 * timers, the way to switch it off.  The tables are put together from what public documents and
 * boot logs say of these machines (tests/pc/acpi-build.h); each has what some machine was found to
 * have.
 *
 * Sources: tests/pc/acpi-build.c hypervisor/machine/acpi.c hypervisor/machine/madt.c
 * Sources: hypervisor/machine/fadt.c hypervisor/machine/iommu-tables.c
 *
 * Flags: -Itests/pc -Ihypervisor -DHOST_TEST
 */
#include "firmware-world.h"

static void qemu_pc(void **state)
{
    (void)state;
    fadt_start(1, FADT_1, 0x604, 0x608, 0);
    cpus(2);
    madt_ioapic(&madt, 0, 0xfec00000, 0);
    madt_override(&madt, 0, 2, 0);
    madt_override(&madt, 5, 5, 0xd);
    madt_nmi(&madt, 0xff, 0, 1);
    assert_int_equal(conclude(ROOT_RSDT, dsdt_put(0, 0), 0xfed00000, 0), 0);
    expect(2, 1, 0x608, true);
    expect_off_by_port(0x604, 0);
    assert_int_equal(acpi_facts.hpet_address, 0xfed00000);
    assert_int_equal(acpi_facts.overrides, 2);
    assert_true(acpi_facts.override[1].level && !acpi_facts.override[1].active_low);
    assert_int_equal(acpi_facts.nmi_pin[0].acpi_id, ACPI_ALL_CPUS);
    assert_int_equal(acpi_facts.nmi_pin[0].lint, 1);
    assert_false(acpi_facts.no_rtc);
}

static void qemu_q35_with_ovmf(void **state)
{
    (void)state;
    fadt_start(3, FADT_3, 0x604, 0x608, 1U << 10);
    table_set_address(&fadt, 116, PORTS, 0xcf9);
    table_set(&fadt, 128, 1, 0x0f);
    cpus(4);
    madt_ioapic(&madt, 0, 0xfec00000, 0);
    pc_overrides();
    assert_int_equal(conclude(ROOT_BOTH, dsdt_put(0, 0), 0xfed00000, 0), 0);
    expect(4, 1, 0x608, true);
    assert_int_equal(power_registers.reset.port, 0xcf9);
    assert_int_equal(power_registers.reset_value, 0xf);
}

/* Hardware-reduced: no PM1, a sleep control register, no timer; GED in place of the lines. */
static void qemu_microvm(void **state)
{
    (void)state;
    fadt_start(5, FADT_5, 0, 0, 1U << 20 | 1U << 10);
    table_set(&fadt, 109, 2, 1U << 5 | 1U << 2);
    table_set_address(&fadt, 116, MEMORY, 0xfea00200);
    table_set(&fadt, 128, 1, 0x42);
    table_set_address(&fadt, 244, MEMORY, 0xfea00100);
    cpus(1);
    madt_ioapic(&madt, 0, 0xfec00000, 0);
    assert_int_equal(conclude(ROOT_XSDT, dsdt_put(5, 0), 0, 0), 0);
    expect(1, 1, 0, true);
    assert_int_equal(power_registers.pm1a_control.kind, POWER_NOTHING);
    assert_int_equal(power_registers.sleep_control.kind, POWER_MEMORY);
    assert_int_equal(power_registers.reset.kind, POWER_MEMORY);
    assert_int_equal(power_registers.sleep_type_a, 5);
    assert_true(acpi_facts.no_rtc);
}

/* Places for CPUs that are not there, with numbers that are none. */
static void laptop_of_2012(void **state)
{
    (void)state;
    fadt_start(5, FADT_5, 0x404, 0x408, 1U << 10 | 1U << 8);
    table_set_address(&fadt, 172, PORTS, 0x404);
    table_set_address(&fadt, 208, PORTS, 0x408);
    table_set_address(&fadt, 116, PORTS, 0xb2);
    table_set(&fadt, 48, 4, 0xb2);
    table_set(&fadt, 52, 1, 0xf0);
    cpus(4);
    for (uint8_t i = 4; i < 8; i++)
        madt_cpu(&madt, i, 0xff, 0);
    madt_cpu(&madt, 8, 0xff, ON); /* seen, too */
    madt_ioapic(&madt, 2, 0xfec00000, 0);
    pc_overrides();
    assert_int_equal(conclude(ROOT_BOTH, dsdt_put(7, 0), 0xfed00000, 0), 0);
    expect(4, 1, 0x408, true);
    assert_int_equal(acpi_facts.cpus_ignored, 0);
    assert_true(acpi_facts.pm_timer_32);
    expect_off_by_port(0x404, 7);
    assert_int_equal(power_registers.smi_command, 0xb2);
    assert_int_equal(power_registers.acpi_enable, 0xf0);
}

/* Two kinds of cores: numbers with gaps, the quick ones first, and more off than on. */
static void hybrid_laptop(void **state)
{
    (void)state;
    fadt_start(6, FADT_5, 0x1804, 0x1808, 1U << 10 | 1U << 8);
    table_set(&fadt, 109, 2, 1U << 2); /* no VGA */
    for (uint8_t i = 0; i < 6; i++) {
        madt_cpu(&madt, 2 * i, 8 * i, ON);
        madt_cpu(&madt, 2 * i + 1, 8 * i + 1, ON);
    }
    for (uint8_t i = 0; i < 8; i++)
        madt_cpu(&madt, 12 + i, 64 + 2 * i, ON);
    for (uint8_t i = 0; i < 20; i++)
        madt_cpu(&madt, 20 + i, 0, 0);
    madt_ioapic(&madt, 2, 0xfec00000, 0);
    pc_overrides();
    assert_int_equal(conclude(ROOT_XSDT, dsdt_put(5, 0), 0xfed00000, 0), 0);
    expect(20, 1, 0x1808, true);
    assert_int_equal(acpi_facts.cpu[2].apic_id, 8);
}

/* Socket by socket, threads last; an IO-APIC for each stack of PCI; both forms of entries. */
static void two_sockets(void **state)
{
    (void)state;
    cpu_features.x2apic = true;
    fadt_start(6, FADT_5, 0x504, 0x508, 1U << 10 | 1U << 8);
    for (unsigned i = 0; i < 112; i++)
        madt_cpu(&madt, (uint8_t)i, (uint8_t)(2 * i), ON);
    for (unsigned i = 0; i < 112; i++)
        madt_x2apic(&madt, i, 2 * i, ON); /* the same again */
    for (unsigned i = 0; i < 112; i++)
        madt_x2apic(&madt, 1000 + i, 512 + i, ON);
    madt_x2apic(&madt, 1112, UINT32_MAX, ON); /* a place for one more: a message there is for all */
    for (unsigned i = 0; i < 9; i++)
        madt_ioapic(&madt, (uint8_t)(8 + i), 0xfec00000 + i * 0x8000, i ? 24 + (i - 1) * 8 : 0);
    pc_overrides();
    assert_int_equal(conclude(ROOT_XSDT, dsdt_put(7, 0), 0xfed00000, 0), 0);
    expect(224, 9, 0x508, true);
    assert_int_equal(acpi_facts.cpu[112].apic_id, 512);
    assert_int_equal(acpi_facts.cpu[112].acpi_id, 1000);
    assert_int_equal(acpi_facts.ioapics_ignored, 0);
}

/* The same where x2APIC cannot be used: the far ones are out of reach. */
static void two_sockets_without_x2apic(void **state)
{
    (void)state;
    fadt_start(6, FADT_5, 0x504, 0x508, 0);
    cpus(100);
    for (unsigned i = 0; i < 112; i++)
        madt_x2apic(&madt, 1000 + i, 512 + i, ON);
    assert_int_equal(conclude(ROOT_XSDT, dsdt_put(7, 0), 0, 0), 0);
    expect(100, 0, 0x508, true);
    assert_int_equal(acpi_facts.cpus_ignored, 112);
}

/* 512 threads: those we have room for, and ours among them although it comes at the end. */
static void epyc_with_512_threads(void **state)
{
    (void)state;
    cpu_features.x2apic = true;
    fadt_start(6, FADT_5, 0x404, 0x808, 1U << 8);
    for (unsigned i = 0; i < 512; i++)
        madt_x2apic(&madt, i, i ^ 1, ON);
    madt_ioapic(&madt, 240, 0xfec00000, 0);
    madt_ioapic(&madt, 241, 0xe0180000, 24);
    madt_ioapic(&madt, 242, 0xc4180000, 56);
    assert_int_equal(conclude(ROOT_XSDT, dsdt_put(5, 0), 0xfed00000, 510), 0);
    expect(MAX_CPUS, 3, 0x808, true);
    assert_int_equal(acpi_facts.cpu[0].apic_id, 510);
    assert_int_equal(acpi_facts.cpu[0].acpi_id, 511);
    assert_int_equal(acpi_facts.cpus_ignored, 512 - MAX_CPUS);
}

/* It has happened that firmware lists another CPU first, or ours not at all. */
static void the_cpu_we_run_on_is_the_first(void **state)
{
    (void)state;
    fadt_start(4, FADT_3, 0x404, 0x408, 0);
    madt_cpu(&madt, 1, 6, ON);
    madt_cpu(&madt, 2, 4, ON);
    madt_cpu(&madt, 3, 2, ON);
    assert_int_equal(conclude(ROOT_BOTH, dsdt_put(7, 0), 0, 4), 0);
    expect(3, 0, 0x408, true);
    assert_int_equal(acpi_facts.cpu[0].apic_id, 4);
    assert_int_equal(acpi_facts.cpu[0].acpi_id, 2);
    reset(state);
    fadt_start(4, FADT_3, 0x404, 0x408, 0);
    madt_cpu(&madt, 1, 6, ON);
    assert_int_equal(conclude(ROOT_BOTH, dsdt_put(7, 0), 0, 9), 0);
    expect(2, 0, 0x408, true);
    assert_int_equal(acpi_facts.cpu[0].apic_id, 9);
}

static void aws_nitro(void **state)
{
    (void)state;
    fadt_start(5, FADT_5, 0xb004, 0xb008, 1U << 8);
    cpus(8);
    madt_ioapic(&madt, 0, 0xfec00000, 0);
    pc_overrides();
    assert_int_equal(conclude(ROOT_XSDT, dsdt_put(0, 0), 0, 0), 0);
    expect(8, 1, 0xb008, true);
}

static void aws_on_xen(void **state)
{
    (void)state;
    fadt_start(4, FADT_3, 0xb004, 0xb008, 1U << 8 | 1U << 10);
    for (uint8_t i = 0; i < 128; i++)
        madt_cpu(&madt, i, 2 * i, i < 2 ? ON : 0);
    madt_ioapic(&madt, 1, 0xfec00000, 0);
    pc_overrides();
    assert_int_equal(conclude(ROOT_BOTH, dsdt_put(7, 7), 0xfed00000, 0), 0);
    expect(2, 1, 0xb008, true);
}

static void google_cloud(void **state)
{
    (void)state;
    cpu_features.x2apic = true;
    fadt_start(2, 132, 0xb004, 0xb008, 1U << 10);
    table_set_address(&fadt, 116, PORTS, 0xcf9);
    table_set(&fadt, 128, 1, 6);
    cpus(16);
    for (unsigned i = 0; i < 16; i++)
        madt_nmi(&madt, (uint8_t)i, 5, 1);
    madt_ioapic(&madt, 0, 0xfec00000, 0);
    assert_int_equal(conclude(ROOT_RSDT, dsdt_put(0, 0), 0, 0), 0);
    expect(16, 1, 0xb008, true);
    assert_int_equal(acpi_facts.nmi_pins, 16);
    assert_int_equal(power_registers.reset_value, 6);
}

static void azure_generation_1(void **state)
{
    (void)state;
    fadt_start(2, 244, 0x404, 0x408, 1U << 8);
    for (uint8_t i = 1; i < 65; i++)
        madt_cpu(&madt, i, i - 1, i < 3 ? ON : 0);
    madt_ioapic(&madt, 0, 0xfec00000, 0);
    pc_overrides();
    assert_int_equal(conclude(ROOT_BOTH, dsdt_put(0, 0), 0, 0), 0);
    expect(2, 1, 0x408, true);
}

/* UEFI, no PIT, no HPET; its timer is by address, which is in ports. */
static void azure_generation_2(void **state)
{
    (void)state;
    fadt_start(4, FADT_3, 0, 0, 1U << 8 | 1U << 10);
    table_set_address(&fadt, 172, PORTS, 0x404);
    table_set_address(&fadt, 208, PORTS, 0x408);
    table_set_address(&fadt, 116, PORTS, 0x400);
    table_set(&fadt, 128, 1, 1);
    for (uint8_t i = 1; i < 3; i++)
        madt_cpu(&madt, i, i - 1, ON);
    madt_ioapic(&madt, 2, 0xfec00000, 0);
    madt_override(&madt, 9, 9, 0xf);
    assert_int_equal(conclude(ROOT_XSDT, dsdt_put(0, 0), 0, 0), 0);
    expect(2, 1, 0x408, true);
    expect_off_by_port(0x404, 0);
}

static void vmware(void **state)
{
    (void)state;
    fadt_start(4, FADT_3, 0x1004, 0x1008, 0);
    table_set(&fadt, 48, 4, 0x1064);
    table_set(&fadt, 52, 1, 0xf1);
    for (uint8_t i = 0; i < 4; i++)
        madt_cpu(&madt, i, 2 * i, ON);
    for (unsigned i = 4; i < 128; i++)
        madt_cpu(&madt, (uint8_t)i, (uint8_t)(2 * i), 0);
    madt_ioapic(&madt, 4, 0xfec00000, 0);
    pc_overrides();
    assert_int_equal(conclude(ROOT_BOTH, dsdt_put(4, 0), 0xfed00000, 0), 0);
    expect(4, 1, 0x1008, true);
    assert_int_equal(power_registers.smi_command, 0x1064);
}

static void openstack(void **state)
{
    (void)state;
    cpu_features.x2apic = true;
    fadt_start(1, FADT_1, 0x604, 0x608, 0);
    cpus(255);
    for (unsigned i = 255; i < 288; i++)
        madt_x2apic(&madt, i, i, ON);
    madt_ioapic(&madt, 0, 0xfec00000, 0);
    assert_int_equal(conclude(ROOT_RSDT, dsdt_put(0, 0), 0xfed00000, 0), 0);
    expect(256, 1, 0x608, true);
    assert_int_equal(acpi_facts.cpus_ignored, 32);
}

static void a_wrong_checksum_is_a_warning(void **state)
{
    uint64_t tables[2];

    (void)state;
    fadt_start(4, FADT_3, 0x804, 0x808, 0);
    table_set(&fadt, 40, 4, dsdt_put(7, 0));
    cpus(2);
    madt_ioapic(&madt, 0, 0xfec00000, 0);
    tables[0] = table_put_wrong(&fadt);
    tables[1] = table_put_wrong(&madt);
    assert_int_equal(acpi_init(root_put(ROOT_BOTH, tables, 2), 0, acpi_build_map), 0);
    expect(2, 1, 0x808, true);
    assert_int_equal(acpi_facts.wrong_sums, 2);
}

/* Revision 2 of the pointer, and no XSDT. */
static void an_xsdt_that_is_not_there(void **state)
{
    (void)state;
    fadt_start(4, FADT_3, 0x804, 0x808, 0);
    cpus(2);
    assert_int_equal(conclude(ROOT_XSDT_IS_0, dsdt_put(7, 0), 0, 0), 0);
    expect(2, 0, 0x808, true);
}

static void registers_above_16_bits_and_on_pci(void **state)
{
    (void)state;
    fadt_start(5, FADT_5, 0, 0, 1U << 10);
    table_set_address(&fadt, 172, MEMORY, 0xfed80804);
    table_set_address(&fadt, 116, PCI, (uint64_t)31 << 32 | 3U << 16 | 0x44);
    table_set(&fadt, 128, 1, 6);
    cpus(1);
    assert_int_equal(conclude(ROOT_XSDT, dsdt_put(5, 1), 0, 0), 0);
    assert_int_equal(power_registers.pm1a_control.kind, POWER_MEMORY);
    assert_int_equal(power_registers.reset.kind, POWER_PCI);
    assert_int_equal(power_registers.reset.pci, 31 << 11 | 3 << 8 | 0x44);
    assert_int_equal(power_registers.sleep_type_b, 1);
}

/* A timer whose registers are in memory has not been seen; its port must not be taken for it. */
static void a_timer_in_memory_is_none(void **state)
{
    (void)state;
    fadt_start(5, FADT_5, 0x804, 0x808, 0);
    table_set_address(&fadt, 208, MEMORY, 0xfed80808);
    cpus(1);
    assert_int_equal(conclude(ROOT_XSDT, 0, 0, 0), 0);
    expect(1, 0, 0, false);
}

static void entries_that_lie_about_their_length(void **state)
{
    (void)state;
    fadt_start(1, FADT_1, 0x604, 0x608, 0);
    cpus(2);
    table_add(&madt, (uint8_t[]){ 0, 0, 2, 2, 1, 0, 0, 0 }, 8); /* 0 bytes: the end */
    cpus(3);
    assert_int_equal(conclude(ROOT_RSDT, 0, 0, 0), 0);
    expect(2, 0, 0x608, false);
    reset(state);
    fadt_start(1, FADT_1, 0x604, 0x608, 0);
    cpus(2);
    table_add(&madt, (uint8_t[]){ 0, 8, 2, 2 }, 4); /* cut off */
    assert_int_equal(conclude(ROOT_RSDT, 0, 0, 0), 0);
    expect(2, 0, 0x608, false);
}

static void more_than_there_is_room_for(void **state)
{
    (void)state;
    fadt_start(1, FADT_1, 0x604, 0x608, 0);
    cpus(255);
    for (unsigned i = 0; i < MAX_IOAPICS + 5; i++)
        madt_ioapic(&madt, (uint8_t)i, 0xfec00000 + i * 0x1000, 24 * i);
    for (unsigned i = 0; i < 40; i++) {
        madt_override(&madt, (uint8_t)i, i, 0);
        madt_nmi(&madt, (uint8_t)i, 0, 1);
    }
    assert_int_equal(conclude(ROOT_RSDT, 0, 0, 0), 0);
    expect(255, MAX_IOAPICS, 0x608, false);
    assert_int_equal(acpi_facts.ioapics_ignored, 5);
    assert_int_equal(acpi_facts.overrides, 16);
    assert_int_equal(acpi_facts.nmi_pins, 40);
}

static void no_madt(void **state)
{
    uint64_t table;

    (void)state;
    fadt_start(1, FADT_1, 0x604, 0x608, 0);
    table = table_put(&fadt);
    assert_int_equal(acpi_init(root_put(ROOT_RSDT, &table, 1), 0, acpi_build_map), -ENOENT);
}

static unsigned maps;

static void *counting_map(uint64_t physical, size_t bytes, bool registers)
{
    maps++;
    return acpi_build_map(physical, bytes, registers);
}

/* What is mapped stays mapped, and 16 MiB are summed slowly: all of it happens once. */
static void a_root_is_walked_once(void **state)
{
    struct table_build root;
    uint32_t table, at;
    uint8_t rsdp[36] = "RSD PTR ";

    (void)state;
    cpus(2);
    table = (uint32_t)table_put(&madt);
    table_start(&root, "RSDT", 1, 36 + 8000 * 4);
    for (unsigned i = 0; i < 8000; i++)
        table_set(&root, 36 + 4 * i, 4, ACPI_MEMORY_AT); /* the MADT, again and again */
    madt_start(&madt);
    cpus(3);
    table_set(&root, 36 + 4 * 1023, 4, table_put(&madt)); /* the first counts */
    at = (uint32_t)table_put_wrong(&root);
    assert_int_equal(table, ACPI_MEMORY_AT);
    memcpy(rsdp + 16, &at, 4);
    maps = 0;
    assert_int_equal(acpi_init(rsdp, 0, counting_map), 0);
    expect(2, 0, 0, false);
    assert_int_equal(acpi_facts.wrong_sums, 1);
    assert_true(maps <= 2 + 1024 + 2);
}

static void the_last_entry_there_may_be(void **state)
{
    struct table_build root;
    uint32_t at;
    uint8_t rsdp[36] = "RSD PTR ";

    for (unsigned last = 1023; last <= 1024; last++) {
        reset(state);
        cpus(2);
        table_start(&root, "RSDT", 1, 36 + 8000 * 4);
        table_set(&root, 36 + 4 * last, 4, table_put(&madt));
        at = (uint32_t)table_put(&root);
        memcpy(rsdp + 16, &at, 4);
        assert_int_equal(acpi_init(rsdp, 0, counting_map), last == 1023 ? 0 : -ENOENT);
    }
}

#define CASE(name) cmocka_unit_test_setup(name, reset)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(qemu_pc),
        CASE(qemu_q35_with_ovmf),
        CASE(qemu_microvm),
        CASE(laptop_of_2012),
        CASE(hybrid_laptop),
        CASE(two_sockets),
        CASE(two_sockets_without_x2apic),
        CASE(epyc_with_512_threads),
        CASE(the_cpu_we_run_on_is_the_first),
        CASE(aws_nitro),
        CASE(aws_on_xen),
        CASE(google_cloud),
        CASE(azure_generation_1),
        CASE(azure_generation_2),
        CASE(vmware),
        CASE(openstack),
        CASE(a_wrong_checksum_is_a_warning),
        CASE(an_xsdt_that_is_not_there),
        CASE(registers_above_16_bits_and_on_pci),
        CASE(a_timer_in_memory_is_none),
        CASE(entries_that_lie_about_their_length),
        CASE(more_than_there_is_room_for),
        CASE(no_madt),
        CASE(a_root_is_walked_once),
        CASE(the_last_entry_there_may_be),
    };

    return cmocka_run_group_tests_name("pc-tables", tests, NULL, NULL);
}
