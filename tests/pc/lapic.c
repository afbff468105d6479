/* The local APIC: SDM volume 3, chapter 11.  Vectors are masked while it is disabled by software;
 * memory and MSRs answer in their own mode only. */
#include "devices.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#define LVT_MASKED 0x10000U
#define SVR        0xf0
#define SVR_ENABLE 0x100U
#define FEMTO      1000000000000000UL

#define TIMER_INITIAL 0x380
#define TIMER_CURRENT 0x390
#define TIMER_DIVIDE  0x3e0

static uint32_t registers[0x400 / 16];
static uint64_t deadline, icr, counts_from;

static bool is_vector(unsigned reg)
{
    return reg == 0x2f0 || (reg >= 0x320 && reg <= 0x370);
}

void lapic_reset(void)
{
    memset(registers, 0, sizeof(registers));
    for (unsigned reg = 0; reg < 0x400; reg += 16)
        if (is_vector(reg))
            registers[reg / 16] = LVT_MASKED;
    registers[SVR / 16] = 0xff;
    deadline = 0;
}

static bool enabled(void)
{
    return pc.apic_base & 0x800 && registers[SVR / 16] & SVR_ENABLE;
}

/* Down from what was written last, with the bus clock; by 1 or not at all. */
static uint32_t timer_count(void)
{
    uint64_t passed = (unsigned __int128)(pc.now - counts_from) * pc.apic_timer_hz / FEMTO;
    uint32_t initial = registers[TIMER_INITIAL / 16];

    assert_int_equal(registers[TIMER_DIVIDE / 16], 0xb);
    return passed < initial ? (uint32_t)(initial - passed) : 0;
}

static uint32_t get(unsigned reg)
{
    if (reg == 0x20)
        return pc.apic_base & 0x400 ? pc.apic_id : pc.apic_id << 24;
    return reg == TIMER_CURRENT ? timer_count() : registers[reg / 16];
}

static void set(unsigned reg, uint32_t value)
{
    if (is_vector(reg) && !enabled())
        value |= LVT_MASKED;
    if (reg == SVR && !(value & SVR_ENABLE))
        for (unsigned r = 0; r < 0x400; r += 16)
            if (is_vector(r))
                registers[r / 16] |= LVT_MASKED;
    if (reg == TIMER_INITIAL)
        counts_from = pc.now;
    registers[reg / 16] = value;
}

uint32_t lapic_read_memory(unsigned reg)
{
    if ((pc.apic_base & 0xc00) != 0x800 || reg % 16)
        fail_msg("the local APIC is read in memory while it is not there");
    return get(reg);
}

void lapic_write_memory(unsigned reg, uint32_t value)
{
    if ((pc.apic_base & 0xc00) != 0x800 || reg % 16)
        fail_msg("the local APIC is written in memory while it is not there");
    set(reg, value);
}

bool lapic_msr(uint32_t msr, uint64_t *value, bool write)
{
    unsigned reg = (msr - MSR_X2APIC_FIRST) * 16;

    if (msr == MSR_TSC_DEADLINE) {
        if (write && (registers[0x320 / 16] >> 17 & 3) == 2)
            deadline = *value; /* in another mode it is ignored */
        else if (!write)
            *value = deadline;
        return true;
    }
    if (msr < MSR_X2APIC_FIRST || msr >= MSR_X2APIC_FIRST + 0x40 || !(pc.apic_base & 0x400))
        return false;
    if (reg == 0x300)
        icr = *value;
    else if (write)
        set(reg, (uint32_t)*value);
    else
        *value = get(reg);
    return true;
}

uint32_t pc_lapic_vector(unsigned reg)
{
    return registers[reg / 16] | (enabled() ? 0 : LVT_MASKED);
}

uint32_t pc_lapic_timer(void)
{
    return registers[TIMER_INITIAL / 16];
}

uint64_t pc_tsc_deadline(void)
{
    return deadline;
}
