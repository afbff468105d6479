/*
 * AHCI: the driver for SATA controllers (AHCI 1.3.1) and the ATA disks on them.
 */
#ifndef DEVICES_AHCI_H
#define DEVICES_AHCI_H

void ahci_start(void);

#endif
