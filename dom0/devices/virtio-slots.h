/*
 * virtio: the slots of a queue whose requests are a few pieces of memory each.
 *
 * Where the device knows indirect descriptors a slot has a table of its own, half a page, and its
 * number is the descriptor that leads there; else its chain's descriptors are preassigned: slot s
 * uses VIRTIO_CHAIN of them from s * VIRTIO_CHAIN on.  So there is no descriptor allocator.
 */
#ifndef DEVICES_VIRTIO_SLOTS_H
#define DEVICES_VIRTIO_SLOTS_H

#include "devices/virtio-pci.h"

#define VIRTIO_TABLE 128u /* descriptors of an indirect table */
#define VIRTIO_CHAIN 18u  /* of a slot without one */

struct virtio_slots {
    struct virtqueue *queue;
    unsigned int count;
    struct virtq_descriptor *tables[VIRTQUEUE_MAX]; /* NULL: chains */
};

/* A request in the making. */
struct virtio_chain {
    volatile struct virtq_descriptor *descriptors;
    uint16_t first, count;
};

/* At most so many slots for a queue that is set up.  -ENODEV: it has not room for one; -ENOMEM. */
int virtio_slots_make(struct virtio_slots *slots, struct virtqueue *queue, bool indirect,
                      unsigned int most);
/* The device does not know them any more. */
void virtio_slots_free(struct virtio_slots *slots);
/* Pieces that a request may have. */
unsigned int virtio_slots_pieces(const struct virtio_slots *slots);
/* Pieces, then the end: the request is on the ring (virtqueue_publish). */
struct virtio_chain virtio_chain_begin(const struct virtio_slots *slots, unsigned int slot);
void virtio_chain_add(struct virtio_chain *chain, uint64_t address, uint32_t length, bool write);
void virtio_chain_end(struct virtio_slots *slots, unsigned int slot, struct virtio_chain *chain);
/* The same request once more. */
void virtio_slot_again(struct virtio_slots *slots, unsigned int slot);
/* The slot of a finished chain; `count` if the device names one that cannot be. */
unsigned int virtio_slot_of(const struct virtio_slots *slots, uint16_t head);

#endif
