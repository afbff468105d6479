/* Which processors have a TSC deadline timer that works. */
#include "machine/deadline-errata.h"
#include "lib/bits.h"
#include "machine/registers.h"

/*
 * Intel's processors whose deadline timer fails once the TSC was adjusted, and the microcode that
 * mends it: see the specification updates of Haswell's to Kaby Lake's families.
 * The first that fits counts.
 */
static const struct {
    uint8_t model, last_stepping;
    uint32_t microcode;
} deadline_errata[] = {
    { 0x3c, 15, 0x22 }, { 0x45, 15, 0x20 },     { 0x46, 15, 0x17 },     { 0x3f, 2, 0x3a },
    { 0x3f, 4, 0x0f },  { 0x3d, 15, 0x25 },     { 0x47, 15, 0x17 },     { 0x4f, 15, 0xb000020 },
    { 0x56, 2, 0x11 },  { 0x56, 3, 0x700000e }, { 0x56, 4, 0xf00000c }, { 0x56, 5, 0xe000003 },
    { 0x4e, 15, 0xb2 }, { 0x5e, 15, 0xb2 },     { 0x55, 3, 0x1000136 }, { 0x55, 4, 0x2000014 },
    { 0x8e, 15, 0x52 }, { 0x9e, 15, 0x52 },
};

/* Loaded by CPUID 1 once 0 was written: SDM volume 3, 10.11.7.1. */
static uint32_t microcode(void)
{
    msr_write(MSR_MICROCODE, 0);
    (void)cpuid(1, 0);
    return (uint32_t)(msr_read(MSR_MICROCODE) >> 32);
}

bool deadline_timer_is_safe(bool amd)
{
    struct cpuid_leaf l = cpuid(1, 0);
    uint32_t model = (l.a >> 4 & 0xf) | (l.a >> 12 & 0xf0);

    if (amd || l.c & BIT(31) || (l.a >> 8 & 0xf) != 6)
        return true; /* another's, or somebody who emulates it */
    for (unsigned i = 0; i < ARRAY_SIZE(deadline_errata); i++)
        if (deadline_errata[i].model == model && (l.a & 0xf) <= deadline_errata[i].last_stepping)
            return microcode() >= deadline_errata[i].microcode;
    return true;
}
