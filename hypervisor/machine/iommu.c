/* Intel: VT-d specification 4.1, 11.4.  AMD: I/O Virtualization Technology 3.07, 3.4.1. */
#include "machine/iommu.h"
#include "lib/bits.h"
#include "machine/clock.h"
#include "machine/mmio.h"

#define VTD_COMMAND     0x18
#define VTD_STATUS      0x1c
#define VTD_PROTECTED   0x64
#define VTD_TRANSLATION 0x80000000U /* in both */
#define VTD_QUEUED      0x04000000U
#define VTD_REMAPPING   0x02000000U /* of interrupts */
#define VTD_LASTING     0x96ffffffU /* of the status: what the command register keeps on by ones */
#define VTD_PROTECT     0x80000000U
#define VTD_PROTECTS    0x00000001U

#define AMD_CONTROL 0x18
#define AMD_ON      0x1005U /* the unit, its event log and its command buffer */

#define PATIENCE_NS (100 * 1000 * 1000UL)

static bool goes_off(const volatile uint8_t *status, uint32_t bit)
{
    uint64_t end = clock_now() + PATIENCE_NS;

    while (mmio_read32(status) & bit)
        if (clock_now() > end)
            return false;
    return true;
}

/* One thing at a time, as the manual wants it. */
static bool vtd_clear(volatile uint8_t *registers, uint32_t bit)
{
    uint32_t status = mmio_read32(registers + VTD_STATUS);

    if (!(status & bit))
        return true;
    mmio_write32(registers + VTD_COMMAND, status & VTD_LASTING & ~bit);
    return goes_off(registers + VTD_STATUS, bit);
}

static bool vtd_unprotect(volatile uint8_t *registers)
{
    uint32_t value = mmio_read32(registers + VTD_PROTECTED);

    if (!(value & VTD_PROTECTS))
        return true;
    mmio_write32(registers + VTD_PROTECTED, value & ~VTD_PROTECT);
    return goes_off(registers + VTD_PROTECTED, VTD_PROTECTS);
}

bool iommu_switch_off(volatile uint8_t *registers, bool amd)
{
    /* Firmware lists some that it has switched off altogether. */
    if (mmio_read32(registers + (amd ? AMD_CONTROL : VTD_STATUS)) == UINT32_MAX)
        return true;
    if (!amd)
        return vtd_clear(registers, VTD_TRANSLATION) && vtd_clear(registers, VTD_REMAPPING) &&
               vtd_clear(registers, VTD_QUEUED) && vtd_unprotect(registers);
    mmio_write32(registers + AMD_CONTROL, mmio_read32(registers + AMD_CONTROL) & ~AMD_ON);
    return !(mmio_read32(registers + AMD_CONTROL) & AMD_ON);
}
