/* The few ACPI tables the hypervisor reads itself: MADT, FADT with \_S5 of the DSDT, HPET,
 * DMAR, IVRS. */
#ifndef MACHINE_ACPI_H
#define MACHINE_ACPI_H

#include "lib/types.h"
#include "limits.h"
#include "machine/serial.h"

struct acpi_ioapic {
    uint8_t id;
    uint32_t address, gsi_base;
};

struct acpi_override {
    uint8_t irq;
    uint32_t gsi;
    bool level, active_low;
};

#define ACPI_ALL_CPUS 0xffffffffU

/* A pin of local APICs on which NMIs come. */
struct acpi_nmi_pin {
    uint32_t acpi_id; /* or ACPI_ALL_CPUS */
    uint8_t lint;     /* 0 or 1 */
    bool level, active_low;
};

struct acpi_facts {
    unsigned cpus; /* the one we run on first, wherever it is listed */
    struct {
        uint32_t apic_id, acpi_id;
    } cpu[MAX_CPUS];
    unsigned cpus_ignored; /* beyond MAX_CPUS, or out of reach */
    unsigned ioapics, ioapics_ignored;
    struct acpi_ioapic ioapic[MAX_IOAPICS];
    unsigned overrides;
    struct acpi_override override[16];
    unsigned nmi_pins;
    struct acpi_nmi_pin nmi_pin[MAX_CPUS]; /* firmware likes to list them for each CPU */
    struct serial_port console;            /* base 0: the firmware names none */
    unsigned iommus, iommus_ignored;
    struct {
        uint64_t address; /* of its registers, physical */
        bool amd;         /* or Intel's */
    } iommu[MAX_IOMMUS];
    uint64_t hpet_address; /* physical, 0: none */
    uint16_t pm_timer;     /* its I/O port, 0: none */
    bool pm_timer_32;      /* it has 32 bits, not 24 */
    bool no_rtc;           /* the PC's clock is not there, says the firmware */
    unsigned wrong_sums;   /* tables that were used although their checksum is wrong */
};
extern struct acpi_facts acpi_facts;

/* Makes firmware tables, or registers of a device, readable and writable; NULL: not possible. */
typedef void *acpi_map_fn(uint64_t physical, size_t bytes, bool registers);

/*
 * rsdp: the root pointer, 36 bytes mapped.  Also fills power_registers.  The CPU we run on has this
 * APIC id.  -ENOENT without a MADT.
 */
int acpi_init(const void *rsdp, uint32_t apic_id, acpi_map_fn *map);

#endif
