/* Serial ports that are PCI functions: management's serial line over the network, or a card. */
#ifndef MACHINE_PCI_SERIAL_H
#define MACHINE_PCI_SERIAL_H

#include "machine/serial.h"

/*
 * The first of segment 0 whose registers are among the I/O ports; it answers there from then on.
 * Its interrupt is not known here, so what is typed there is not heard.  False: there is none.
 */
bool pci_serial_find(struct serial_port *port);

#endif
