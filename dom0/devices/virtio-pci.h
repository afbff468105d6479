/*
 * virtio over PCI, modern (virtio 1.1, chapter 4.1): finding the register blocks, negotiating,
 * and one split virtqueue whose three rings fit a page each.
 */
#ifndef DEVICES_VIRTIO_PCI_H
#define DEVICES_VIRTIO_PCI_H

#include "devices/pci.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VIRTIO_F_INDIRECT    28
#define VIRTIO_F_EVENT_INDEX 29
#define VIRTIO_F_VERSION_1   32

#define VIRTQUEUE_MAX    256u
#define VIRTIO_NO_VECTOR 0xffffu

struct virtio_common_registers {
    uint32_t device_feature_select, device_feature, driver_feature_select, driver_feature;
    uint16_t msix_config, num_queues;
    uint8_t device_status, config_generation;
    uint16_t queue_select, queue_size, queue_msix_vector, queue_enable, queue_notify_off;
    uint64_t queue_desc, queue_driver, queue_device;
} __attribute__((packed));

struct virtio_device {
    struct pci_device *pci;
    volatile struct virtio_common_registers *common;
    volatile uint8_t *notify;
    uint32_t notify_multiplier;
    volatile uint8_t *config;
    bool event_index; /* negotiated: queues set up from now on use it */
};

struct virtq_descriptor {
    uint64_t address;
    uint32_t length;
    uint16_t flags, next;
};
#define VIRTQ_NEXT     1
#define VIRTQ_WRITE    2
#define VIRTQ_INDIRECT 4

struct virtq_used {
    uint32_t id, length;
};

struct virtqueue {
    uint16_t size; /* a power of two, at most 256 */
    volatile struct virtq_descriptor *descriptors;
    volatile uint16_t *available; /* flags, index, ring[] */
    volatile uint16_t *used;      /* flags, index, struct virtq_used[] at byte 4 */
    uint16_t available_index;     /* ours, published by virtqueue_publish */
    uint16_t used_index;          /* next to look at */
    volatile uint16_t *doorbell;
    uint16_t number;
    /* Each side names the index at which it wants to hear of the other (virtio 1.1, 2.6.7). */
    bool event_index;
    uint16_t rung_index; /* what the device had been told of at the last virtqueue_ring */
};

/* Finds the register blocks and resets the device; 0 or -errno. */
int virtio_open(struct virtio_device *device, struct pci_device *pci);
/* Does the device ask for a reset? */
bool virtio_needs_reset(const struct virtio_device *device);
/* Resets it; sleeps until it has.  It touches no memory afterwards: if it does not reset (-EIO) it
 * is cut off the bus.  Its queues are to be set up again. */
int virtio_reset(struct virtio_device *device);
/* What the device offers. */
uint64_t virtio_offered(const struct virtio_device *device);
/* Negotiates: the result is what of `wanted` (and VERSION_1) the device offers. */
int virtio_negotiate(struct virtio_device *device, uint64_t wanted, uint64_t *agreed);
/* Sets queue `number` up with MSI-X entry `vector`; after a reset, in the memory and of the size it
 * had (else -EIO). */
int virtio_queue_setup(struct virtio_device *device, struct virtqueue *queue, uint16_t number,
                       uint16_t vector);
/* The device may go. */
void virtio_ready(struct virtio_device *device);
void virtio_fail(struct virtio_device *device);

/* Puts chain `head` on the available ring; the device sees it after virtqueue_publish. */
void virtqueue_add(struct virtqueue *queue, uint16_t head);
void virtqueue_publish(struct virtqueue *queue);
void virtqueue_ring(struct virtqueue *queue);
/* Is there a finished one? */
bool virtqueue_has_used(const struct virtqueue *queue);
/* The next finished chain's head, or false. */
bool virtqueue_take(struct virtqueue *queue, uint16_t *head);
/* The same, with how many bytes the device says it wrote. */
bool virtqueue_take_used(struct virtqueue *queue, struct virtq_used *used);
/* Asks for no interrupt / for one at the next finished chain; the latter tells whether some are
 * there already. */
void virtqueue_interrupts_off(struct virtqueue *queue);
bool virtqueue_interrupts_on(struct virtqueue *queue);
/* Asks for one when `count` chains from here on are finished, at the latest; whether that many are
 * there already. */
bool virtqueue_interrupts_after(struct virtqueue *queue, uint16_t count);

#endif
