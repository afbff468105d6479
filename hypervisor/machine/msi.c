/* Configuration space through ports 0xcf8/0xcfc, which every PC has. */
#include "machine/msi.h"
#include "lib/bits.h"
#include "lib/errno.h"
#include "lib/spinlock.h"
#include "machine/registers.h"

#define CAPABILITY_MSI  0x05
#define CAPABILITY_MSIX 0x11

/* Guards the address/data port pair; a leaf.  The control domain's own accesses are emulated
 * under it too. */
static struct spinlock config_lock;

uint32_t pci_config_read(struct pci_address d, unsigned offset)
{
    uint32_t value;

    spin_lock(&config_lock);
    port_outl(0xcf8,
              0x80000000U | (uint32_t)d.bus << 16 | (uint32_t)d.devfn << 8 | (offset & 0xfc));
    value = port_inl(0xcfc);
    spin_unlock(&config_lock);
    return value;
}

void pci_config_write(struct pci_address d, unsigned offset, uint32_t value)
{
    spin_lock(&config_lock);
    port_outl(0xcf8,
              0x80000000U | (uint32_t)d.bus << 16 | (uint32_t)d.devfn << 8 | (offset & 0xfc));
    port_outl(0xcfc, value);
    spin_unlock(&config_lock);
}

void pci_config_write_part(struct pci_address d, unsigned offset, unsigned size, uint32_t value)
{
    spin_lock(&config_lock);
    port_outl(0xcf8,
              0x80000000U | (uint32_t)d.bus << 16 | (uint32_t)d.devfn << 8 | (offset & 0xfc));
    if (size == 1)
        port_outb((uint16_t)(0xcfc + (offset & 3)), (uint8_t)value);
    else if (size == 2)
        port_outw((uint16_t)(0xcfc + (offset & 3)), (uint16_t)value);
    else
        port_outl(0xcfc, value);
    spin_unlock(&config_lock);
}

/* Offset of a capability, or 0.  The list is bounded: a broken device may link it in a ring. */
static unsigned capability_find(struct pci_address d, uint8_t id)
{
    unsigned at;

    if (pci_config_read(d, 0) == UINT32_MAX || !(pci_config_read(d, 4) & BIT(20)))
        return 0;
    at = pci_config_read(d, 0x34) & 0xfc;
    for (unsigned i = 0; at >= 0x40 && i < 48; i++) {
        uint32_t head = pci_config_read(d, at);

        if ((head & 0xff) == id)
            return at;
        at = head >> 8 & 0xfc;
    }
    return 0;
}

int msix_table_find(struct pci_address d, uint64_t *physical, unsigned *entries)
{
    unsigned at = capability_find(d, CAPABILITY_MSIX), bar;
    uint32_t table, low;
    uint64_t base;

    if (!at)
        return -ENODEV;
    *entries = (pci_config_read(d, at) >> 16 & 0x7ff) + 1;
    table = pci_config_read(d, at + 4);
    bar = table & 7;
    if (bar > 5)
        return -ENODEV;
    low = pci_config_read(d, 0x10 + 4 * bar);
    if (low & 1)
        return -ENODEV;
    base = low & ~0xfU;
    if ((low & 6) == 4 && bar < 5)
        base |= (uint64_t)pci_config_read(d, 0x14 + 4 * bar) << 32;
    *physical = base + (table & ~7U);
    return base ? 0 : -ENODEV;
}

bool msi_present(struct pci_address d)
{
    return capability_find(d, CAPABILITY_MSI) != 0;
}

static uint32_t message_address(uint32_t apic_id)
{
    return 0xfee00000U | (apic_id & 0xff) << 12;
}

static void msix_program(const struct msi_target *t, unsigned vector, uint32_t apic_id)
{
    unsigned at;

    t->slot[3] = 1;
    t->slot[0] = message_address(apic_id);
    t->slot[1] = 0;
    t->slot[2] = vector;
    if (t->table_only)
        return;
    at = capability_find(t->device, CAPABILITY_MSIX);
    /* Enable MSI-X, function mask off, and keep the line quiet. */
    pci_config_write(t->device, at,
                     (pci_config_read(t->device, at) | BIT(31)) & ~(uint32_t)BIT(30));
    pci_config_write(t->device, 4, (pci_config_read(t->device, 4) & 0xffff) | BIT(10));
}

static void plain_msi_program(const struct msi_target *t, unsigned vector, uint32_t apic_id)
{
    unsigned at = capability_find(t->device, CAPABILITY_MSI), data = at + 8;
    uint32_t control = pci_config_read(t->device, at);

    pci_config_write(t->device, at + 4, message_address(apic_id));
    if (control & BIT(23)) {
        pci_config_write(t->device, at + 8, 0);
        data = at + 12;
    }
    pci_config_write(t->device, data, (pci_config_read(t->device, data) & 0xffff0000U) | vector);
    control &= ~(7U << 20); /* one message */
    pci_config_write(t->device, at, control | BIT(16));
    pci_config_write(t->device, 4, (pci_config_read(t->device, 4) & 0xffff) | BIT(10));
}

void msi_program(const struct msi_target *t, unsigned vector, uint32_t apic_id)
{
    if (t->msix)
        msix_program(t, vector, apic_id);
    else
        plain_msi_program(t, vector, apic_id);
}

void msi_mask(const struct msi_target *t, bool masked)
{
    unsigned at;

    if (t->msix) {
        t->slot[3] = masked;
        (void)t->slot[3]; /* reading back pushes the posted write to the device */
        return;
    }
    at = capability_find(t->device, CAPABILITY_MSI);
    if (masked)
        pci_config_write(t->device, at, pci_config_read(t->device, at) & ~(uint32_t)BIT(16));
    else
        pci_config_write(t->device, at, pci_config_read(t->device, at) | BIT(16));
}

void msi_disable(const struct msi_target *t)
{
    msi_mask(t, true);
}
