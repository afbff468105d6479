/* IO-APICs: Intel 82093AA datasheet, chapter 3. */
#include "devices.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "lib/types.h"

static uint8_t pages[PC_IOAPICS][PAGE_SIZE]; /* nothing is in them: they stand for the address */
static uint8_t selected[PC_IOAPICS];
static uint32_t redirection[PC_IOAPICS][0xf0];

void ioapics_reset(void)
{
    memset(selected, 0, sizeof(selected));
    memset(redirection, 0, sizeof(redirection));
}

void *ioapic_page(uint64_t physical)
{
    for (unsigned i = 0; i < PC_IOAPICS; i++)
        if (physical && pc.ioapic[i].physical == physical)
            return pages[i];
    return NULL;
}

bool ioapic_at(const volatile void *at, unsigned *which, unsigned *offset)
{
    const volatile uint8_t *p = at;

    *which = (unsigned)((size_t)(p - pages[0]) / PAGE_SIZE);
    *offset = (unsigned)((size_t)(p - pages[0]) % PAGE_SIZE);
    return p >= pages[0] && p < pages[0] + sizeof(pages);
}

static bool is_there(unsigned which)
{
    return pc.ioapic[which].lines != 0;
}

uint32_t ioapic_read(unsigned which, unsigned offset)
{
    uint8_t reg = selected[which];

    if (!is_there(which))
        return UINT32_MAX;
    if (offset == 0)
        return reg;
    if (offset != 0x10)
        fail_msg("IO-APIC: a read at 0x%x", offset);
    if (reg == 1)
        return 0x20 | (pc.ioapic[which].lines - 1) << 16;
    return reg >= 0x10 ? redirection[which][reg - 0x10] : 0;
}

void ioapic_write(unsigned which, unsigned offset, uint32_t value)
{
    uint8_t reg = selected[which];

    if (!is_there(which))
        return;
    if (offset == 0 && value > 0xff)
        fail_msg("IO-APIC: register 0x%x is selected", value);
    if (offset == 0)
        selected[which] = (uint8_t)value;
    else if (offset == 0x10 && reg >= 0x10)
        redirection[which][reg - 0x10] = value;
    else
        fail_msg("IO-APIC: a write to register 0x%x at 0x%x", reg, offset);
}

uint32_t pc_ioapic_line(unsigned which, unsigned line)
{
    return redirection[which][2 * line];
}
