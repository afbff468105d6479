/*
 * PCI configuration space: a function's registers, 256 bytes of them through ports 0xcf8/0xcfc
 * (segment 0 only), or 4096 in memory where ACPI's table MCFG says so (all segments).
 */
#ifndef DEVICES_PCI_CONFIG_H
#define DEVICES_PCI_CONFIG_H

#include "devices/pci.h"
#include <stdbool.h>
#include <stdint.h>

/* Where the registers of some buses lie in memory: bus, slot and function count 1 MiB, 32 KiB and
 * 4 KiB from `base`. */
struct pci_window {
    uint64_t base; /* machine address; bus 0's, whether that is one of the buses or not */
    uint16_t segment;
    uint8_t first_bus, last_bus;
    bool refused; /* it has been found wrong: not used */
    bool right;   /* it has shown a function */
};

/* Reads the firmware's word; sleeps, and takes some of malloc's memory meanwhile. */
void pci_config_start(void);
/* The nth window (from 0), in the order of segments and buses; NULL: there are no more. */
const struct pci_window *pci_window(unsigned int n);
/*
 * Is a function at that segment, bus, slot and function?  Then it can be read and written from here
 * on, in memory if some window of the function's is right, else by ports.
 */
bool pci_config_open(struct pci_device *device);
/* Takes the mapping away that pci_config_open may have made: the ports are left. */
void pci_config_close(struct pci_device *device);

#endif
