/* The frame of the model: time, CPUID, MSRs, and which device an access is for. */
#include "pc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "devices.h"
#include "lib/types.h"
#include "machine/mmio.h"

#define FEMTO        1000000000000000UL
#define NS           1000000UL /* femtoseconds */
#define MAX_ACCESSES 30000000

struct pc pc;

static const struct pc_leaf plain_leaves[] = {
    { 0, 0, { 0xd, 0x756e6547, 0x6c65746e, 0x49656e69 } },
    { ~0U, 0, { 0 } },
};

void pc_reset(void)
{
    memset(&pc, 0, sizeof(pc));
    pc.tsc_hz = 2500000000UL;
    pc.leaves = plain_leaves;
    pc.hpet = pc.pm_timer = pc.pit = pc.rtc = PC_WORKS;
    pc.hpet_femtoseconds = 69841279; /* 14.31818 MHz */
    pc.pm_timer_24 = true;
    pc.pm_timer_port = PC_PM_TIMER;
    pc.apic_base = PC_LAPIC_PHYSICAL | 0x900;
    pc.apic_timer_hz = 133333333;
    pc.uart[0] = PC_WORKS;
    pc.now = 3 * FEMTO; /* the firmware took its time */
    lapic_reset();
    uarts_reset();
    pit_reset();
    ioapics_reset();
}

/* Nothing waits for ever: a machine that is asked so often stands. */
static void pass(uint64_t femtoseconds)
{
    pc.now += femtoseconds;
    if (++pc.accesses > MAX_ACCESSES)
        fail_msg("a wait without end");
}

static void pass_port(void)
{
    pass(pc.ports_are_quick ? 5 * NS : 1000 * NS);
}

uint64_t pc_milliseconds(void)
{
    return pc.now / (NS * 1000000);
}

/* Registers in memory. */
static struct page {
    uint64_t physical;
    uint32_t (*read)(unsigned reg);
    void (*write)(unsigned reg, uint32_t value);
    uint8_t bytes[PAGE_SIZE]; /* nothing is in them: they stand for the address */
} pages[] = {
    { .physical = PC_LAPIC_PHYSICAL, .read = lapic_read_memory, .write = lapic_write_memory },
    { .physical = PC_HPET_PHYSICAL, .read = hpet_read, .write = hpet_write },
    { .physical = PC_VTD_PHYSICAL, .read = vtd_read, .write = vtd_write },
    { .physical = PC_AMD_PHYSICAL, .read = amd_iommu_read, .write = amd_iommu_write }
};

void *pc_map(uint64_t physical)
{
    for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++)
        if (pages[i].physical == physical && (physical != PC_HPET_PHYSICAL || pc.hpet != PC_ABSENT))
            return pages[i].bytes;
    return ioapic_page(physical);
}

struct cpuid_leaf cpuid(uint32_t leaf, uint32_t subleaf)
{
    static const struct cpuid_leaf none;

    pass(100 * NS);
    if (leaf == 1 && !pc.microcode_told)
        pc.microcode_told = (uint64_t)pc.microcode << 32;
    for (const struct pc_leaf *l = pc.leaves; l->leaf != ~0U; l++)
        if (l->leaf == leaf && l->subleaf == subleaf)
            return l->value;
    return none;
}

uint64_t tsc_read(void)
{
    pass(10 * NS);
    return (uint64_t)((unsigned __int128)pc.now * pc.tsc_hz / FEMTO);
}

void cpu_pause(void)
{
    pass(40 * NS);
}

/* A bank's register, or NULL. */
static uint64_t *mca_register(uint32_t msr)
{
    uint32_t bank = (msr - 0x400) / 4;

    return msr >= 0x400 && bank < (pc.mcg_cap & 0xff) ? &pc.mca[bank][msr % 4] : NULL;
}

/* SDM volume 3, 16.3.  False: it is none of these. */
static bool mca_msr(uint32_t msr, uint64_t *value, bool write)
{
    uint64_t *place = mca_register(msr), nowhere = 0;

    if (msr == MSR_MCG_CAP && pc.mcg_cap && !write)
        place = &pc.mcg_cap;
    else if (msr == MSR_MCG_STATUS && pc.mcg_cap)
        place = &pc.mcg_status;
    else if (msr == MSR_MCG_CTL && pc.mcg_cap & 0x100)
        place = &nowhere;
    if (!place)
        return false;
    if (write && *value && msr >= 0x400 && msr % 4)
        fail_msg("wrmsr of %lx to 0x%x: it takes 0 only", *value, msr);
    if (write)
        *place = *value;
    else
        *value = *place;
    return true;
}

