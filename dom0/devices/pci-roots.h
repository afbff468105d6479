/*
 * PCI's root buses: where enumeration begins.
 */
#ifndef DEVICES_PCI_ROOTS_H
#define DEVICES_PCI_ROOTS_H

#include <stdbool.h>
#include <stdint.h>

struct pci_roots {
    uint64_t bus[4]; /* a bit for each of segment 0; bus 0 always is one */
};

bool pci_is_root(const struct pci_roots *roots, unsigned int bus);
/* By the firmware's word; sleeps, and takes some of malloc's memory meanwhile. */
void pci_roots_find(struct pci_roots *roots);
/* Adds those that a definition block of ACPI names. */
void pci_roots_in(struct pci_roots *roots, const uint8_t *block, uint32_t length);

#endif
