/* What clouds rent out, and other hypervisors.  See machines.h. */
#include "machines.h"

#define A_GUEST     0, 0, 1U << 31, 0
#define KVM_NAME    0x4b4d564b, 0x564b4d56, 0x4d
#define XEN_NAME    0x566e6558, 0x65584d4d, 0x4d4d566e
#define HYPERV_NAME 0x7263694d, 0x666f736f, 0x76482074
#define VMWARE_NAME 0x61774d56, 0x4d566572, 0x65726177

/* KVM with no word on the TSC's rate. */
static const struct pc_leaf kvm_leaves[] = {
    { 0, 0, { 0xd, 0, 0, 0 } },
    { 1, 0, { A_GUEST } },
    { 0x40000000, 0, { 0x40000001, KVM_NAME } },
    { ~0U, 0, { 0 } },
};

static void pci_lines(struct table_build *t)
{
    static const uint8_t lines[] = { 5, 9, 10, 11 };

    for (unsigned i = 0; i < sizeof(lines); i++)
        madt_override(t, lines[i], lines[i], MADT_HIGH_LEVEL);
}

/*
 * EC2 r5d.xlarge (Nitro): log of 5.12.0-rc3 with "apic=verbose", March 2021.  The timer is at line
 * 0.  The log has the TSC's rate alone; leaf 0x40000010 tells it as VMware proposed (LWN, article
 * 301888), and is in its like.
 */
static void nitro_madt(struct table_build *t)
{
    machine_cpus(t, 4, 0, 0, 1, MADT_ON);
    madt_nmi(t, 0xff, 0, 1);
    madt_ioapic(t, 0, 0xfec00000, 0);
    pci_lines(t);
}

static const struct pc_leaf nitro_leaves[] = {
    { 0, 0, { 0x16, 0, 0, 0 } },
    { 1, 0, { A_GUEST } },
    { 0x15, 0, { 2, 200, 0, 0 } }, /* as Xeons of its kind have it: no word on the crystal */
    { 0x16, 0, { 2500, 3500, 100, 0 } },
    { 0x40000000, 0, { 0x40000010, KVM_NAME } },
    { 0x40000010, 0, { 2499998, 1000000, 0, 0 } },
    { ~0U, 0, { 0 } },
};

static const struct machine_range nitro_memory[] = {
    { 0x0, 0x9fbff, RAM },
    { 0x9fc00, 0x9ffff, RESERVED },
    { 0xf0000, 0xfffff, RESERVED },
    { 0x100000, 0xbfff9fff, RAM },
    { 0xbfffa000, 0xbfffffff, RESERVED },
    { 0xe0000000, 0xe03fffff, RESERVED },
    { 0xfffc0000, 0xffffffff, RESERVED },
    { 0x100000000, 0x8229fffff, RAM },
    { 0x822a00000, 0x83fffffff, RESERVED },
    { 0, 0, NO_RANGE },
};

/*
 * EC2 t2 (Xen 4.11, E5-2686 v4): log of Ubuntu's 4.15.0-91, December 2023.  One IO-APIC of 48
 * lines, CPUs' numbers two apart and all but one for later, no NMI pins.
 */
static void t2_madt(struct table_build *t)
{
    machine_cpus(t, 1, 0, 0, 2, MADT_ON);
    machine_cpus(t, 14, 1, 2, 2, 0);
    madt_ioapic(t, 1, 0xfec00000, 0);
    madt_override(t, 0, 2, 0);
    madt_override(t, 5, 5, MADT_LOW_LEVEL);
    madt_override(t, 10, 10, MADT_LOW_LEVEL);
    madt_override(t, 11, 11, MADT_LOW_LEVEL);
}

static const struct pc_leaf t2_leaves[] = {
    { 0, 0, { 0xd, 0, 0, 0 } },
    { 1, 0, { A_GUEST } },
    { 0x40000000, 0, { 0x40000004, XEN_NAME } },
    { ~0U, 0, { 0 } },
};

static const struct machine_range t2_memory[] = {
    { 0x0, 0x9dfff, RAM },
    { 0x9e000, 0x9ffff, RESERVED },
    { 0xe0000, 0xfffff, RESERVED },
    { 0x100000, 0x3fffffff, RAM },
    { 0xfc000000, 0xffffffff, RESERVED },
    { 0, 0, NO_RANGE },
};

/* Google Compute Engine (BIOS Google 06/27/2024): logs in syzbot's reports.  ACPI 1.0's pointer, no
 * HPET. */
static void gce_madt(struct table_build *t)
{
    machine_cpus(t, 2, 0, 0, 1, MADT_ON);
    madt_nmi(t, 0xff, 0, 1);
    madt_ioapic(t, 0, 0xfec00000, 0);
    pci_lines(t);
}