uint64_t msr_read(uint32_t msr)
{
    uint64_t value = 0;

    pass(100 * NS);
    if (msr == MSR_APIC_BASE)
        return pc.apic_base;
    if (msr == MSR_HYPERV_TSC_FREQUENCY && pc.hyperv_tsc_hz)
        return pc.hyperv_tsc_hz;
    if (msr == MSR_INTERRUPT_PENDING && pc.interrupt_pending)
        return pc.interrupt_pending;
    if (msr == MSR_MICROCODE && pc.microcode)
        return pc.microcode_told;
    if (!mca_msr(msr, &value, false) && !lapic_msr(msr, &value, false))
        fail_msg("rdmsr of 0x%x: there is none", msr);
    return value;
}

void msr_write(uint32_t msr, uint64_t value)
{
    pass(100 * NS);
    if (msr == MSR_APIC_BASE) {
        /* SDM volume 3, 11.12.5: from x2APIC no way leads back but by switching it off. */
        if ((value & 0x400 && !(value & 0x800)) || (pc.apic_base & 0x400 && !(value & 0x400)))
            fail_msg("wrmsr of an APIC mode that cannot follow");
        pc.apic_base = value;
    } else if (msr == MSR_INTERRUPT_PENDING && pc.interrupt_pending) {
        pc.interrupt_pending = value;
    } else if (msr == MSR_MICROCODE && pc.microcode) {
        pc.microcode_told = value;
    } else if (!mca_msr(msr, &value, true) && !lapic_msr(msr, &value, true)) {
        fail_msg("wrmsr to 0x%x: there is none", msr);
    }
}

/* Which page of devices' registers it is in; *offset: within that. */
static const struct page *page_of(const volatile void *at, unsigned *offset)
{
    const volatile uint8_t *p = at;

    for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
        *offset = (unsigned)(p - pages[i].bytes);
        if (p >= pages[i].bytes && p < pages[i].bytes + PAGE_SIZE)
            return &pages[i];
    }
    fail_msg("an access to where nothing is");
    return NULL;
}

uint32_t mmio_read32(const volatile void *at)
{
    unsigned offset, which;

    pass(500 * NS);
    if (ioapic_at(at, &which, &offset))
        return ioapic_read(which, offset);
    return page_of(at, &offset)->read(offset);
}

void mmio_write32(volatile void *at, uint32_t value)
{
    unsigned offset, which;

    pass(500 * NS);
    if (ioapic_at(at, &which, &offset))
        ioapic_write(which, offset, value);
    else
        page_of(at, &offset)->write(offset, value);
}

/* None of these devices has registers of other widths. */
uint16_t mmio_read16(const volatile void *at)
{
    fail_msg("a load of 16 bits at %p", (const void *)(uintptr_t)at);
    return 0;
}

void mmio_write16(volatile void *at, uint16_t value)
{
    fail_msg("a store of %x to %p", value, (const void *)(uintptr_t)at);
}

void mmio_write8(volatile void *at, uint8_t value)
{
    fail_msg("a store of %x to %p", value, (const void *)(uintptr_t)at);
}

uint8_t port_inb(uint16_t port)
{
    pass_port();
    if (port == 0x61 || (port >= 0x40 && port <= 0x43))
        return pit_in(port);
    if (port == 0x70 || port == 0x71)
        return rtc_in(port);
    if (port >> 3 == 0x3f8 >> 3 || port >> 3 == 0x2f8 >> 3)
        return uart_in(port);
    return 0xff;
}

void port_outb(uint16_t port, uint8_t value)
{
    pass_port();
    if (port == 0x61 || (port >= 0x40 && port <= 0x43))
        pit_out(port, value);
    if (port == 0x70)
        rtc_out(value);
    if (port >> 3 == 0x3f8 >> 3 || port >> 3 == 0x2f8 >> 3)
        uart_out(port, value);
}

uint32_t port_inl(uint16_t port)
{
    pass_port();
    return port == pc.pm_timer_port ? pm_timer_in() : ~0U;
}

uint16_t port_inw(uint16_t port)
{
    if (port == PC_PM1A || port == PC_PM1B)
        return pc.pm1[port == PC_PM1B];
    return (uint16_t)port_inl(port);
}

void port_outw(uint16_t port, uint16_t value)
{
    if (port == PC_PM1A || port == PC_PM1B) {
        pc.pm1[port == PC_PM1B] = value;
        pc.pm1_written[pc.pm1_writes++ % 8] = value;
        return;
    }
    port_outb(port, (uint8_t)value);
}

void port_outl(uint16_t port, uint32_t value)
{
    port_outb(port, (uint8_t)value);
}
