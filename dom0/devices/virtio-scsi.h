/*
 * virtio-scsi: the driver for modern virtio SCSI controllers on PCI and the disks on them.
 */
#ifndef DEVICES_VIRTIO_SCSI_H
#define DEVICES_VIRTIO_SCSI_H

void virtio_scsi_start(void);

#endif
