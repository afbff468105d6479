/*
 * virtio-blk: the driver for modern virtio block devices on PCI, one queue, MSI-X.
 */
#ifndef DEVICES_VIRTIO_BLK_H
#define DEVICES_VIRTIO_BLK_H

void virtio_blk_start(void);

#endif