static const struct machine_range gce_memory[] = {
    { 0x0, 0x9fbff, RAM },
    { 0x9fc00, 0x9ffff, RESERVED },
    { 0xf0000, 0xfffff, RESERVED },
    { 0x100000, 0xbfffcfff, RAM },
    { 0xbfffd000, 0xbfffffff, RESERVED },
    { 0xfffbc000, 0xffffffff, RESERVED },
    { 0x100000000, 0x23fffffff, RAM },
    { 0, 0, NO_RANGE },
};

/*
 * Hyper-V's generation 1, as Azure's: log in a report to linux-mm of May 2014.  A FADT of 129
 * bytes, RAM at 1026 MiB; its word on the features that tell of frequency registers is not in the
 * log.
 */
static void hyperv_1_madt(struct table_build *t)
{
    machine_cpus(t, 4, 1, 0, 1, MADT_ON);
    machine_cpus(t, 60, 5, 4, 1, 0);
    madt_ioapic(t, 0, 0xfec00000, 0);
    machine_overrides(t, MADT_HIGH_LEVEL);
}

static const struct pc_leaf hyperv_1_leaves[] = {
    { 0, 0, { 0xd, 0, 0, 0 } },
    { 1, 0, { A_GUEST } },
    { 0x40000000, 0, { 0x40000006, HYPERV_NAME } },
    { 0x40000003, 0, { 0xe7f, 0, 0, 0 } },
    { ~0U, 0, { 0 } },
};

static const struct machine_range hyperv_1_memory[] = {
    { 0x0, 0x9fbff, RAM },
    { 0x9fc00, 0x9ffff, RESERVED },
    { 0xe0000, 0xfffff, RESERVED },
    { 0x100000, 0x3ffeffff, RAM },
    { 0x3fff0000, 0x3fffefff, ACPI_DATA },
    { 0x3ffff000, 0x3fffffff, ACPI_NVS },
    { 0x40200000, 0x801fffff, RAM },
    { 0, 0, NO_RANGE },
};

/*
 * Azure's generation 2 (UEFI, a Xeon E-2288G): log of 5.10.0-rc6-next, in a report to
 * the kernel's bugzilla of December 2020.
 * No PIT, no 8259, no HPET; RAM in pieces between the firmware's.
 */
static void azure_2_madt(struct table_build *t)
{
    machine_cpus(t, 1, 1, 0, 1, MADT_ON);
    madt_nmi(t, 1, 0, 1);
    madt_ioapic(t, 1, 0xfec00000, 0);
    madt_override(t, 9, 9, MADT_HIGH_LEVEL);
}

static const struct pc_leaf azure_2_leaves[] = {
    { 0, 0, { 0x16, 0, 0, 0 } },
    { 1, 0, { A_GUEST } },
    { 0x16, 0, { 3700, 5000, 100, 0 } },
    { 0x40000000, 0, { 0x4000000b, HYPERV_NAME } },
    { 0x40000003, 0, { 0x2e7f, 0, 0, 0xed7b2 } },
    { ~0U, 0, { 0 } },
};

static const struct machine_range azure_2_memory[] = {
    { 0x0, 0x9ffff, RAM },
    { 0xc0000, 0xfffff, RESERVED },
    { 0x100000, 0x3ed4bfff, RAM },
    { 0x3ed4c000, 0x3ed4cfff, ACPI_DATA },
    { 0x3ed4d000, 0x3ee7afff, RAM },
    { 0x3ee7b000, 0x3ee99fff, ACPI_DATA },
    { 0x3ee9a000, 0x3eef1fff, RAM },
    { 0x3eef2000, 0x3ef1afff, RESERVED },
    { 0x3ef1b000, 0x3ff9afff, RAM },
    { 0x3ff9b000, 0x3fff2fff, RESERVED },
    { 0x3fff3000, 0x3fffafff, ACPI_DATA },
    { 0x3fffb000, 0x3fffefff, ACPI_NVS },
    { 0x3ffff000, 0x3fffffff, RAM },
    { 0x100000000, 0x1bfffffff, RAM },
    { 0x1c0200000, 0x1c1bfffff, RESERVED },
    { 0x1c1e00000, 0x1c1ffffff, RESERVED },
    { 0, 0, NO_RANGE },
};

/*
 * VMware (BIOS 6.00 of February 2020): log of Ubuntu's 5.4.0-90 in a forum.  A MADT of 1858 bytes
 * has 128 CPUs two numbers apart, an NMI pin for each, one override.
 */
static void vmware_madt(struct table_build *t)
{
    machine_cpus(t, 4, 0, 0, 2, MADT_ON);
    machine_cpus(t, 124, 4, 8, 2, 0);
    for (unsigned i = 0; i < 128; i++)
        madt_nmi(t, (uint8_t)i, MADT_HIGH_EDGE, 1);
    madt_ioapic(t, 128, 0xfec00000, 0);
    madt_override(t, 0, 2, 0);
}

