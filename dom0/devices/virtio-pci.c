/*
 * virtio over PCI: see the header.  Barriers name their partner, the device: x86 keeps stores
 * in order and loads in order, so compiler barriers do except where a store must be seen before
 * a later load (interrupts on, then look again).
 */
#include "devices/virtio-pci.h"
#include "pv-kernel/frames.h"
#include "tasks/task.h"
#include <errno.h>
#include <string.h>

#define VENDOR_CAPABILITY 0x09
enum { CAP_COMMON = 1, CAP_NOTIFY = 2, CAP_DEVICE = 4 };
enum {
    STATUS_ACKNOWLEDGE = 1,
    STATUS_DRIVER = 2,
    STATUS_DRIVER_OK = 4,
    STATUS_FEATURES_OK = 8,
    STATUS_NEEDS_RESET = 64,
    STATUS_FAILED = 128
};

#define NO_INTERRUPT 1
#define RESET_MS     1000 /* that a device may take to reset */
#define barrier()    __asm__ volatile("" : : : "memory")

static int block_map(const struct virtio_device *d, unsigned int cap, volatile uint8_t **va)
{
    unsigned int bar = pci_read(d->pci, cap + 4, 1);
    uint32_t offset = pci_read(d->pci, cap + 8, 4);
    void *base;
    int error = pci_map_bar(d->pci, bar, &base);

    if (error)
        return error;
    *va = (volatile uint8_t *)base + offset;
    return 0;
}

static int blocks_find(struct virtio_device *d)
{
    unsigned int cap = 0;
    volatile uint8_t *common = NULL;
    int error = 0;

    while (!error && (cap = pci_find_capability(d->pci, VENDOR_CAPABILITY, cap))) {
        switch (pci_read(d->pci, cap + 3, 1)) {
        case CAP_COMMON:
            error = block_map(d, cap, &common);
            break;
        case CAP_NOTIFY:
            error = block_map(d, cap, &d->notify);
            d->notify_multiplier = pci_read(d->pci, cap + 16, 4);
            break;
        case CAP_DEVICE:
            error = block_map(d, cap, &d->config);
            break;
        }
    }
    d->common = (volatile struct virtio_common_registers *)common;
    if (error)
        return error;
    return common && d->notify && d->config ? 0 : -ENODEV;
}

bool virtio_needs_reset(const struct virtio_device *d)
{
    return d->common->device_status & STATUS_NEEDS_RESET;
}

int virtio_reset(struct virtio_device *d)
{
    d->common->device_status = 0;
    for (int i = 0; d->common->device_status; i++) {
        if (i == RESET_MS) {
            pci_disable(d->pci);
            return -EIO;
        }
        task_sleep_ns(1000000);
    }
    d->common->device_status = STATUS_ACKNOWLEDGE;
    d->common->device_status = STATUS_ACKNOWLEDGE | STATUS_DRIVER;
    return 0;
}

int virtio_open(struct virtio_device *d, struct pci_device *pci)
{
    int error;

    *d = (struct virtio_device){ .pci = pci };
    pci_enable(pci);
    error = blocks_find(d);
    if (error)
        return error;
    return virtio_reset(d);
}

uint64_t virtio_offered(const struct virtio_device *d)
{
    uint64_t offered;

    d->common->device_feature_select = 0;
    offered = d->common->device_feature;
    d->common->device_feature_select = 1;
    return offered | (uint64_t)d->common->device_feature << 32;
}

int virtio_negotiate(struct virtio_device *d, uint64_t wanted, uint64_t *agreed)
{
    *agreed = virtio_offered(d) & (wanted | 1ULL << VIRTIO_F_VERSION_1);
    d->event_index = *agreed & 1ULL << VIRTIO_F_EVENT_INDEX;
    if (!(*agreed & 1ULL << VIRTIO_F_VERSION_1))
        return -ENODEV;
    d->common->driver_feature_select = 0;
    d->common->driver_feature = (uint32_t)*agreed;
    d->common->driver_feature_select = 1;
    d->common->driver_feature = (uint32_t)(*agreed >> 32);
    d->common->device_status = STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK;
    return d->common->device_status & STATUS_FEATURES_OK ? 0 : -EIO;
}

/* Empty rings: new ones, or those the queue had before the device was reset. */
static int rings_make(struct virtqueue *q)
{
    if (!q->descriptors)
        q->descriptors = frames_alloc(0);
    if (!q->available)
        q->available = frames_alloc(0);
    if (!q->used)
        q->used = frames_alloc(0);
    if (!q->descriptors || !q->available || !q->used)
        return -ENOMEM;
    memset((void *)(uintptr_t)q->available, 0, PAGE_SIZE);
    memset((void *)(uintptr_t)q->used, 0, PAGE_SIZE);
    q->available_index = q->used_index = q->rung_index = 0;
    return 0;
}

