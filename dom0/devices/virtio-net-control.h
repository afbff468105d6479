/*
 * virtio-net's control queue: what is let in, and how many queues are in use (virtio 1.1, 5.1.6.5).
 */
#ifndef DEVICES_VIRTIO_NET_CONTROL_H
#define DEVICES_VIRTIO_NET_CONTROL_H

#include "devices/net-device.h"
#include "devices/virtio-pci.h"

struct control_queue {
    struct virtqueue ring;
    uint8_t *memory; /* a page: the command, and its answer in the last byte */
};

/* After the device is ready; all sleep until the device has answered: 0, -ENOTSUP if it does not
 * do that, -EIO if it does not answer. */
int control_queue_set_pairs(struct control_queue *queue, uint16_t pairs);
int control_queue_set_filter(struct control_queue *queue, const struct net_filter *filter);

#endif