static const struct pc_leaf vmware_leaves[] = {
    { 0, 0, { 0xd, 0, 0, 0 } },
    { 1, 0, { A_GUEST } },
    { 0x40000000, 0, { 0x40000010, VMWARE_NAME } },
    { 0x40000010, 0, { 2195872, 66000, 0, 0 } },
    { ~0U, 0, { 0 } },
};

static const struct machine_range vmware_memory[] = {
    { 0x0, 0x9e7ff, RAM },
    { 0x9e800, 0x9ffff, RESERVED },
    { 0xdc000, 0xfffff, RESERVED },
    { 0x100000, 0xbfecffff, RAM },
    { 0xbfed0000, 0xbfefefff, ACPI_DATA },
    { 0xbfeff000, 0xbfefffff, ACPI_NVS },
    { 0xbff00000, 0xbfffffff, RAM },
    { 0xf0000000, 0xf7ffffff, RESERVED },
    { 0xfec00000, 0xfec0ffff, RESERVED },
    { 0xfee00000, 0xfee00fff, RESERVED },
    { 0xfffe0000, 0xffffffff, RESERVED },
    { 0x100000000, 0x13fffffff, RAM },
    { 0, 0, NO_RANGE },
};

/* OpenStack Nova (KVM, i440FX, a Xeon Gold 6278C): a database host's log of August 2021. */
static void openstack_madt(struct table_build *t)
{
    machine_cpus(t, 2, 0, 0, 1, MADT_ON);
    madt_nmi(t, 0xff, 0, 1);
    madt_ioapic(t, 0, 0xfec00000, 0);
    madt_override(t, 0, 2, 0);
    pci_lines(t);
}

static const struct machine_range openstack_memory[] = {
    { 0x0, 0x9fbff, RAM },
    { 0x9fc00, 0x9ffff, RESERVED },
    { 0xf0000, 0xfffff, RESERVED },
    { 0x100000, 0xbff7ffff, RAM },
    { 0xbff80000, 0xbfffffff, RESERVED },
    { 0xfeffc000, 0xfeffffff, RESERVED },
    { 0xfffc0000, 0xffffffff, RESERVED },
    { 0x100000000, 0x23fffffff, RAM },
    { 0, 0, NO_RANGE },
};

/* VirtualBox on a Ryzen, showing itself as KVM: log of May 2026. */
static void virtualbox_madt(struct table_build *t)
{
    machine_cpus(t, 2, 0, 0, 1, MADT_ON);
    madt_ioapic(t, 2, 0xfec00000, 0);
    machine_overrides(t, MADT_LOW_LEVEL);
}

static const struct machine_range virtualbox_memory[] = {
    { 0x0, 0x9fbff, RAM },
    { 0x9fc00, 0x9ffff, RESERVED },
    { 0xf0000, 0xfffff, RESERVED },
    { 0x100000, 0xdffeffff, RAM },
    { 0xdfff0000, 0xdfffffff, ACPI_DATA },
    { 0xfec00000, 0xfec00fff, RESERVED },
    { 0xfee00000, 0xfee00fff, RESERVED },
    { 0xfffc0000, 0xffffffff, RESERVED },
    { 0x100000000, 0x11fffffff, RAM },
    { 0, 0, NO_RANGE },
};

/*
 * Firecracker with ACPI: log of July 2025.  Reduced hardware: no timer of ACPI, no line that is
 * overridden (its MADT has 88 bytes), no real-time clock.
 */
static void firecracker_madt(struct table_build *t)
{
    madt_ioapic(t, 0, 0xfec00000, 0);
    machine_cpus(t, 4, 0, 0, 1, MADT_ON);
}

static const struct machine_range firecracker_memory[] = {
    { 0x0, 0x9fbff, RAM },
    { 0x9fc00, 0xfffff, RESERVED },
    { 0x100000, 0xcfffffff, RAM },
    { 0x100000000, 0x42fffffff, RAM },
    { 0, 0, NO_RANGE },
};

