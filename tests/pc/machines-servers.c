/* Servers.  See machines.h. */
#include "machines.h"

void machine_cpus(struct table_build *t, unsigned count, unsigned acpi_id, unsigned apic_id,
                  unsigned step, uint32_t flags)
{
    for (unsigned i = 0; i < count; i++)
        madt_cpu(t, (uint8_t)(acpi_id + i), (uint8_t)(apic_id + i * step), flags);
}

void machine_overrides(struct table_build *t, uint16_t acpi_flags)
{
    madt_override(t, 0, 2, 0);
    madt_override(t, 9, 9, acpi_flags);
}

const struct pc_leaf machine_leaves_unknown[] = { { 0, 0, { 0xd, 0, 0, 0 } }, { ~0U, 0, { 0 } } };

/*
 * Dell PowerEdge R7625, two EPYC of 256 threads each: log of 6.12.0-rc2+ in a report by J.
 * Axboe of October 2024.  Its IO-APICs are not in the order of their lines;
 * CPUs are listed by x2APIC's entries, to which AMD's PPRs give the socket in the highest bit.
 */
static void r7625_madt(struct table_build *t)
{
    static const struct {
        uint32_t address, gsi_base;
    } ioapics[] = { { 0xfec00000, 0 },   { 0xea180000, 120 }, { 0xdd180000, 88 },
                    { 0xfd180000, 24 },  { 0xd0180000, 56 },  { 0xc3180000, 248 },
                    { 0xb6180000, 216 }, { 0xa9280000, 152 }, { 0x9c180000, 184 } };

    for (unsigned i = 0; i < 512; i++)
        madt_x2apic(t, i, i, MADT_ON);
    madt_x2apic_nmi(t, ~0U, MADT_HIGH_EDGE, 1);
    madt_nmi(t, 0xff, MADT_HIGH_EDGE, 1);
    for (unsigned i = 0; i < 9; i++)
        madt_ioapic(t, (uint8_t)(240 + i), ioapics[i].address, ioapics[i].gsi_base);
    machine_overrides(t, MADT_LOW_LEVEL);
}

static const struct machine_range r7625_memory[] = {
    { 0x0, 0x8efff, RAM },
    { 0x8f000, 0x8ffff, ACPI_NVS },
    { 0x90000, 0x9ffff, RAM },
    { 0x100000, 0x59cccfff, RAM },
    { 0x59ccd000, 0x59ccffff, RESERVED },
    { 0x59cd0000, 0x677cefff, RAM },
    { 0x677cf000, 0x6dfcefff, RESERVED },
    { 0x6dfcf000, 0x6edfefff, ACPI_NVS },
    { 0x6edff000, 0x6effefff, ACPI_DATA },
    { 0x6efff000, 0x6effffff, RAM },
    { 0x6f000000, 0x6fffffff, ACPI_NVS },
    { 0x70000000, 0x8fffffff, RESERVED },
    { 0xfd000000, 0xffffffff, RESERVED },
    { 0x100000000, 0x187fdfffff, RAM },
    { 0x187fe00000, 0x187fffffff, RESERVED },
    { 0x1880000000, 0x307fdfffff, RAM },
    { 0x307fe00000, 0x307fffffff, RESERVED },
    { 0x3080000000, 0x487fdfffff, RAM },
    { 0x4880000000, 0x607edfffff, RAM },
    { 0x6080000000, 0x787fdfffff, RAM },
    { 0x7880000000, 0x907fdfffff, RAM },
    { 0x9080000000, 0xa87fdfffff, RAM },
    { 0xa880000000, 0xc07e7bffff, RAM },
    { 0xc07e7c0000, 0xc07fbfffff, RESERVED },
    { 0xc07fc00000, 0xc07fcfffff, RAM },
    { 0x71d60000000, 0x71d801fffff, RESERVED }, /* far above what there is RAM at */
    { 0, 0, NO_RANGE },
};

/*
 * Intel's own board for four Xeons (Cascade or Cooper Lake), in a report to linux-kernel of July
 * 2020: 17 IO-APICs, threads after all of the cores, gaps in the numbers of both.
 */
