/*
 * Intel's gigabit network cards 82540EM (QEMU's e1000), 82574L (e1000e) and 82576 (igb): one
 * driver.
 */
#ifndef DEVICES_INTEL_NIC_H
#define DEVICES_INTEL_NIC_H

#include "devices/pci.h"
#include <stdbool.h>

bool intel_nic_is(const struct pci_device *pci);
/* Starts it and registers a network device; 0 or -errno. */
int intel_nic_start(struct pci_device *pci);

#endif
