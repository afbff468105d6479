/* The few ACPI tables the hypervisor reads itself: MADT, FADT, and \_S5 in the DSDT. */
#ifndef MACHINE_ACPI_H
#define MACHINE_ACPI_H

#include "lib/types.h"
#include "limits.h"

struct acpi_ioapic {
    uint8_t id;
    uint32_t address, gsi_base;
};

struct acpi_override {
    uint8_t irq;
    uint32_t gsi;
    bool level, active_low;
};

struct acpi_facts {
    uint64_t lapic_address;
    unsigned cpus;
    struct {
        uint32_t apic_id, acpi_id;
    } cpu[MAX_CPUS];
    unsigned cpus_ignored; /* beyond MAX_CPUS, or out of reach */
    unsigned ioapics;
    struct acpi_ioapic ioapic[MAX_IOAPICS];
    unsigned overrides;
    struct acpi_override override[16];
};
extern struct acpi_facts acpi_facts;

/*
 * rsdp: the root pointer, 36 bytes mapped.  map(physical, bytes) makes firmware tables readable.
 * Also fills power_registers.  -ENOENT without a MADT.
 */
int acpi_init(const void *rsdp, const void *(*map)(uint64_t physical, size_t bytes));

#endif
