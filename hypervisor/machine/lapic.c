/*
 * Local APIC and its one-shot timer.  With TSC_DEADLINE the deadline is written as a TSC value,
 * else as a count of the APIC's own clock.
 */
#include "machine/lapic.h"
#include "lib/bits.h"
#include "lib/log.h"
#include "machine/clock.h"
#include "machine/cpu-features.h"
#include "machine/interrupts.h"
#include "machine/mmio.h"
#include "machine/registers.h"
#include "machine/tsc-rate.h"

#define LAPIC_ID            0x20
#define LAPIC_TPR           0x80
#define LAPIC_EOI           0xb0
#define LAPIC_SVR           0xf0
#define LAPIC_ICR           0x300
#define LAPIC_ICR_HIGH      0x310
#define LAPIC_LVT_TIMER     0x320
#define LAPIC_LVT_LINT0     0x350
#define LAPIC_LVT_LINT1     0x360
#define LAPIC_LVT_ERROR     0x370
#define LAPIC_TIMER_INITIAL 0x380
#define LAPIC_TIMER_CURRENT 0x390
#define LAPIC_TIMER_DIVIDE  0x3e0

#define APIC_ENABLE  BIT(11) /* in MSR_APIC_BASE */
#define APIC_X2APIC  BIT(10)
#define ADDRESS_MASK 0xffffffffff000UL

#define DELIVERY_TRIES 10000U /* readings of a tenth of a microsecond and more */

#define C1E_ON_HALT (3UL << 27) /* by the processor itself, or by an SMI */

#define LVT_MASKED   BIT(16)
#define LVT_DEADLINE (2UL << 17)

#define LVT_NMI        0x400U
#define LVT_ACTIVE_LOW 0x2000U

static volatile uint8_t *mmio;
static bool x2apic;
/* APIC timer ticks in 2^32 ns: 32.32 fixed point ticks per ns. */
static uint64_t ticks_per_ns;

static uint32_t lapic_read(unsigned reg)
{
    if (x2apic)
        return (uint32_t)msr_read(MSR_X2APIC_FIRST + reg / 16);
    return mmio_read32(mmio + reg);
}

static void lapic_write(unsigned reg, uint32_t value)
{
    if (x2apic)
        msr_write(MSR_X2APIC_FIRST + reg / 16, value);
    else
        mmio_write32(mmio + reg, value);
}

uint64_t lapic_address(void)
{
    return msr_read(MSR_APIC_BASE) & ADDRESS_MASK;
}

/* Its registers answer, by memory or by MSRs. */
static void mode_set(void)
{
    uint64_t base = msr_read(MSR_APIC_BASE) | APIC_ENABLE;

    msr_write(MSR_APIC_BASE, base);
    if (x2apic)
        msr_write(MSR_APIC_BASE, base | APIC_X2APIC);
}

void lapic_init(volatile void *registers)
{
    mmio = registers;
    x2apic = cpu_features.x2apic;
    mode_set();
}

/*
 * AMD's processors from K8's revision F to family 10h halt deeper once all of their cores do (C1E),
 * where the firmware has told them to, and the timer stands still then: erratum 400 of family 10h's
 * revision guide (41322), MSRC001_0055 in its BKDG (31116).
 */
static void c1e_off(void)
{
    struct cpuid_leaf l = cpuid(1, 0);
    uint32_t family = (l.a >> 8 & 0xf) + (l.a >> 20 & 0xff);
    uint32_t model = (l.a >> 4 & 0xf) | (l.a >> 12 & 0xf0);
    uint64_t message;

    if (!cpu_features.amd || l.c & BIT(31) || !(family == 0x10 || (family == 0xf && model >= 0x40)))
        return;
    message = msr_read(MSR_INTERRUPT_PENDING);
    if (message & C1E_ON_HALT)
        msr_write(MSR_INTERRUPT_PENDING, message & ~C1E_ON_HALT);
}

