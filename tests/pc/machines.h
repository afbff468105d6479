/*
 * Kinds of machines as they are found: what firmware and processor of each say, taken from boot
 * logs that people have published, and what must be concluded from it.  What a log does not tell
 * is as the machine's documents or its like have it, or left out.
 */
#ifndef TESTS_PC_MACHINES_H
#define TESTS_PC_MACHINES_H

#include "acpi-build.h"
#include "pc.h"

/* As logs print it: `last` belongs to it. */
struct machine_range {
    uint64_t first, last;
    enum { NO_RANGE, RAM, RESERVED, ACPI_DATA, ACPI_NVS } type;
};

struct machine {
    const char *name;

    /* ACPI. */
    enum root root;
    uint8_t fadt_revision;
    uint16_t fadt_length;
    uint16_t pm_timer; /* its port, or 0; PM1a's control is four below, as on PIIX and ICH */
    uint32_t flags;
    void (*madt)(struct table_build *t); /* adds the entries */
    uint64_t hpet;                       /* its address, or 0 */
    bool amd;                            /* whose IOMMUs these are */
    uint64_t iommus[8];
    uint16_t console;  /* SPCR's port, or 0 */
    uint8_t roots[16]; /* PCI's, besides 0 */

    /* The processor. */
    uint32_t apic_id;             /* of the one we are started on */
    bool x2apic;                  /* a hypervisor offers it, or firmware has left it on */
    const struct pc_leaf *leaves; /* as pc.h has them */
    uint64_t tsc_hz, hyperv_tsc_hz;

    /* The rest. */
    uint32_t hpet_femtoseconds;
    enum pc_device pit, rtc;
    uint8_t lines[PC_IOAPICS];          /* of its IO-APICs, in the MADT's order */
    const struct machine_range *memory; /* ends with type 0 */

    /* What must be concluded. */
    struct {
        unsigned cpus, cpus_left_out, ioapics, gsi_limit, overrides;
        bool nmi_pins; /* each CPU has one */
        const char *clock;
        bool time_of_day;
        uint64_t pages; /* of RAM: Linux's count, where a log has it, and page 0, which it leaves */
    } is;
};

/* The frequency of the HPET of most chip sets, 14.318180 MHz. */
#define HPET_USUAL 69841279

#define MADT_ON         1U
#define MADT_HIGH_LEVEL 0xdU /* polarity and trigger mode: ACPI 6.4, table 5.26 */
#define MADT_LOW_LEVEL  0xfU
#define MADT_HIGH_EDGE  0x5U
#define FADT_TIMER_32   (1U << 8)
#define FADT_RESET      (1U << 10)
#define FADT_HW_REDUCED (1U << 20)

/* Where a log shows nothing of CPUID. */
extern const struct pc_leaf machine_leaves_unknown[];

/* CPUs whose ids go up by one and by `step`. */
void machine_cpus(struct table_build *t, unsigned count, unsigned acpi_id, unsigned apic_id,
                  unsigned step, uint32_t flags);
/* The timer's line, and ACPI's. */
void machine_overrides(struct table_build *t, uint16_t acpi_flags);

/* Each ends with one that has no name. */
extern const struct machine machines_servers[], machines_personal[], machines_virtual[];

#endif
