/* IO-APIC registers: Intel 82093AA datasheet. */
#include "machine/ioapic.h"
#include "lib/bits.h"
#include "lib/errno.h"
#include "lib/spinlock.h"
#include "limits.h"
#include "machine/mmio.h"

struct ioapic {
    volatile uint8_t *registers;
    uint64_t physical;
    unsigned gsi_base, lines;
    uint8_t id;
};

#define LINES_MAX 120U /* the register of the last one has eight bits */

static struct ioapic ioapics[MAX_IOAPICS];
static unsigned count;
/* Guards the select/data register pair of every IO-APIC; a leaf. */
static struct spinlock ioapic_lock;

static uint32_t reg_read(const struct ioapic *io, unsigned reg)
{
    mmio_write32(io->registers, reg);
    return mmio_read32(io->registers + 16);
}

static void reg_write(const struct ioapic *io, unsigned reg, uint32_t value)
{
    mmio_write32(io->registers, reg);
    mmio_write32(io->registers + 16, value);
}

static struct ioapic *ioapic_of(unsigned gsi)
{
    for (unsigned i = 0; i < count; i++)
        if (gsi >= ioapics[i].gsi_base && gsi < ioapics[i].gsi_base + ioapics[i].lines)
            return &ioapics[i];
    return NULL;
}

/* The firmware says where the lines of the next one begin (ACPI 6.4, 5.2.12.3), and a version
 * register may claim more of them.  Of two that begin alike the first has them. */
static void lines_settle(void)
{
    for (unsigned i = 0; i < count; i++)
        for (unsigned j = 0; j < count; j++) {
            struct ioapic *io = &ioapics[i];
            const struct ioapic *other = &ioapics[j];

            if (other->gsi_base > io->gsi_base || (other->gsi_base == io->gsi_base && j < i))
                io->lines = min(io->lines, other->gsi_base - io->gsi_base);
        }
}

void ioapic_add(uint8_t id, uint64_t physical, volatile void *registers, unsigned gsi_base)
{
    struct ioapic *io = &ioapics[count];

    if (count == MAX_IOAPICS)
        return;
    *io = (struct ioapic){
        .registers = registers, .physical = physical, .gsi_base = gsi_base, .id = id
    };
    if (reg_read(io, 1) == UINT32_MAX)
        return; /* listed, but nobody is there */
    io->lines = min((reg_read(io, 1) >> 16 & 0xff) + 1, LINES_MAX);
    for (unsigned line = 0; line < io->lines; line++)
        reg_write(io, 0x10 + 2 * line, BIT(16));
    count++;
    lines_settle();
}

bool ioapic_has(unsigned gsi)
{
    return ioapic_of(gsi) != NULL;
}

unsigned ioapic_gsi_limit(void)
{
    unsigned limit = 0;

    for (unsigned i = 0; i < count; i++)
        limit = max(limit, ioapics[i].gsi_base + ioapics[i].lines);
    return limit;
}

void ioapic_route(unsigned gsi, unsigned vector, uint32_t apic_id, bool level, bool active_low)
{
    struct ioapic *io = ioapic_of(gsi);
    unsigned line;

    if (!io)
        return;
    line = gsi - io->gsi_base;
    spin_lock(&ioapic_lock);
    reg_write(io, 0x10 + 2 * line, BIT(16));
    reg_write(io, 0x11 + 2 * line, apic_id << 24);
    reg_write(io, 0x10 + 2 * line,
              (uint32_t)BIT(16) | (uint32_t)level << 15 | (uint32_t)active_low << 13 | vector);
    spin_unlock(&ioapic_lock);
}

void ioapic_mask(unsigned gsi, bool masked)
{
    struct ioapic *io = ioapic_of(gsi);
    unsigned reg;
    uint32_t low;

    if (!io)
        return;
    reg = 0x10 + 2 * (gsi - io->gsi_base);
    spin_lock(&ioapic_lock);
    low = reg_read(io, reg) & ~(uint32_t)BIT(16);
    reg_write(io, reg, low | (uint32_t)masked << 16);
    spin_unlock(&ioapic_lock);
}

int ioapic_read_register(uint64_t physical, uint32_t reg, uint32_t *value)
{
    for (unsigned i = 0; i < count; i++)
        if (ioapics[i].physical == physical) {
            spin_lock(&ioapic_lock);
            *value = reg == 0 ? (uint32_t)ioapics[i].id << 24 : reg_read(&ioapics[i], reg & 0xff);
            spin_unlock(&ioapic_lock);
            return 0;
        }
    return -EINVAL;
}
