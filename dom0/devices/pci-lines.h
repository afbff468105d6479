/*
 * PCI interrupts of devices without MSI-X: lines (INTx), and messages that cannot be masked (MSI).
 */
#ifndef DEVICES_PCI_LINES_H
#define DEVICES_PCI_LINES_H

#include "devices/pci.h"

/*
 * Called from the upcall, so it must be short, whenever somebody pulls the line; it makes its
 * device let go if it is that one.
 */
typedef void (*pci_line_handler)(void *arg);

/* The device's message (MSI), for devices without MSI-X.  -ENODEV: it has none; -ENOMEM. */
int pci_bind_msi(const struct pci_device *device, pci_line_handler handler, void *arg);
/* -ENODEV: the firmware gave the device no line. */
int pci_bind_line(struct pci_device *device, pci_line_handler handler, void *arg);

#endif
