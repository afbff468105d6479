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
#define QUEUE_MAX    256
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

int virtio_negotiate(struct virtio_device *d, uint64_t wanted, uint64_t *agreed)
{
    uint64_t offered;

    d->common->device_feature_select = 0;
    offered = d->common->device_feature;
    d->common->device_feature_select = 1;
    offered |= (uint64_t)d->common->device_feature << 32;
    *agreed = offered & (wanted | 1ULL << VIRTIO_F_VERSION_1);
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
    q->available_index = q->used_index = 0;
    return 0;
}

int virtio_queue_setup(struct virtio_device *d, struct virtqueue *q, uint16_t number,
                       uint16_t vector)
{
    d->common->queue_select = number;
    q->size = d->common->queue_size;
    if (!q->size)
        return -ENODEV;
    if (q->size > QUEUE_MAX)
        q->size = QUEUE_MAX;
    d->common->queue_size = q->size;
    if (rings_make(q))
        return -ENOMEM;
    q->number = number;
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

void virtqueue_ring(struct virtqueue *q)
{
    __sync_synchronize(); /* the index is out before we read the device's wish for quiet */
    if (!(q->used[0] & NO_INTERRUPT))
        *q->doorbell = q->number;
}

bool virtqueue_take(struct virtqueue *q, uint16_t *head)
{
    volatile struct virtq_used *ring = (volatile struct virtq_used *)(q->used + 2);

    if (q->used_index == q->used[1])
        return false;
    barrier(); /* the index before the entry it covers */
    *head = (uint16_t)ring[q->used_index % q->size].id;
    q->used_index++;
    return true;
}

void virtqueue_interrupts_off(struct virtqueue *q)
{
    q->available[0] = NO_INTERRUPT;
}

bool virtqueue_interrupts_on(struct virtqueue *q)
{
    q->available[0] = 0;
    __sync_synchronize(); /* our wish is seen before we look whether it came too late */
    return q->used_index != q->used[1];
}
