/*
 * What Paravane concludes on kinds of machines (tests/pc/machines.h): CPUs and their NMI pins,
 * interrupt lines, the clock and how well it runs, the time of day, memory, PCI's roots.  The
 * hypervisor's readers and the control domain's are compiled as they are.
 *
 * Each machine has a process of its own: what has been found is never forgotten.
 *
 * Sources: tests/pc/pc.c tests/pc/timers.c tests/pc/lapic.c tests/pc/uarts.c tests/pc/iommus.c
 * Sources: tests/pc/ioapics.c tests/pc/acpi-build.c tests/pc/machines-servers.c
 * Sources: tests/pc/machines-personal.c tests/pc/machines-virtual.c
 * Sources: hypervisor/machine/acpi.c hypervisor/machine/madt.c hypervisor/machine/fadt.c
 * Sources: hypervisor/machine/iommu-tables.c hypervisor/machine/ioapic.c
 * Sources: hypervisor/machine/tsc-rate.c hypervisor/machine/clock.c hypervisor/machine/rtc.c
 * Sources: hypervisor/boot/memory-map.c dom0/devices/acpi-tables.c dom0/devices/pci-roots.c
 *
 * Flags: -Itests/pc/in-place -Itests/pc -Ihypervisor -DHOST_TEST
 * -include tests/unit/fake-hypercalls.h
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "boot/boot-info.h"
#include "boot/memory-map.h"
#include "devices/pci-roots.h"
#include "hypercall-abi/platform.h"
#include "lib/bug.h"
#include "lib/log.h"
#include "lib/types.h"
#include "machine/acpi.h"
#include "machine/clock.h"
#include "machine/cpu-features.h"
#include "machine/ioapic.h"
#include "machine/power.h"
#include "machine/tsc-rate.h"
#include "machines.h"
#include "pv-kernel/foreign-frames.h"

struct cpu_features cpu_features;
struct power_registers power_registers;
struct boot_info boot_info;

void cpu_wait_step(void)
{
    cpu_pause();
}

void log_print(enum log_level level, const char *format, ...)
{
    (void)level;
    (void)format;
}

void panic(const char *format, ...)
{
    printf("panic: %s\n", format);
    _exit(99);
}

/* The control domain finds the root pointer by UEFI's tables. */
#define UEFI_TABLES 0x1000
#define RSDP        0x2000
static struct {
    uint8_t guid[16];
    uint64_t address;
} uefi = { "\x71\xe8\x68\x88\xf1\xe4\xd3\x11\xbc\x22\x00\x80\xc7\x3c\x88\x81", RSDP };
static const void *rsdp;

int64_t hypercall_platform_op(uint64_t argument)
{
    struct xen_platform_op *op = (struct xen_platform_op *)(uintptr_t)argument;

    op->u.firmware_info.u.efi_config.address = UEFI_TABLES;
    op->u.firmware_info.u.efi_config.entries = 1;
    return 0;
}

int device_memory_map(uint64_t physical, size_t bytes, void **va)
{
    if (physical == UEFI_TABLES)
        *va = &uefi;
    else
        *va = physical == RSDP ? (void *)(uintptr_t)rsdp : acpi_build_map(physical, bytes, false);
    return *va ? 0 : -1;
}

void device_memory_unmap(void *va, size_t bytes)
{
    (void)va;
    (void)bytes;
}

/* Tables as firmware puts them together. */
static uint64_t fadt_put(const struct machine *m)
{
    struct table_build t;
    unsigned roots = 0;
    uint64_t dsdt;

    while (roots < sizeof(m->roots) && m->roots[roots])
        roots++;
    dsdt = dsdt_put_with_roots(5, 0, m->roots, roots);
    table_start(&t, "FACP", m->fadt_revision, m->fadt_length);
    table_set(&t, 40, 4, dsdt);
    if (m->fadt_length >= 148)
        table_set(&t, 140, 8, dsdt);
    table_set(&t, 64, 4, m->pm_timer ? m->pm_timer - 4U : 0);
    table_set(&t, 76, 4, m->pm_timer);
    table_set(&t, 112, 4, m->flags);
    return table_put(&t);
}

static uint64_t madt_put(const struct machine *m)
{
    struct table_build t;

    madt_start(&t);
    m->madt(&t);
    return table_put(&t);
}

static uint64_t hpet_put(const struct machine *m)
{
    struct table_build t;

    table_start(&t, "HPET", 1, 56);
    table_set_address(&t, 40, 0, m->hpet);
    return table_put(&t);
}