/* What we use of a queue of so many: a power of two, so that indices of 16 bits wrap well. */
static uint16_t size_choose(uint16_t offered)
{
    uint16_t size = offered < VIRTQUEUE_MAX ? offered : VIRTQUEUE_MAX;

    while (size & (size - 1))
        size &= (uint16_t)(size - 1);
    return size;
}

int virtio_queue_setup(struct virtio_device *d, struct virtqueue *q, uint16_t number,
                       uint16_t vector)
{
    uint16_t size;

    d->common->queue_select = number;
    size = size_choose(d->common->queue_size);
    if (!size)
        return -ENODEV;
    if (q->descriptors && size != q->size)
        return -EIO; /* it was another before the reset, and so is what its user has for it */
    q->size = size;
    d->common->queue_size = size;
    if (rings_make(q))
        return -ENOMEM;
    q->number = number;
    q->event_index = d->event_index;
    q->doorbell = (volatile uint16_t *)(d->notify +
                                        (size_t)d->common->queue_notify_off * d->notify_multiplier);
    d->common->queue_msix_vector = vector;
    if (d->common->queue_msix_vector != vector)
        return -EIO;
    d->common->queue_desc = frames_virt_to_machine((void *)(uintptr_t)q->descriptors);
    d->common->queue_driver = frames_virt_to_machine((void *)(uintptr_t)q->available);
    d->common->queue_device = frames_virt_to_machine((void *)(uintptr_t)q->used);
    d->common->queue_enable = 1;
    return 0;
}

void virtio_ready(struct virtio_device *d)
{
    d->common->device_status =
        STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK | STATUS_DRIVER_OK;
}

void virtio_fail(struct virtio_device *d)
{
    d->common->device_status = STATUS_FAILED;
}

void virtqueue_add(struct virtqueue *q, uint16_t head)
{
    q->available[2 + q->available_index % q->size] = head;
    q->available_index++;
}

void virtqueue_publish(struct virtqueue *q)
{
    barrier(); /* descriptors and ring before the index; the device reads them after it */
    q->available[1] = q->available_index;
}

/* The fields behind the rings: at which used index we want an interrupt, and the device's like. */
static volatile uint16_t *wanted_interrupt(struct virtqueue *q)
{
    return &q->available[2 + q->size];
}

static uint16_t wanted_doorbell(const struct virtqueue *q)
{
    return q->used[2 + 4 * q->size];
}

static bool device_wants_to_know(struct virtqueue *q)
{
    uint16_t told = q->rung_index, now = q->available_index;

    if (!q->event_index)
        return !(q->used[0] & NO_INTERRUPT);
    q->rung_index = now;
    return (uint16_t)(now - wanted_doorbell(q) - 1) < (uint16_t)(now - told);
}

void virtqueue_ring(struct virtqueue *q)
{
    __sync_synchronize(); /* the index is out before we read the device's wish for quiet */
    if (device_wants_to_know(q))
        *q->doorbell = q->number;
}

bool virtqueue_has_used(const struct virtqueue *q)
{
    return q->used_index != q->used[1];
}

bool virtqueue_take_used(struct virtqueue *q, struct virtq_used *used)
{
    volatile struct virtq_used *ring = (volatile struct virtq_used *)(q->used + 2);

    if (!virtqueue_has_used(q))
        return false;
    barrier(); /* the index before the entry it covers */
    used->id = ring[q->used_index % q->size].id;
    used->length = ring[q->used_index % q->size].length;
    q->used_index++;
    return true;
}

bool virtqueue_take(struct virtqueue *q, uint16_t *head)
{
    struct virtq_used used;

    if (!virtqueue_take_used(q, &used))
        return false;
    *head = (uint16_t)used.id;
    return true;
}

void virtqueue_interrupts_off(struct virtqueue *q)
{
    /* With event indices there is nothing to say: the one we named is behind us. */
    if (!q->event_index)
        q->available[0] = NO_INTERRUPT;
}

bool virtqueue_interrupts_on(struct virtqueue *q)
{
    return virtqueue_interrupts_after(q, 1);
}

bool virtqueue_interrupts_after(struct virtqueue *q, uint16_t count)
{
    if (q->event_index)
        *wanted_interrupt(q) = (uint16_t)(q->used_index + count - 1);
    else
        q->available[0] = 0;
    __sync_synchronize(); /* our wish is seen before we look whether it came too late */
    return (uint16_t)(q->used[1] - q->used_index) >= (q->event_index ? count : 1);
}
