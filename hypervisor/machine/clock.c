/*
 * The TSC is taken to run alike on all CPUs; it is measured once against channel 2 of the PIT,
 * the one timer every PC has.
 */
#include "machine/clock.h"
#include "lib/bits.h"
#include "lib/bug.h"
#include "lib/log.h"
#include "lib/spinlock.h"
#include "machine/registers.h"

#define PIT_HZ 1193182UL
#define NS     1000000000UL

#define PIT_SAMPLE 11932 /* ticks: 10 ms */

struct clock_scale clock_scale = { 0, 0x80000000U, 1 };
uint64_t clock_tsc_khz;
bool clock_never_warps = true;

/* Guards wall_base_ns; a leaf. */
static struct spinlock wall_lock;
static uint64_t wall_base_ns;

struct counter_pair clock_pair(uint32_t (*counter)(void))
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

/* Channel 2 counts down from 65535, once; its gate is open. */
static void pit_start(void)
{
    port_outb(0x61, (port_inb(0x61) & ~2) | 1);
    port_outb(0x43, 0xb0);
    port_outb(0x42, 0xff);
    port_outb(0x42, 0xff);
}

static uint32_t pit_count(void)
{
    uint32_t low;

    port_outb(0x43, 0x80); /* latch */
    low = port_inb(0x42);
    return low | (uint32_t)port_inb(0x42) << 8;
}

static bool pit_expired(void)
{
    return port_inb(0x61) & 0x20;
}

/* The TSC's frequency against the PIT over 10 ms; 0 if the PIT ran out meanwhile. */
static uint64_t measure(void)
{
    struct counter_pair from, to;

    pit_start();
    from = clock_pair(pit_count);
    while (!pit_expired() && from.count - pit_count() < PIT_SAMPLE)
        cpu_pause();
    to = clock_pair(pit_count);
    if (pit_expired() || to.count >= from.count)
        return 0;
    return (to.tsc - from.tsc) * PIT_HZ / (from.count - to.count);
}

static void scale_set(uint64_t hz)
{
    uint64_t shifted = hz;
    int8_t shift = 0;

    while (shifted > 2 * NS) {
        shifted >>= 1;
        shift--;
    }
    while (shifted <= NS) {
        shifted <<= 1;
        shift++;
    }
    clock_scale.mul = (uint32_t)((NS << 32) / shifted);
    clock_scale.shift = shift;
}

static unsigned bcd(unsigned v)
{
    return (v >> 4) * 10 + (v & 0xf);
}

static unsigned cmos(uint8_t index)
{
    port_outb(0x70, index);
    return port_inb(0x71);
}

/* Days since 1970 of a Gregorian date; after H. Hinnant's days_from_civil. */
static uint64_t days_from_civil(unsigned y, unsigned m, unsigned d)
{
    unsigned era, yoe, doy, doe;

    y -= m <= 2;
    era = y / 400;
    yoe = y - era * 400;
    doy = (153 * (m + (m > 2 ? -3U : 9U)) + 2) / 5 + d - 1;
    doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return (uint64_t)era * 146097 + doe - 719468;
}

static uint64_t rtc_seconds(void)
{
    unsigned f[6], again;
    static const uint8_t index[6] = { 0, 2, 4, 7, 8, 9 };
    unsigned mode = cmos(11);

    do {
        while (cmos(10) & 0x80)
            cpu_pause();
        for (unsigned i = 0; i < 6; i++)
            f[i] = cmos(index[i]);
        again = cmos(0);
    } while (again != f[0]);
    for (unsigned i = 0; i < 6 && !(mode & 4); i++)
        f[i] = i == 2 ? bcd(f[i] & 0x7f) | (f[i] & 0x80) : bcd(f[i]);
    if (!(mode & 2) && (f[2] & 0x80))
        f[2] = ((f[2] & 0x7f) + 12) % 24;
    return days_from_civil(2000 + f[5], f[4], f[3]) * 86400 + f[2] * 3600 + f[1] * 60 + f[0];
}

void clock_init(void)
{
    uint64_t hz = 0;

    for (unsigned attempt = 0; attempt < 20 && !hz; attempt++)
        hz = measure();
    if (!hz)
        panic("the interval timer does not count: the TSC cannot be measured");
    clock_tsc_khz = hz / 1000;
    scale_set(hz);
    clock_scale.tsc_start = tsc_read();
    wall_base_ns = rtc_seconds() * NS;
    log_info("clock: TSC at %lu.%03lu MHz", clock_tsc_khz / 1000, clock_tsc_khz % 1000);
}

uint64_t clock_now(void)
{
    uint64_t delta = tsc_read() - clock_scale.tsc_start;

    delta = clock_scale.shift < 0 ? delta >> -clock_scale.shift : delta << clock_scale.shift;
    return (uint64_t)((unsigned __int128)delta * clock_scale.mul >> 32);
}

uint64_t clock_to_tsc(uint64_t ns)
{
    uint64_t delta, rest;

    /* (ns << 32) / mul; mul is at least 2^31, so the quotient fits. */
    __asm__("divq %4"
            : "=a"(delta), "=d"(rest)
            : "a"(ns << 32), "d"(ns >> 32), "r"((uint64_t)clock_scale.mul));
    delta = clock_scale.shift < 0 ? delta << -clock_scale.shift : delta >> clock_scale.shift;
    return delta + clock_scale.tsc_start;
}

void clock_delay(uint64_t ns)
{
    uint64_t end = clock_now() + ns;

    while (clock_now() < end)
        cpu_pause();
}

void clock_wall_base(uint64_t *seconds, uint32_t *nanoseconds)
{
    spin_lock(&wall_lock);
    *seconds = wall_base_ns / NS;
    *nanoseconds = (uint32_t)(wall_base_ns % NS);
    spin_unlock(&wall_lock);
}

void clock_wall_set(uint64_t seconds, uint32_t nanoseconds, uint64_t system_time)
{
    spin_lock(&wall_lock);
    wall_base_ns = seconds * NS + nanoseconds - system_time;
    spin_unlock(&wall_lock);
}
