/*
 * Message-signalled interrupts of PCI devices: MSI and MSI-X capabilities are written by the
 * hypervisor alone, so that a control domain's slip cannot send an arbitrary vector.  Of devices
 * of other segments than 0 it writes MSI-X tables only, and the control domain switches them on.
 * PCI Local Bus Specification 3.0, section 6.8.
 */
#ifndef MACHINE_MSI_H
#define MACHINE_MSI_H

#include "lib/types.h"

struct pci_address {
    uint8_t bus, devfn;
};

struct msi_target {
    struct pci_address device;
    bool msix;
    bool table_only;         /* MSI-X: of a segment whose registers the ports do not reach */
    unsigned entry;          /* MSI-X: table entry */
    volatile uint32_t *slot; /* MSI-X: the mapped table entry */
};

uint32_t pci_config_read(struct pci_address device, unsigned offset);
void pci_config_write(struct pci_address device, unsigned offset, uint32_t value);
/* 1, 2 or 4 bytes at any offset inside one register: some act on being written. */
void pci_config_write_part(struct pci_address device, unsigned offset, unsigned size,
                           uint32_t value);

/* The physical address of a device's MSI-X table and its entries; -ENODEV if it has none. */
int msix_table_find(struct pci_address device, uint64_t *physical, unsigned *entries);
bool msi_present(struct pci_address device);
void msi_program(const struct msi_target *target, unsigned vector, uint32_t apic_id);
void msi_mask(const struct msi_target *target, bool masked);
void msi_disable(const struct msi_target *target);

#endif
