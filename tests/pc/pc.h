/*
 * A model of the PC, for the hypervisor's machine/ and boot/ compiled as they are.  It is as strict
 * as manuals allow a machine to be and as poor as machines are found: each device can be missing,
 * stand still or be stuck.  Time passes with each access, as long as that takes on a slow machine.
 *
 * What no machine forgives (an MSR that is not there, a register of the wrong mode) fails the test.
 */
#ifndef TESTS_PC_PC_H
#define TESTS_PC_PC_H

#include "machine/registers.h"

enum pc_device { PC_ABSENT, PC_FROZEN, PC_WORKS };

#define PC_BANKS   40
#define PC_IOAPICS 32

struct pc_leaf {
    uint32_t leaf, subleaf;
    struct cpuid_leaf value;
};

struct pc {
    uint64_t tsc_hz;
    const struct pc_leaf *leaves; /* of CPUID; ends with a leaf ~0 */
    /* Timers and clock. */
    enum pc_device hpet, pm_timer, pit, rtc;
    uint32_t hpet_femtoseconds;
    uint16_t pm_timer_port;
    bool pm_timer_24;
    uint64_t rtc_seconds; /* since 2000 */
    unsigned rtc_year;    /* two digits */
    bool rtc_binary, rtc_12h, rtc_blank;
    /* Local APIC: of the CPU we run on. */
    uint32_t apic_id;
    uint64_t apic_base; /* the MSR */
    uint64_t apic_timer_hz;
    /* What their version registers claim; 0: nobody is at that address. */
    struct {
        uint64_t physical;
        unsigned lines;
    } ioapic[PC_IOAPICS];
    /* AMD's: what firmware has set in the interrupt pending message's MSR; 0: no such MSR. */
    uint64_t interrupt_pending;
    /* UARTs at COM1 and COM2; frozen: takes no more characters. */
    enum pc_device uart[2];
    bool ports_are_quick;   /* as where they are emulated */
    uint64_t hyperv_tsc_hz; /* 0: no such MSR */
    uint32_t microcode;     /* 0: no such MSR */
    uint64_t microcode_told;
    /* PM1a's and PM1b's control, at 0x604 and 0x60c, and what was written to them in turn. */
    uint16_t pm1[2], pm1_written[8];
    unsigned pm1_writes;
    uint8_t nmi_status; /* of port 0x61: SERR, IOCHK */
    /* IOMMUs, as firmware left them; stuck: does not go off. */
    uint32_t vtd_status, vtd_protected, amd_iommu_control;
    bool iommu_stuck;
    /* Machine checks: registers 0 to 3 of each bank. */
    uint64_t mcg_cap, mcg_status, mca[PC_BANKS][4];

    /* What happened. */
    uint64_t now; /* in femtoseconds */
    unsigned accesses;
    char printed[2][256];
    unsigned printed_length[2];
    uint32_t hpet_config;
};

extern struct pc pc;

#define PC_HPET_PHYSICAL  0xfed00000UL
#define PC_LAPIC_PHYSICAL 0xfee00000UL
#define PC_VTD_PHYSICAL   0xfed90000UL
#define PC_AMD_PHYSICAL   0xfeb80000UL
#define PC_PM1A           0x604
#define PC_PM1B           0x60c
#define PC_PM_TIMER       0x608

/* A PC of 2010 with everything: 2.5 GHz, HPET, 24-bit timer, PIT, clock, COM1. */
void pc_reset(void);
/* Registers in memory, as device_map gives them out; NULL: nothing there. */
void *pc_map(uint64_t physical);
uint64_t pc_milliseconds(void);
/* Femtoseconds until a UART's last character is on the line. */
uint64_t pc_unsent(unsigned uart);
/* What a UART divides 115200 baud by. */
uint16_t pc_uart_divisor(unsigned uart);
/* The local APIC's vector at this register, as it works: masked while the APIC is disabled. */
uint32_t pc_lapic_vector(unsigned reg);
uint64_t pc_tsc_deadline(void);
/* What its timer was told to count down from. */
uint32_t pc_lapic_timer(void);
/* The lower half of a line's entry. */
uint32_t pc_ioapic_line(unsigned which, unsigned line);

#endif
