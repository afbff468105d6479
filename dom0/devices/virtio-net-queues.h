/*
 * virtio-net's queues: what virtio-net.c, which owns the card, asks of its two directions.
 *
 * A receive queue's descriptor n is always its page n.  The device fills as many pages as a packet
 * needs (VIRTIO_NET_F_MRG_RXBUF) and says in the first one's header how many; without that feature
 * it is always one.
 *
 * A transmit chain is a header and the packet's buffers; the number of its first descriptor names
 * its header and its packet, too.
 */
#ifndef DEVICES_VIRTIO_NET_QUEUES_H
#define DEVICES_VIRTIO_NET_QUEUES_H

#include "devices/net-device.h"
#include "devices/virtio-pci.h"

/* virtio 1.1, 5.1.6. */
struct virtio_net_header {
    uint8_t flags, segmentation;
    uint16_t header_bytes, segment_bytes, checksum_start, checksum_offset, buffers;
};

struct receive_queue {
    struct virtqueue ring;
    uint8_t *pages[VIRTQUEUE_MAX];
    bool given[VIRTQUEUE_MAX]; /* it is the device's */
    bool mergeable;
    uint16_t taken[VIRTQUEUE_MAX]; /* since the last recycle: the user's */
    unsigned int taken_count;
    struct packet packet;
};

struct transmit_queue {
    struct virtqueue ring;
    struct virtio_net_header *headers;
    struct net_transmit *transmits[VIRTQUEUE_MAX]; /* by head; NULL: not in flight */
    uint16_t next[VIRTQUEUE_MAX];                  /* in a chain, or in the list of free ones */
    uint16_t chain_length[VIRTQUEUE_MAX];          /* by head */
    uint16_t first_free;
    unsigned int free, in_flight;
    unsigned int stalled; /* looks in a row without one finished */
    bool moved;           /* one was, since the last look */
    bool kick_needed;
};

/* Pages for a queue that has none; -ENOMEM. */
int receive_queue_fill(struct receive_queue *queue);
/* Makes all of its pages the device's: at start and after a reset. */
void receive_queue_give_all(struct receive_queue *queue);
/* Hands up to `budget` packets to the user and gives their pages back; how many there were. */
unsigned int receive_queue_take(struct receive_queue *queue, struct net_device *device,
                                unsigned int budget);

/* After the ring was set up: all descriptors are free. */
int transmit_queue_start(struct transmit_queue *queue);
int transmit_queue_submit(struct transmit_queue *queue, struct net_transmit *transmit);
void transmit_queue_kick(struct transmit_queue *queue);
/* Ends what the device has finished; how many there were. */
unsigned int transmit_queue_take(struct transmit_queue *queue, struct net_device *device);
/* Ends everything else with an error; the device has been reset. */
void transmit_queue_fail(struct transmit_queue *queue, struct net_device *device, int error);
/* Asks for an interrupt once most of what is in flight is sent; whether it is already. */
bool transmit_queue_interrupts_on(struct transmit_queue *queue);

#endif
