/* HPET (IA-PC HPET 1.0a), ACPI's timer, 8254 channel 2, MC146818A. */
#include "devices.h"

#define FEMTO 1000000000000000UL

static uint64_t ticks(uint64_t hz)
{
    return (uint64_t)((unsigned __int128)pc.now * hz / FEMTO);
}

uint32_t hpet_read(unsigned reg)
{
    bool runs = pc.hpet == PC_WORKS && (pc.hpet_config & 1);

    switch (reg) {
    case 0:
        return 0x8086a201;
    case 4:
        return pc.hpet_femtoseconds;
    case 0x10:
        return pc.hpet_config;
    case 0xf0:
        return runs ? (uint32_t)(pc.now / pc.hpet_femtoseconds) : 77;
    }
    return 0;
}

void hpet_write(unsigned reg, uint32_t value)
{
    if (reg == 0x10)
        pc.hpet_config = value;
}

uint32_t pm_timer_in(void)
{
    uint32_t count = (uint32_t)ticks(3579545);

    if (pc.pm_timer == PC_WORKS)
        return pc.pm_timer_24 ? count & 0xffffff : count;
    return pc.pm_timer == PC_FROZEN ? 1234 : ~0U;
}

static struct {
    uint8_t gate;
    unsigned written, reading; /* bytes of the count so far */
    uint16_t start, latch;
    uint64_t began;
} pit;

void pit_reset(void)
{
    pit.gate = 0;
    pit.written = pit.reading = 0;
}

static uint64_t pit_passed(void)
{
    if (pc.pit != PC_WORKS || !(pit.gate & 1))
        return 0; /* its clock is gated, as on recent machines */
    return ticks(1193182) - pit.began;
}

uint8_t pit_in(uint16_t port)
{
    if (pc.pit == PC_ABSENT)
        return 0xff;
    if (port == 0x61)
        return (uint8_t)(pit.gate | pc.nmi_status | (pit_passed() > pit.start ? 0x20 : 0));
    if (port == 0x42)
        return (uint8_t)(pit.latch >> (pit.reading++ & 1) * 8);
    return 0;
}

void pit_out(uint16_t port, uint8_t value)
{
    if (port == 0x61)
        pit.gate = value & 0xf;
    if (port == 0x61 && value & 0x04)
        pc.nmi_status &= ~0x80u;
    if (port == 0x61 && value & 0x08)
        pc.nmi_status &= ~0x40u;
    if (port == 0x43 && value == 0xb0)
        pit.written = 0;
    if (port == 0x43 && value == 0x80) {
        pit.latch = (uint16_t)(pit.start - pit_passed());
        pit.reading = 0;
    }
    if (port == 0x42) {
        pit.start = (uint16_t)(pit.written++ & 1 ? (pit.start & 0xff) | value << 8 : value);
        pit.began = ticks(1193182);
    }
}

static uint8_t cmos_index;

void rtc_out(uint8_t index)
{
    cmos_index = index;
}

static uint8_t shown(unsigned value)
{
    return (uint8_t)(pc.rtc_binary ? value : value / 10 << 4 | value % 10);
}

/* Days of the first 59 days of 2000 are enough for any test of the form of fields. */
static uint8_t field(uint8_t index, uint64_t seconds)
{
    unsigned hour = (unsigned)(seconds / 3600 % 24), day = (unsigned)(seconds / 86400);

    if (pc.rtc_blank)
        return 0;
    switch (index) {
    case 0:
        return shown((unsigned)(seconds % 60));
    case 2:
        return shown((unsigned)(seconds / 60 % 60));
    case 4:
        if (!pc.rtc_12h)
            return shown(hour);
        return (uint8_t)(shown(hour % 12 ? hour % 12 : 12) | (hour >= 12 ? 0x80 : 0));
    case 7:
        return shown(day % 31 + 1);
    case 8:
        return shown(day / 31 + 1);
    case 9:
        return shown(pc.rtc_year);
    }
    return 0;
}

uint8_t rtc_in(uint16_t port)
{
    uint64_t seconds = pc.rtc_seconds + pc.now / FEMTO;

    if (port != 0x71 || pc.rtc == PC_ABSENT)
        return 0xff;
    if (cmos_index == 10) /* busy for 2 ms in each second; stuck: for ever */
        return pc.rtc == PC_FROZEN || pc.now % FEMTO < FEMTO / 500 ? 0xa6 : 0x26;
    if (cmos_index == 11)
        return (uint8_t)((pc.rtc_binary ? 4 : 0) | (pc.rtc_12h ? 0 : 2));
    return field(cmos_index, seconds);
}