static void four_sockets_madt(struct table_build *t)
{
    static const uint8_t cores[] = { 0x00, 0x02, 0x04, 0x06, 0x08, 0x10, 0x12, 0x14, 0x16,
                                     0x20, 0x22, 0x24, 0x26, 0x28, 0x30, 0x32, 0x34, 0x36 };

    for (unsigned thread = 0; thread < 2; thread++)
        for (unsigned socket = 0; socket < 4; socket++)
            for (unsigned core = 0; core < 18; core++)
                madt_cpu(t, (uint8_t)(thread * 72 + socket * 18 + core),
                         (uint8_t)(socket * 0x40 + cores[core] + thread), MADT_ON);
    madt_x2apic_nmi(t, ~0U, MADT_HIGH_EDGE, 1);
    madt_nmi(t, 0xff, MADT_HIGH_EDGE, 1);
    madt_ioapic(t, 8, 0xfec00000, 0);
    madt_ioapic(t, 9, 0xfec01000, 24);
    for (unsigned i = 0; i < 15; i++)
        madt_ioapic(t, (uint8_t)(10 + i), 0xfec08000 + i * 0x8000, 32 + 8 * i);
    machine_overrides(t, MADT_HIGH_LEVEL);
}

static const struct machine_range four_sockets_memory[] = {
    { 0x0, 0x9dfff, RAM },
    { 0x9e000, 0xfffff, RESERVED },
    { 0x100000, 0x65e0efff, RAM },
    { 0x65e0f000, 0x6764efff, RESERVED },
    { 0x6764f000, 0x68ca7fff, ACPI_NVS },
    { 0x68ca8000, 0x695fdfff, ACPI_DATA },
    { 0x695fe000, 0x6f7fffff, RAM },
    { 0x6f800000, 0x8fffffff, RESERVED },
    { 0x100000000, 0x506fffffff, RAM },
    { 0, 0, NO_RANGE },
};

/*
 * Two Xeons (Skylake or Cascade Lake) under AMI's firmware, log of 6.6.0-andres: a hole between the
 * lines of its IO-APICs, ACPI's console at COM2.
 */
static void two_sockets_madt(struct table_build *t)
{
    static const uint8_t cores[] = { 0, 2, 4, 6, 8, 16, 18, 20, 22, 24 };

    for (unsigned thread = 0; thread < 2; thread++)
        for (unsigned socket = 0; socket < 2; socket++)
            for (unsigned core = 0; core < 10; core++)
                madt_cpu(t, (uint8_t)(thread * 20 + socket * 10 + core),
                         (uint8_t)(socket * 0x20 + cores[core] + thread), MADT_ON);
    for (unsigned i = 0; i < 180; i++)
        madt_x2apic(t, ~0U, ~0U, 0); /* places for more */
    madt_x2apic_nmi(t, ~0U, 0xd, 1);
    madt_nmi(t, 0xff, 4, 1);
    madt_ioapic(t, 8, 0xfec00000, 0);
    madt_ioapic(t, 9, 0xfec01000, 24);
    for (unsigned i = 0; i < 3; i++)
        madt_ioapic(t, (uint8_t)(10 + i), 0xfec08000 + i * 0x8000, 32 + 8 * i);
    for (unsigned i = 0; i < 4; i++)
        madt_ioapic(t, (uint8_t)(15 + i), 0xfec20000 + i * 0x8000, 72 + 8 * i);
    machine_overrides(t, MADT_HIGH_LEVEL);
}

static const struct machine_range two_sockets_memory[] = {
    { 0x0, 0x9ffff, RAM },
    { 0xa0000, 0xfffff, RESERVED },
    { 0x100000, 0x687fbfff, RAM },
    { 0x687fc000, 0x6a8fbfff, RESERVED },
    { 0x6a8fc000, 0x6aed7fff, ACPI_DATA },
    { 0x6aed8000, 0x6c0f9fff, ACPI_NVS },
    { 0x6c0fa000, 0x6fb33fff, RESERVED },
    { 0x6fb34000, 0x6fffffff, RAM },
    { 0x70000000, 0x7fffffff, RESERVED },
    { 0x100000000, 0x303fffffff, RAM },
    { 0, 0, NO_RANGE },
};

/*
 * Eight Opterons 846 with AMD-8131 and 8111, in B. Ramesh's report to linux-kernel of December
 * 2005: CPUs from 16 on, IO-APICs with the same numbers, four lines each; the timer's line listed
 * twice. ACPI's timer is not in that log.
 */
