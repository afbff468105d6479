/*
 * Sources, best first: SDM volume 3, 19.7.3 (CPUID leaf 15h), the leaf 0x40000010 that VMware and
 * KVM share, Hyper-V's TLFS (HV_X64_MSR_TSC_FREQUENCY), the HPET (IA-PC HPET 1.0a), ACPI's power
 * management timer (ACPI 6.4, 4.8.3.3), channel 2 of the PIT (Intel 8254), and at last the base
 * frequency of CPUID leaf 16h, which is only near it.
 */
#include "machine/tsc-rate.h"
#include "lib/bits.h"
#include "lib/string.h"
#include "machine/mmio.h"
#include "machine/registers.h"

#define MHZ    1000000UL
#define PIT_HZ 1193182UL
#define PM_HZ  3579545UL

#define HYPERVISOR_LEAVES     0x40000000U
#define HYPERVISOR_LEAVES_END 0x40010000U
#define FREQUENCY_LEAF        0x10
#define HYPERV_FEATURES       3
#define HYPERV_MAY_READ       BIT(11) /* in EAX */
#define HYPERV_THERE_ARE      BIT(8)  /* in EDX */

#define HPET_PERIOD  4 /* femtoseconds */
#define HPET_CONFIG  0x10
#define HPET_COUNTER 0xf0
#define HPET_ENABLE  1U

/* A timer that stands still for so many readings does not count.  Each takes a tenth of a
 * microsecond at the least. */
#define STILL 20000
/* No measurement takes more readings: a second at the least. */
#define READINGS_MAX 10000000

struct counter_pair counter_pair_read(uint32_t (*counter)(void))
{
    struct counter_pair best = { 0, 0, UINT64_MAX };

    for (unsigned i = 0; i < 8; i++) {
        uint64_t before = tsc_read();
        uint32_t count = counter();
        uint64_t window = tsc_read() - before;

        if (window < best.window)
            best = (struct counter_pair){ before + window / 2, count, window };
    }
    return best;
}

/* TSC cycles a second while an upward counter of this width and frequency makes `ticks`; 0: it does
 * not count. */
static uint64_t measure(uint32_t (*counter)(void), uint32_t mask, uint64_t hz, uint32_t ticks)
{
    struct counter_pair from = counter_pair_read(counter), to;
    uint32_t last = from.count, still = 0, passed = 0;
    uint64_t cycles;

    for (uint32_t i = 0; passed < ticks; i++) {
        uint32_t now = counter();

        still = now == last ? still + 1 : 0;
        last = now;
        passed = (now - from.count) & mask;
        if (still == STILL || i == READINGS_MAX)
            return 0;
    }
    to = counter_pair_read(counter);
    passed = (to.count - from.count) & mask;
    if (!passed)
        return 0; /* it went round meanwhile */
    cycles = to.tsc - from.tsc;
    return cycles / passed * hz + cycles % passed * hz / passed;
}

static volatile uint8_t *hpet;

static uint32_t hpet_count(void)
{
    return mmio_read32(hpet + HPET_COUNTER);
}

static uint64_t by_hpet(const struct reference_timers *timers)
{
    uint32_t period, config;
    uint64_t hz, rate;

    if (!timers->hpet)
        return 0;
    hpet = timers->hpet;
    period = mmio_read32(hpet + HPET_PERIOD);
    if (period < 1000000 || period > 100000000) /* 1 GHz to 10 MHz, the slowest there may be */
        return 0;
    hz = 1000000000000000UL / period;
    config = mmio_read32(hpet + HPET_CONFIG);
    mmio_write32(hpet + HPET_CONFIG, config | HPET_ENABLE);
    rate = measure(hpet_count, UINT32_MAX, hz, (uint32_t)(hz / 100));
    mmio_write32(hpet + HPET_CONFIG, config);
    return rate;
}

static uint16_t pm_port;

static uint32_t pm_count(void)
{
    return port_inl(pm_port);
}

static uint64_t by_pm_timer(const struct reference_timers *timers)
{
    if (!timers->pm_timer)
        return 0;
    pm_port = timers->pm_timer;
    return measure(pm_count, timers->pm_timer_32 ? UINT32_MAX : 0xffffff, PM_HZ, PM_HZ / 50);
}

