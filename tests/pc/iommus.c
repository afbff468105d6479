/* Intel's and AMD's IOMMU, as far as switching off goes: VT-d 4.1, 11.4; AMD 3.07, 3.4.1. */
#include "devices.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define KEPT_ON 0x86800000u /* translation, queue, interrupts, their format */

uint32_t vtd_read(unsigned reg)
{
    return reg == 0x1c ? pc.vtd_status : reg == 0x64 ? pc.vtd_protected : 0;
}

void vtd_write(unsigned reg, uint32_t value)
{
    uint32_t changed = (value ^ pc.vtd_status) & KEPT_ON;

    if (reg == 0x64 && !pc.iommu_stuck)
        pc.vtd_protected = value >> 31 ? pc.vtd_protected : 0;
    if (reg != 0x18)
        return;
    if (changed & (changed - 1))
        fail_msg("VT-d: more than one thing at a time");
    if (value & 0x69000000)
        fail_msg("VT-d: a command that is for once");
    /* The queue must not go while interrupts are translated: 6.5.2. */
    if (changed == 0x04000000 && pc.vtd_status & 0x82000000)
        fail_msg("VT-d: the queue first");
    if (!pc.iommu_stuck)
        pc.vtd_status ^= changed;
}

uint32_t amd_iommu_read(unsigned reg)
{
    return reg == 0x18 ? pc.amd_iommu_control : 0;
}

void amd_iommu_write(unsigned reg, uint32_t value)
{
    if (reg == 0x18 && !pc.iommu_stuck)
        pc.amd_iommu_control = value;
}