static uint64_t spcr_put(const struct machine *m)
{
    struct table_build t;

    table_start(&t, "SPCR", 2, 80);
    table_set_address(&t, 40, 1, m->console);
    table_set(&t, 58, 1, 7);
    return table_put(&t);
}

static unsigned iommus(const struct machine *m)
{
    unsigned n = 0;

    while (n < sizeof(m->iommus) / sizeof(m->iommus[0]) && m->iommus[n])
        n++;
    return n;
}

static uint64_t iommus_put(const struct machine *m)
{
    struct table_build t;

    table_start(&t, m->amd ? "IVRS" : "DMAR", 2, 48);
    for (unsigned i = 0; i < iommus(m); i++) {
        uint8_t unit[24] = { m->amd ? 0x10 : 0, 0, 24 };

        memcpy(unit + 8, &m->iommus[i], 8);
        table_add(&t, unit, sizeof(unit));
    }
    return table_put(&t);
}

static void tables_put(const struct machine *m)
{
    uint64_t tables[5];
    unsigned n = 0;

    acpi_build_reset();
    tables[n++] = fadt_put(m);
    tables[n++] = madt_put(m);
    if (m->hpet)
        tables[n++] = hpet_put(m);
    if (m->console)
        tables[n++] = spcr_put(m);
    if (m->iommus[0])
        tables[n++] = iommus_put(m);
    rsdp = root_put(m->root, tables, n);
}

static void model_be(const struct machine *m)
{
    pc_reset();
    pc.leaves = m->leaves;
    pc.tsc_hz = m->tsc_hz;
    pc.hyperv_tsc_hz = m->hyperv_tsc_hz;
    pc.hpet = m->hpet ? PC_WORKS : PC_ABSENT;
    pc.hpet_femtoseconds = m->hpet_femtoseconds;
    pc.pm_timer = m->pm_timer ? PC_WORKS : PC_ABSENT;
    pc.pm_timer_port = m->pm_timer;
    pc.pm_timer_24 = !(m->flags & FADT_TIMER_32);
    pc.pit = m->pit;
    pc.rtc = m->rtc;
    cpu_features.x2apic = m->x2apic;
}

/* Says what differs: whoever adds a machine wants to see all of it. */
static unsigned differences;

static void expect(const char *what, uint64_t is, uint64_t wanted)
{
    if (is == wanted)
        return;
    printf("    %s: %lu, not %lu\n", what, is, wanted);
    differences++;
}

static bool has_nmi_pin(uint32_t acpi_id)
{
    for (unsigned i = 0; i < acpi_facts.nmi_pins; i++)
        if (acpi_facts.nmi_pin[i].acpi_id == acpi_id ||
            acpi_facts.nmi_pin[i].acpi_id == ACPI_ALL_CPUS)
            return acpi_facts.nmi_pin[i].lint == 1 && !acpi_facts.nmi_pin[i].active_low;
    return acpi_facts.nmi_pins == 0; /* then it is the usual one */
}

static void cpus_are_right(const struct machine *m)
{
    expect("CPUs", acpi_facts.cpus, m->is.cpus);
    expect("CPUs left out", acpi_facts.cpus_ignored, m->is.cpus_left_out);
    expect("the first CPU", acpi_facts.cpu[0].apic_id, m->apic_id);
    for (unsigned i = 0; i < acpi_facts.cpus; i++) {
        expect("an NMI pin", has_nmi_pin(acpi_facts.cpu[i].acpi_id), m->is.nmi_pins);
        for (unsigned k = 0; k < i; k++)
            expect("a CPU twice", acpi_facts.cpu[i].apic_id == acpi_facts.cpu[k].apic_id, false);
    }
}

static void lines_are_right(const struct machine *m)
{
    unsigned lines = 0, owned = 0;

    expect("IO-APICs", acpi_facts.ioapics, m->is.ioapics);
    for (unsigned i = 0; i < acpi_facts.ioapics; i++) {
        const struct acpi_ioapic *io = &acpi_facts.ioapic[i];

        pc.ioapic[i].physical = io->address;
        pc.ioapic[i].lines = m->lines[i];
        lines += m->lines[i];
        ioapic_add(io->id, io->address, pc_map(io->address), io->gsi_base);
    }
    for (unsigned gsi = 0; gsi < ioapic_gsi_limit(); gsi++)
        owned += ioapic_has(gsi);
    expect("lines", owned, lines);
    expect("the end of lines", ioapic_gsi_limit(), m->is.gsi_limit);
    expect("overrides", acpi_facts.overrides, m->is.overrides);
}

