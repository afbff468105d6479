/*
 * AHCI's registers, which lie in memory: 32 bits at a time (AHCI 1.3.1, chapter 3).
 */
#include "devices/ahci-parts.h"

uint32_t ahci_read(const struct ahci *ahci, unsigned int offset)
{
    return *(volatile uint32_t *)(ahci->registers + offset);
}

void ahci_write(const struct ahci *ahci, unsigned int offset, uint32_t value)
{
    *(volatile uint32_t *)(ahci->registers + offset) = value;
}

uint32_t ahci_port_read(const struct ahci_port *port, unsigned int offset)
{
    return ahci_read(port->ahci, PORT_BASE + port->number * PORT_BYTES + offset);
}

void ahci_port_write(const struct ahci_port *port, unsigned int offset, uint32_t value)
{
    ahci_write(port->ahci, PORT_BASE + port->number * PORT_BYTES + offset, value);
}