void lapic_enable(void)
{
    mode_set();
    c1e_off();
    /* While it is disabled by software its vectors stay masked, whatever is written: SDM volume 3,
     * 11.4.7.2. */
    lapic_write(LAPIC_SVR, 0x100 | VECTOR_SPURIOUS);
    lapic_write(LAPIC_TPR, 0);
    lapic_write(LAPIC_LVT_LINT0, LVT_MASKED);
    lapic_write(LAPIC_LVT_LINT1, LVT_MASKED);
    lapic_write(LAPIC_LVT_ERROR, LVT_MASKED);
    lapic_write(LAPIC_LVT_TIMER,
                cpu_features.tsc_deadline ? LVT_DEADLINE | VECTOR_TIMER : VECTOR_TIMER);
    lapic_write(LAPIC_TIMER_DIVIDE, 0xb); /* by 1 */
    /* The first deadline must not be written before its mode is: SDM volume 3, 11.5.4.1. */
    __asm__ volatile("mfence" ::: "memory");
}

void lapic_nmi_pin(unsigned lint, bool active_low)
{
    lapic_write(lint ? LAPIC_LVT_LINT1 : LAPIC_LVT_LINT0,
                LVT_NMI | (active_low ? LVT_ACTIVE_LOW : 0));
}

uint32_t lapic_id(void)
{
    uint32_t id = lapic_read(LAPIC_ID);

    return x2apic ? id : id >> 24;
}

void lapic_eoi(void)
{
    lapic_write(LAPIC_EOI, 0);
}

static void icr_write(uint32_t apic_id, uint32_t low)
{
    if (x2apic) {
        /* This WRMSR does not wait for stores before it, which the target is to see: SDM volume 3,
         * 11.12.3. */
        __asm__ volatile("mfence; lfence" ::: "memory");
        msr_write(MSR_X2APIC_FIRST + LAPIC_ICR / 16, (uint64_t)apic_id << 32 | low);
        return;
    }
    /* One that is never delivered must not hold up the others. */
    for (unsigned i = 0; i < DELIVERY_TRIES && lapic_read(LAPIC_ICR) & BIT(12); i++)
        cpu_pause();
    lapic_write(LAPIC_ICR_HIGH, apic_id << 24);
    lapic_write(LAPIC_ICR, low);
}

void lapic_send(uint32_t apic_id, unsigned vector)
{
    icr_write(apic_id, 0x4000 | vector);
}

void lapic_send_init(uint32_t apic_id)
{
    icr_write(apic_id, 0x4500);
}

void lapic_send_startup(uint32_t apic_id, unsigned page)
{
    icr_write(apic_id, 0x4600 | page);
}

static uint32_t timer_count(void)
{
    return lapic_read(LAPIC_TIMER_CURRENT);
}

void lapic_timer_calibrate(void)
{
    struct counter_pair from, to;

    if (cpu_features.tsc_deadline)
        return;
    lapic_write(LAPIC_LVT_TIMER, LVT_MASKED);
    lapic_write(LAPIC_TIMER_INITIAL, UINT32_MAX);
    from = counter_pair_read(timer_count);
    clock_delay(5 * 1000 * 1000);
    to = counter_pair_read(timer_count);
    lapic_write(LAPIC_TIMER_INITIAL, 0);
    lapic_write(LAPIC_LVT_TIMER, VECTOR_TIMER);
    /* ticks / (cycles / kHz) = ticks per ms; as ticks per ns, 32.32 fixed point */
    ticks_per_ns =
        ((uint64_t)(from.count - to.count) * clock_tsc_khz / (to.tsc - from.tsc) << 32) / 1000000;
    log_debug("APIC timer: %lu kHz", ticks_per_ns * 1000000 >> 32);
}

void lapic_timer_set(uint64_t when_ns)
{
    uint64_t now, ticks = 0;

    if (cpu_features.tsc_deadline) {
        msr_write(MSR_TSC_DEADLINE, when_ns ? clock_to_tsc(when_ns) : 0);
        return;
    }
    if (when_ns) {
        now = clock_now();
        ticks = when_ns > now
                    ? (uint64_t)((unsigned __int128)(when_ns - now) * ticks_per_ns >> 32) + 1
                    : 1;
        if (ticks > UINT32_MAX)
            ticks = UINT32_MAX; /* fires early; the timer queue sets it again */
    }
    lapic_write(LAPIC_TIMER_INITIAL, (uint32_t)ticks);
}