/* A second of the clock is one, to 200 parts in a million. */
static void clock_is_right(const struct machine *m)
{
    struct reference_timers timers = { .pm_timer = acpi_facts.pm_timer,
                                       .pm_timer_32 = acpi_facts.pm_timer_32,
                                       .pit = true };
    const char *source = "nobody";
    uint64_t seconds, rate;
    uint32_t rest;

    if (acpi_facts.hpet_address)
        timers.hpet = pc_map(acpi_facts.hpet_address);
    rate = tsc_rate_find(&timers, &source);
    if (strcmp(source, m->is.clock) != 0)
        expect(source, 0, 1);
    expect("the TSC's rate",
           rate > m->tsc_hz - m->tsc_hz / 5000 && rate < m->tsc_hz + m->tsc_hz / 5000, true);
    clock_init(&timers, !acpi_facts.no_rtc);
    clock_wall_base(&seconds, &rest);
    expect("the time of day", seconds != 0, m->is.time_of_day);
}

static bool is_ram(uint64_t address)
{
    for (unsigned i = 0; i < boot_info.e820_entries; i++) {
        const struct e820_entry *e = &boot_info.e820[i];

        if (address >= e->addr && address - e->addr < e->size)
            return e->type == E820_RAM;
    }
    return false;
}

static void memory_is_right(const struct machine *m)
{
    uint64_t pages = 0;

    for (const struct machine_range *r = m->memory; r->type; r++)
        memory_map_add(r->first, r->last + 1 - r->first, r->type);
    memory_map_settle();
    for (const struct machine_range *r = m->memory; r->type; r++) {
        expect("RAM at a start", is_ram(r->first), r->type == RAM);
        expect("RAM at an end", is_ram(r->last), r->type == RAM);
    }
    for (unsigned i = 0; i < boot_info.e820_entries; i++) {
        const struct e820_entry *e = &boot_info.e820[i];

        if (e->type == E820_RAM)
            pages +=
                ((e->addr + e->size) >> PAGE_SHIFT) - ((e->addr + PAGE_SIZE - 1) >> PAGE_SHIFT);
    }
    expect("pages of RAM", pages, m->is.pages);
}

static void devices_are_right(const struct machine *m)
{
    struct pci_roots roots;
    unsigned found = 0, wanted = 1;

    pci_roots_find(&roots);
    for (unsigned bus = 0; bus < 256; bus++)
        found += pci_is_root(&roots, bus);
    expect("bus 0", pci_is_root(&roots, 0), true);
    for (unsigned i = 0; i < sizeof(m->roots) && m->roots[i]; i++, wanted++)
        expect("a root of PCI", pci_is_root(&roots, m->roots[i]), true);
    expect("PCI's roots", found, wanted);
    expect("IOMMUs", acpi_facts.iommus, iommus(m));
    for (unsigned i = 0; i < acpi_facts.iommus; i++) {
        expect("an IOMMU", acpi_facts.iommu[i].address, m->iommus[i]);
        expect("AMD's", acpi_facts.iommu[i].amd, m->amd);
    }
    expect("the console", acpi_facts.console.base, m->console);
    expect("ACPI's timer", acpi_facts.pm_timer, m->pm_timer);
    if (m->pm_timer)
        expect("PM1a's control", power_registers.pm1a_control.port, m->pm_timer - 4U);
}

static unsigned conclude(const struct machine *m)
{
    model_be(m);
    tables_put(m);
    expect("ACPI", (uint64_t)acpi_init(rsdp, m->apic_id, acpi_build_map), 0);
    cpus_are_right(m);
    lines_are_right(m);
    clock_is_right(m);
    memory_is_right(m);
    devices_are_right(m);
    return differences;
}

static void conclusions(const struct machine *machines)
{
    unsigned wrong = 0;

    for (const struct machine *m = machines; m->name; m++) {
        int status;
        pid_t child;

        printf("  %s\n", m->name);
        fflush(stdout);
        child = fork();
        if (!child) {
            unsigned count = conclude(m);

            fflush(stdout);
            _exit(count != 0);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        wrong += status != 0;
    }
    assert_int_equal(wrong, 0);
}

static void servers(void **state)
{
    (void)state;
    conclusions(machines_servers);
}

static void personal_machines(void **state)
{
    (void)state;
    conclusions(machines_personal);
}

static void virtual_machines(void **state)
{
    (void)state;
    conclusions(machines_virtual);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(servers),
        cmocka_unit_test(personal_machines),
        cmocka_unit_test(virtual_machines),
    };

    return cmocka_run_group_tests_name("pc-kinds", tests, NULL, NULL);
}
