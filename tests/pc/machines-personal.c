/* Laptops and what stands on desks.  See machines.h. */
#include "machines.h"

/* NMIs on LINT1, listed for each place of a CPU there is. */
static void nmis(struct table_build *t, unsigned count, unsigned acpi_id)
{
    for (unsigned i = 0; i < count; i++)
        madt_nmi(t, (uint8_t)(acpi_id + i), MADT_HIGH_EDGE, 1);
}

/*
 * NUC12WSHi7, a Core i7-1260P of four large and eight small cores: log of 6.11.0-rc7 in a
 * report to linux-bluetooth of September 2024.  24 NMI pins, the first CPU's last; 120 lines; its
 * crystal's 38.4 MHz times 65 is the TSC's rate, where CPUID's base frequency would be 4 MHz too
 * high.
 */
static void nuc_madt(struct table_build *t)
{
    for (unsigned i = 0; i < 8; i++)
        madt_cpu(t, (uint8_t)i, (uint8_t)(i / 2 * 8 + i % 2), MADT_ON);
    machine_cpus(t, 8, 8, 32, 2, MADT_ON);
    machine_cpus(t, 8, 16, 0xff, 0, 0);
    nmis(t, 23, 1);
    nmis(t, 1, 0);
    madt_ioapic(t, 2, 0xfec00000, 0);
    machine_overrides(t, MADT_HIGH_LEVEL);
}

static const struct pc_leaf nuc_leaves[] = {
    { 0, 0, { 0x20, 0, 0, 0 } },
    { 0x15, 0, { 2, 130, 38400000, 0 } },
    { 0x16, 0, { 2500, 4700, 100, 0 } },
    { ~0U, 0, { 0 } },
};

static const struct machine_range nuc_memory[] = {
    { 0x0, 0x9dfff, RAM },
    { 0x9e000, 0x9efff, RESERVED },
    { 0x9f000, 0x9ffff, RAM },
    { 0xa0000, 0xfffff, RESERVED },
    { 0x100000, 0x4dd45fff, RAM },
    { 0x4dd46000, 0x56c70fff, RESERVED },
    { 0x56c71000, 0x56d48fff, ACPI_DATA },
    { 0x56d49000, 0x56ecefff, ACPI_NVS },
    { 0x56ecf000, 0x5a7fefff, RESERVED },
    { 0x5a7ff000, 0x5a7fffff, RAM },
    { 0x5a800000, 0x611fffff, RESERVED },
    { 0x61e00000, 0x687fffff, RESERVED },
    { 0xc0000000, 0xcfffffff, RESERVED },
    { 0xfe000000, 0xfe010fff, RESERVED },
    { 0xfec00000, 0xfec00fff, RESERVED },
    { 0xfed00000, 0xfed00fff, RESERVED },
    { 0xfed20000, 0xfed7ffff, RESERVED },
    { 0xfee00000, 0xfee00fff, RESERVED },
    { 0xff000000, 0xffffffff, RESERVED },
    { 0x100000000, 0x10977fffff, RAM },
    { 0, 0, NO_RANGE },
};

/*
 * ThinkPad 20YDS00G00 (a Ryzen of 2021, six cores; BIOS R1OET26W): log in a report to the kernel's
 * lists.  A second IO-APIC with 32 lines, and numbers of both beyond what four bits hold.
 */
static void thinkpad_madt(struct table_build *t)
{
    machine_cpus(t, 12, 0, 0, 1, MADT_ON);
    machine_cpus(t, 4, 12, 0, 0, 0);
    nmis(t, 16, 0);
    madt_ioapic(t, 32, 0xfec00000, 0);
    madt_ioapic(t, 33, 0xfec01000, 24);
    machine_overrides(t, MADT_LOW_LEVEL);
}

static const struct machine_range thinkpad_memory[] = {
    { 0x0, 0x9efff, RAM },
    { 0x9f000, 0x9ffff, RESERVED },
    { 0xe0000, 0xfffff, RESERVED },
    { 0x100000, 0x9bfffff, RAM },
    { 0x9c00000, 0x9da0fff, RESERVED },
    { 0x9da1000, 0x9efffff, RAM },
    { 0x9f00000, 0x9f0efff, ACPI_NVS },
    { 0x9f0f000, 0xc4b7dfff, RAM },
    { 0xc4b7e000, 0xcad7dfff, RESERVED },
    { 0xcad7e000, 0xcc17dfff, ACPI_NVS },
    { 0xcc17e000, 0xcc1fdfff, ACPI_DATA },
    { 0xcc1fe000, 0xcdffffff, RAM },
    { 0xce000000, 0xcfffffff, RESERVED },
    { 0xf8000000, 0xfbffffff, RESERVED },
    { 0xfdc00000, 0xfdcfffff, RESERVED },
    { 0xfed80000, 0xfed80fff, RESERVED },
    { 0x100000000, 0x3ee2fffff, RAM },
    { 0x3ee300000, 0x42fffffff, RESERVED },
    { 0, 0, NO_RANGE },
};

/*
 * A Chromebook with coreboot ("GOOGLE Samus", Core i5-5200U): log in A. Mueller's report to
 * linux-input of November 2020.  40 lines, no NMI pins, and of its tables none for an IOMMU.
 */