static void opterons_madt(struct table_build *t)
{
    static const struct {
        uint8_t id;
        uint32_t address;
    } ioapics[] = {
        { 2, 0xfcffe000 },  { 3, 0xfcfff000 },  { 16, 0xfbffe000 }, { 17, 0xfbfff000 },
        { 18, 0xfacfc000 }, { 19, 0xfacfd000 }, { 20, 0xfacfe000 }, { 21, 0xfacff000 }
    };

    machine_cpus(t, 8, 1, 16, 1, MADT_ON);
    madt_ioapic(t, 1, 0xfec00000, 0);
    for (unsigned i = 0; i < 8; i++)
        madt_ioapic(t, ioapics[i].id, ioapics[i].address, 24 + 4 * i);
    madt_override(t, 0, 2, 0);
    madt_override(t, 0, 2, 0);
}

static const struct machine_range opterons_memory[] = {
    { 0x0, 0x9fbff, RAM },
    { 0x9fc00, 0x9ffff, RESERVED },
    { 0xe0000, 0xfffff, RESERVED },
    { 0x100000, 0xbffeffff, RAM },
    { 0xbfff0000, 0xbfffefff, ACPI_DATA },
    { 0xbffff000, 0xbfffffff, ACPI_NVS },
    { 0xff780000, 0xffffffff, RESERVED },
    { 0x100000000, 0x43fffffff, RAM },
    { 0, 0, NO_RANGE },
};

const struct machine machines_servers[] = {
    { .name = "PowerEdge R7625, 2 x 256 threads",
      .root = ROOT_XSDT,
      .fadt_revision = 6,
      .fadt_length = 276,
      .pm_timer = 0x408,
      .flags = FADT_TIMER_32 | FADT_RESET,
      .madt = r7625_madt,
      .hpet = PC_HPET_PHYSICAL,
      .amd = true,
      .iommus = { 0xfd100000, 0xea100000, 0xdd100000, 0xd0100000, 0xc3100000, 0xb6100000,
                  0xa9200000, 0x9c100000 },
      .console = 0x2f8,
      .x2apic = true,
      .leaves = machine_leaves_unknown,
      .tsc_hz = 2250007000,
      .hpet_femtoseconds = HPET_USUAL,
      .pit = PC_WORKS,
      .rtc = PC_WORKS,
      .lines = { 24, 32, 32, 32, 32, 32, 32, 32, 32 },
      .memory = r7625_memory,
      .is = { 256, 256, 9, 280, 2, true, "the HPET", true, 201212460 } },
    { .name = "Intel's board for four Xeons",
      .root = ROOT_XSDT,
      .fadt_revision = 6,
      .fadt_length = 276,
      .pm_timer = 0x508,
      .flags = FADT_TIMER_32 | FADT_RESET,
      .madt = four_sockets_madt,
      .hpet = PC_HPET_PHYSICAL,
      .console = 0x3f8,
      .roots = { 0x15, 0x23 }, /* the first of them */
      .leaves = machine_leaves_unknown,
      .tsc_hz = 2501000000,
      .hpet_femtoseconds = 41666667, /* 24 MHz: its id ends with 701 */
      .pit = PC_WORKS,
      .rtc = PC_WORKS,
      .lines = { 24, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8 },
      .memory = four_sockets_memory,
      .is = { 144, 0, 17, 152, 2, true, "the HPET", true,
              1 + 25018286 + 25165824 + 2 * 16777216 } },
    { .name = "two Xeons under AMI's firmware",
      .root = ROOT_XSDT,
      .fadt_revision = 6,
      .fadt_length = 276,
      .pm_timer = 0x508,
      .flags = FADT_TIMER_32 | FADT_RESET,
      .madt = two_sockets_madt,
      .hpet = PC_HPET_PHYSICAL,
      .console = 0x2f8,
      .x2apic = true,
      .leaves = machine_leaves_unknown,
      .tsc_hz = 2500000000,
      .hpet_femtoseconds = 41666667,
      .pit = PC_FROZEN, /* gated by the firmware, as its boards' setup offers */
      .rtc = PC_WORKS,
      .lines = { 24, 8, 8, 8, 8, 8, 8, 8, 8 },
      .memory = two_sockets_memory,
      .is = { 40, 0, 9, 104, 2, true, "the HPET", true, 49974376 } },
    { .name = "eight Opterons 846",
      .root = ROOT_BOTH,
      .fadt_revision = 3,
      .fadt_length = 244,
      .madt = opterons_madt,
      .apic_id = 16,
      .leaves = machine_leaves_unknown,
      .tsc_hz = 2004700000,
      .pit = PC_WORKS,
      .rtc = PC_WORKS,
      .lines = { 24, 4, 4, 4, 4, 4, 4, 4, 4 },
      .memory = opterons_memory,
      .is = { 8, 0, 9, 56, 2, true, "the PIT", true, 4194191 } },
    { .name = NULL },
};
