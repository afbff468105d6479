/* The TSC is taken to run alike on all CPUs: boot/cpus.c sees to it. */
#include "machine/clock.h"
#include "lib/bug.h"
#include "lib/log.h"
#include "lib/spinlock.h"
#include "machine/registers.h"
#include "machine/rtc.h"
#include "machine/tsc-rate.h"

#define NS 1000000000UL

struct clock_scale clock_scale = { 0, 0x80000000U, 1 };
uint64_t clock_tsc_khz;
bool clock_never_warps = true;

/* Guards wall_base_ns; a leaf. */
static struct spinlock wall_lock;
static uint64_t wall_base_ns;

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

void clock_init(const struct reference_timers *timers, bool has_rtc)
{
    const char *source;
    uint64_t hz = tsc_rate_find(timers, &source);

    if (!hz)
        panic("no timer of this machine counts (HPET, ACPI's, PIT): the TSC cannot be measured");
    clock_tsc_khz = hz / 1000;
    scale_set(hz);
    /* A CPU whose TSC is a little behind has no time before 0. */
    clock_scale.tsc_start = tsc_read() - clock_tsc_khz;
    log_info("clock: TSC at %lu.%03lu MHz, by %s", clock_tsc_khz / 1000, clock_tsc_khz % 1000,
             source);
    if (has_rtc && rtc_read(&wall_base_ns))
        wall_base_ns *= NS;
    else
        log_warning("no real-time clock: until the control domain sets it, it is 1970");
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
