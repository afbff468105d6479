/*
 * virtio-net: a driver for virtio network cards, modern PCI ones (virtio 1.1, chapter 5.1).
 */
#ifndef DEVICES_VIRTIO_NET_H
#define DEVICES_VIRTIO_NET_H

#include "devices/pci.h"
#include <stdbool.h>

bool virtio_net_is(const struct pci_device *pci);
/* Starts it and registers a network device; 0 or -errno. */
int virtio_net_start(struct pci_device *pci);

#endif