const struct machine machines_virtual[] = {
    { .name = "EC2 r5d.xlarge, Nitro",
      .root = ROOT_RSDT,
      .fadt_revision = 1,
      .fadt_length = 116,
      .pm_timer = 0xb008,
      .madt = nitro_madt,
      .x2apic = true,
      .leaves = nitro_leaves,
      .tsc_hz = 2499998000,
      .pit = PC_WORKS,
      .rtc = PC_WORKS,
      .lines = { 24 },
      .memory = nitro_memory,
      .is = { 4, 0, 1, 24, 4, true, "the hypervisor below", true, 1 + 8268184 } },
    { .name = "EC2 t2, Xen",
      .root = ROOT_BOTH,
      .fadt_revision = 4,
      .fadt_length = 244,
      .pm_timer = 0xb008,
      .flags = FADT_TIMER_32,
      .madt = t2_madt,
      .hpet = PC_HPET_PHYSICAL,
      .leaves = t2_leaves,
      .tsc_hz = 2300018000,
      .hpet_femtoseconds = 16000000,
      .pit = PC_WORKS,
      .rtc = PC_WORKS,
      .lines = { 48 },
      .memory = t2_memory,
      .is = { 1, 0, 1, 48, 4, true, "the HPET", true, 1 + 262045 } },
    { .name = "Google Compute Engine",
      .root = ROOT_RSDT,
      .fadt_revision = 2,
      .fadt_length = 244,
      .pm_timer = 0xb008,
      .flags = FADT_RESET,
      .madt = gce_madt,
      .x2apic = true,
      .leaves = kvm_leaves,
      .tsc_hz = 2200170000,
      .pit = PC_WORKS,
      .rtc = PC_WORKS,
      .lines = { 24 },
      .memory = gce_memory,
      .is = { 2, 0, 1, 24, 4, true, "ACPI's timer", true, 1 + 2097051 } },
    { .name = "Hyper-V, generation 1",
      .root = ROOT_RSDT,
      .fadt_revision = 2,
      .fadt_length = 129,
      .pm_timer = 0x408,
      .flags = FADT_TIMER_32,
      .madt = hyperv_1_madt,
      .leaves = hyperv_1_leaves,
      .tsc_hz = 2000000000,
      .pit = PC_WORKS,
      .rtc = PC_WORKS,
      .lines = { 24 },
      .memory = hyperv_1_memory,
      .is = { 4, 0, 1, 24, 2, true, "ACPI's timer", true, 1 + 262030 + 262144 } },
    { .name = "Azure, generation 2",
      .root = ROOT_XSDT,
      .fadt_revision = 6,
      .fadt_length = 276,
      .pm_timer = 0x408,
      .flags = FADT_TIMER_32 | FADT_RESET,
      .madt = azure_2_madt,
      .leaves = azure_2_leaves,
      .tsc_hz = 3696012000,
      .hyperv_tsc_hz = 3696012000,
      .pit = PC_ABSENT,
      .rtc = PC_WORKS,
      .lines = { 24 },
      .memory = azure_2_memory,
      .is = { 1, 0, 1, 24, 1, true, "the hypervisor below", true, 1048307 } },
    { .name = "VMware",
      .root = ROOT_BOTH,
      .fadt_revision = 4,
      .fadt_length = 244,
      .pm_timer = 0x1008,
      .madt = vmware_madt,
      .hpet = PC_HPET_PHYSICAL,
      .leaves = vmware_leaves,
      .tsc_hz = 2195872000,
      .hpet_femtoseconds = HPET_USUAL,
      .pit = PC_WORKS,
      .rtc = PC_WORKS,
      .lines = { 24 },
      .memory = vmware_memory,
      .is = { 4, 0, 1, 24, 1, true, "the hypervisor below", true, 1 + 1048429 } },
    { .name = "OpenStack Nova",
      .root = ROOT_RSDT,
      .fadt_revision = 1,
      .fadt_length = 116,
      .pm_timer = 0x608,
      .madt = openstack_madt,
      .x2apic = true,
      .leaves = kvm_leaves,
      .tsc_hz = 2600000000,
      .pit = PC_WORKS,
      .rtc = PC_WORKS,
      .lines = { 24 },
      .memory = openstack_memory,
      .is = { 2, 0, 1, 24, 5, true, "ACPI's timer", true, 1 + 2096926 } },
    { .name = "VirtualBox",
      .root = ROOT_BOTH,
      .fadt_revision = 4,
      .fadt_length = 244,
      .pm_timer = 0x4008,
      .flags = FADT_TIMER_32,
      .madt = virtualbox_madt,
      .leaves = kvm_leaves,
      .tsc_hz = 3693068000,
      .pit = PC_WORKS,
      .rtc = PC_WORKS,
      .lines = { 24 },
      .memory = virtualbox_memory,
      .is = { 2, 0, 1, 24, 2, true, "ACPI's timer", true, 1 + 1048462 } },
    { .name = "Firecracker",
      .root = ROOT_XSDT,
      .fadt_revision = 6,
      .fadt_length = 276,
      .flags = FADT_HW_REDUCED | FADT_RESET,
      .madt = firecracker_madt,
      .x2apic = true,
      .leaves = kvm_leaves,
      .tsc_hz = 2400000000,
      .pit = PC_WORKS,
      .rtc = PC_ABSENT,
      .lines = { 24 },
      .memory = firecracker_memory,
      .is = { 4, 0, 1, 24, 0, true, "the PIT", false, 1 + 4194206 } },
    { .name = NULL },
};