static void chromebook_madt(struct table_build *t)
{
    machine_cpus(t, 4, 0, 0, 1, MADT_ON);
    madt_ioapic(t, 2, 0xfec00000, 0);
    machine_overrides(t, MADT_HIGH_LEVEL);
}

static const struct machine_range chromebook_memory[] = {
    { 0x0, 0x9fbff, RAM },
    { 0x9fc00, 0x9ffff, RESERVED },
    { 0xf0000, 0xfffff, RESERVED },
    { 0x100000, 0x7ce27fff, RAM },
    { 0x7ce28000, 0x7fffffff, RESERVED },
    { 0xf0000000, 0xf3ffffff, RESERVED },
    { 0xfed10000, 0xfed19fff, RESERVED },
    { 0xfed40000, 0xfed44fff, RESERVED },
    { 0xfed80000, 0xfed84fff, RESERVED },
    { 0x100000000, 0x27effffff, RAM },
    { 0, 0, NO_RANGE },
};

/*
 * A Core 2 Duo E8400 under AMI's BIOS of 2008, log of Ubuntu's 2.6.32-47 of May 2013: the MADT
 * has places for four CPUs, two of them with numbers beyond the others'.
 */
static void core_2_madt(struct table_build *t)
{
    machine_cpus(t, 2, 1, 0, 1, MADT_ON);
    machine_cpus(t, 2, 3, 0x82, 1, 0);
    madt_ioapic(t, 2, 0xfec00000, 0);
    machine_overrides(t, MADT_HIGH_LEVEL);
}

static const struct machine_range core_2_memory[] = {
    { 0x0, 0x9c3ff, RAM },
    { 0x9c400, 0x9ffff, RESERVED },
    { 0xe4000, 0xfffff, RESERVED },
    { 0x100000, 0xcff6ffff, RAM },
    { 0xcff70000, 0xcff7dfff, ACPI_DATA },
    { 0xcff7e000, 0xcffcffff, ACPI_NVS },
    { 0xcffd0000, 0xcfffffff, RESERVED },
    { 0xfee00000, 0xfee00fff, RESERVED },
    { 0xffe00000, 0xffffffff, RESERVED },
    { 0x100000000, 0x22fffffff, RAM },
    { 0, 0, NO_RANGE },
};

const struct machine machines_personal[] = {
    { .name = "NUC12WSHi7, large and small cores",
      .root = ROOT_XSDT,
      .fadt_revision = 6,
      .fadt_length = 276,
      .pm_timer = 0x1808,
      .flags = FADT_TIMER_32 | FADT_RESET,
      .madt = nuc_madt,
      .hpet = PC_HPET_PHYSICAL,
      .iommus = { 0xfed90000, 0xfed91000 },
      .leaves = nuc_leaves,
      .tsc_hz = 2496000000,
      .hpet_femtoseconds = 52083333, /* 19.2 MHz; its log has it stand still in deep idle */
      .pit = PC_FROZEN,
      .rtc = PC_WORKS,
      .lines = { 120 },
      .memory = nuc_memory,
      .is = { 16, 0, 1, 120, 2, true, "CPUID", true, 1 + 16667877 } },
    { .name = "ThinkPad 20YD, six cores of AMD",
      .root = ROOT_XSDT,
      .fadt_revision = 6,
      .fadt_length = 276,
      .pm_timer = 0x408,
      .flags = FADT_TIMER_32 | FADT_RESET,
      .madt = thinkpad_madt,
      .hpet = PC_HPET_PHYSICAL,
      .amd = true,
      .iommus = { 0xfd000000 },
      .leaves = machine_leaves_unknown,
      .tsc_hz = 2095984000,
      .hpet_femtoseconds = HPET_USUAL,
      .pit = PC_WORKS,
      .rtc = PC_WORKS,
      .lines = { 24, 32 },
      .memory = thinkpad_memory,
      .is = { 12, 0, 2, 56, 2, true, "the HPET", true, 3885679 } },
    { .name = "Chromebook, coreboot",
      .root = ROOT_BOTH,
      .fadt_revision = 5,
      .fadt_length = 244,
      .pm_timer = 0x1008,
      .flags = FADT_RESET,
      .madt = chromebook_madt,
      .hpet = PC_HPET_PHYSICAL,
      .leaves = machine_leaves_unknown,
      .tsc_hz = 2194903000,
      .hpet_femtoseconds = HPET_USUAL,
      .pit = PC_WORKS,
      .rtc = PC_WORKS,
      .lines = { 40 },
      .memory = chromebook_memory,
      .is = { 4, 0, 1, 40, 2, true, "the HPET", true, 1 + 2080198 } },
    { .name = "Core 2 Duo E8400",
      .root = ROOT_BOTH,
      .fadt_revision = 3,
      .fadt_length = 244,
      .pm_timer = 0x808,
      .madt = core_2_madt,
      .hpet = PC_HPET_PHYSICAL,
      .leaves = machine_leaves_unknown,
      .tsc_hz = 2999374000,
      .hpet_femtoseconds = HPET_USUAL,
      .pit = PC_WORKS,
      .rtc = PC_WORKS,
      .lines = { 24 },
      .memory = core_2_memory,
      /* Linux leaves out 64 KiB at the start for this BIOS's sake. */
      .is = { 2, 0, 1, 24, 2, true, "the HPET", true, 16 + 2096892 } },
    { .name = NULL },
};
