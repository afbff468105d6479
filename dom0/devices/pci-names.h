/*
 * PCI: what devices are called.
 */
#ifndef DEVICES_PCI_NAMES_H
#define DEVICES_PCI_NAMES_H

#include "devices/pci.h"

#define PCI_PLACE_BYTES 16

/* A few words naming the device's class, never NULL. */
const char *pci_class_name(const struct pci_device *device);
/* Where it is, segment:bus:slot.function as Linux writes it: 0000:00:04.0. */
void pci_place(const struct pci_device *device, char place[PCI_PLACE_BYTES]);
/* The same for people: without the segment if all devices are of segment 0. */
void pci_short_place(const struct pci_device *device, char place[PCI_PLACE_BYTES]);

#endif