/* Channel 2 counts down from 65535, once; its gate is open. */
static void pit_start(void)
{
    port_outb(0x61, (uint8_t)((port_inb(0x61) & ~2) | 1));
    port_outb(0x43, 0xb0);
    port_outb(0x42, 0xff);
    port_outb(0x42, 0xff);
}

/* As if it counted upwards. */
static uint32_t pit_count(void)
{
    uint32_t low;

    port_outb(0x43, 0x80); /* latch */
    low = port_inb(0x42);
    return 0xffff - (low | (uint32_t)port_inb(0x42) << 8);
}

/* 50 of the 55 ms it has.  Who was stopped for longer meanwhile sees its wrap, and tries again. */
static uint64_t by_pit(const struct reference_timers *timers)
{
    for (unsigned attempt = 0; timers->pit && attempt < 4; attempt++) {
        uint64_t rate;

        pit_start();
        rate = measure(pit_count, 0xffff, PIT_HZ, PIT_HZ / 20);
        if (!rate || !(port_inb(0x61) & 0x20)) /* its output rises at the end of the count */
            return rate;
    }
    return 0;
}

static uint64_t by_crystal(void)
{
    struct cpuid_leaf l = cpuid(0, 0);

    if (l.a < 0x15)
        return 0;
    l = cpuid(0x15, 0);
    return l.a ? (uint64_t)l.c * l.b / l.a : 0; /* c: the crystal's Hz, if it is told */
}

static uint64_t by_base_frequency(void)
{
    return cpuid(0, 0).a >= 0x16 ? (cpuid(0x16, 0).a & 0xffff) * MHZ : 0;
}

static bool is_named(const struct cpuid_leaf *l, const char *signature)
{
    return !memcmp(&l->b, signature, 4) && !memcmp(&l->c, signature + 4, 4) &&
           !memcmp(&l->d, signature + 8, 4);
}

/* One hypervisor may show itself in several guises, at each 256th leaf. */
static uint64_t by_hypervisor(void)
{
    if (!(cpuid(1, 0).c & BIT(31)))
        return 0;
    for (uint32_t base = HYPERVISOR_LEAVES; base < HYPERVISOR_LEAVES_END; base += 0x100) {
        struct cpuid_leaf l = cpuid(base, 0);

        if ((is_named(&l, "VMwareVMware") || is_named(&l, "KVMKVMKVM\0\0\0")) &&
            l.a >= base + FREQUENCY_LEAF && cpuid(base + FREQUENCY_LEAF, 0).a)
            return cpuid(base + FREQUENCY_LEAF, 0).a * 1000UL;
        if (is_named(&l, "Microsoft Hv") && l.a >= base + HYPERV_FEATURES) {
            l = cpuid(base + HYPERV_FEATURES, 0);
            if ((l.a & HYPERV_MAY_READ) && (l.d & HYPERV_THERE_ARE))
                return msr_read(MSR_HYPERV_TSC_FREQUENCY);
        }
    }
    return 0;
}

static bool found(uint64_t hz, uint64_t *rate, const char *by, const char **source)
{
    /* What is below or above all processors is no answer. */
    if (hz < 100 * MHZ || hz > 100000 * MHZ)
        return false;
    *rate = hz;
    *source = by;
    return true;
}

uint64_t tsc_rate_find(const struct reference_timers *timers, const char **source)
{
    uint64_t rate = 0;

    /* A hypervisor below may scale the TSC, and leave the crystal's leaf as the processor has it.
     */
    if (found(by_hypervisor(), &rate, "the hypervisor below", source) ||
        found(by_crystal(), &rate, "CPUID", source) ||
        found(by_hpet(timers), &rate, "the HPET", source) ||
        found(by_pm_timer(timers), &rate, "ACPI's timer", source) ||
        found(by_pit(timers), &rate, "the PIT", source) ||
        found(by_base_frequency(), &rate, "CPUID's base frequency", source))
        return rate;
    return 0;
}
