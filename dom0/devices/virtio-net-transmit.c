/*
 * virtio-net, sending.  A packet's chain is made of free descriptors, which form a list of ours:
 * the device reads descriptors and never tells us what comes next in one.
 */
#include "devices/virtio-net-queues.h"
#include "pv-kernel/frames.h"
#include <errno.h>

enum { NEEDS_CHECKSUM = 1 };
enum { GSO_TCP4 = 1, GSO_TCP6 = 4 };

int transmit_queue_start(struct transmit_queue *queue)
{
    if (!queue->headers)
        queue->headers = frames_alloc(0);
    if (!queue->headers)
        return -ENOMEM;
    for (uint16_t i = 0; i < queue->ring.size; i++)
        queue->next[i] = (uint16_t)(i + 1);
    queue->first_free = 0;
    queue->free = queue->ring.size;
    queue->in_flight = queue->stalled = 0;
    queue->kick_needed = false;
    return 0;
}

static uint16_t descriptor_put(struct transmit_queue *queue, uint64_t address, uint32_t length,
                               bool last)
{
    uint16_t at = queue->first_free, next = queue->next[at];
    volatile struct virtq_descriptor *d = &queue->ring.descriptors[at];

    d->address = address;
    d->length = length;
    d->flags = last ? 0 : VIRTQ_NEXT;
    d->next = next;
    queue->first_free = next;
    queue->free--;
    return at;
}

static void header_write(struct virtio_net_header *header, const struct packet_offload *offload)
{
    *header = (struct virtio_net_header){ 0 };
    if (offload->checksum != PACKET_CHECKSUM_PARTIAL)
        return;
    header->flags = NEEDS_CHECKSUM;
    header->checksum_start = offload->checksum_start;
    header->checksum_offset = offload->checksum_offset;
    if (offload->segmentation == PACKET_WHOLE)
        return;
    header->segmentation = offload->segmentation == PACKET_TCP4 ? GSO_TCP4 : GSO_TCP6;
    header->segment_bytes = offload->segment_bytes;
    header->header_bytes = offload->header_bytes;
}

int transmit_queue_submit(struct transmit_queue *queue, struct net_transmit *transmit)
{
    uint16_t head = queue->first_free;
    unsigned int last = transmit->buffer_count - 1;

    if (queue->free < transmit->buffer_count + 1)
        return -EAGAIN;
    header_write(&queue->headers[head], &transmit->offload);
    descriptor_put(queue, frames_virt_to_machine(&queue->headers[head]),
                   sizeof(struct virtio_net_header), false);
    for (unsigned int i = 0; i <= last; i++)
        descriptor_put(queue, transmit->buffers[i].machine, transmit->buffers[i].bytes, i == last);
    queue->transmits[head] = transmit;
    queue->chain_length[head] = (uint16_t)(transmit->buffer_count + 1);
    queue->in_flight++;
    queue->kick_needed = true;
    virtqueue_add(&queue->ring, head);
    return 0;
}

void transmit_queue_kick(struct transmit_queue *queue)
{
    if (!queue->kick_needed)
        return;
    queue->kick_needed = false;
    virtqueue_publish(&queue->ring);
    virtqueue_ring(&queue->ring);
}

static void chain_end(struct transmit_queue *queue, struct net_device *device, uint16_t head,
                      int error)
{
    struct net_transmit *transmit = queue->transmits[head];
    uint16_t last = head;

    for (unsigned int i = 1; i < queue->chain_length[head]; i++)
        last = queue->next[last];
    queue->next[last] = queue->first_free;
    queue->first_free = head;
    queue->free += queue->chain_length[head];
    queue->transmits[head] = NULL;
    queue->in_flight--;
    if (error) {
        device->counters.sent_lost++;
    } else {
        device->counters.sent_packets++;
        device->counters.sent_bytes += transmit->bytes;
    }
    transmit->done(transmit, error);
}

unsigned int transmit_queue_take(struct transmit_queue *queue, struct net_device *device)
{
    unsigned int taken = 0;
    struct virtq_used used;

    /* A device that counts on and on has not finished more than it was given. */
    for (unsigned int i = 0; i < queue->ring.size; i++) {
        if (!virtqueue_take_used(&queue->ring, &used))
            break;
        if (used.id >= queue->ring.size || !queue->transmits[used.id])
            continue; /* the device names a chain it was not given */
        chain_end(queue, device, (uint16_t)used.id, 0);
        queue->moved = true;
        taken++;
    }
    return taken;
}

void transmit_queue_fail(struct transmit_queue *queue, struct net_device *device, int error)
{
    for (uint16_t head = 0; head < queue->ring.size; head++)
        if (queue->transmits[head])
            chain_end(queue, device, head, error);
}

bool transmit_queue_interrupts_on(struct transmit_queue *queue)
{
    unsigned int most = queue->in_flight * 3 / 4;

    return virtqueue_interrupts_after(&queue->ring, (uint16_t)(most ? most : 1));
}
