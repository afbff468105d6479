/*
 * virtio-net, receiving.  What the device writes into rings and headers is checked before it is
 * used: an id must be of a page it was given, a length within that page, offload fields within the
 * packet.  What does not fit costs the packet.
 */
#include "devices/virtio-net-queues.h"
#include "pv-kernel/frames.h"
#include <errno.h>

#define HEADER_BYTES sizeof(struct virtio_net_header)

enum { NEEDS_CHECKSUM = 1, CHECKSUM_VALID = 2 };
enum { GSO_TCP4 = 1, GSO_TCP6 = 4 };

#define TCP_CHECKSUM_OFFSET 16u
#define TCP_LENGTH_OFFSET   12u /* its upper half: header length in words */
#define TCP_HEADER_LEAST    20u

int receive_queue_fill(struct receive_queue *queue)
{
    for (unsigned int i = 0; i < queue->ring.size; i++) {
        if (!queue->pages[i])
            queue->pages[i] = frames_alloc(0);
        if (!queue->pages[i])
            return -ENOMEM;
        queue->ring.descriptors[i].address = frames_virt_to_machine(queue->pages[i]);
        queue->ring.descriptors[i].length = PAGE_SIZE;
        queue->ring.descriptors[i].flags = VIRTQ_WRITE;
    }
    return 0;
}

static void page_give(struct receive_queue *queue, uint16_t page)
{
    queue->given[page] = true;
    virtqueue_add(&queue->ring, page);
}

void receive_queue_give_all(struct receive_queue *queue)
{
    queue->taken_count = 0;
    for (uint16_t page = 0; page < queue->ring.size; page++)
        page_give(queue, page);
    virtqueue_publish(&queue->ring);
    virtqueue_ring(&queue->ring);
}

/* The next page that the device filled; false: there is none, or it makes no sense. */
static bool page_take(struct receive_queue *queue, struct packet_piece *piece)
{
    struct virtq_used used;

    if (!virtqueue_take_used(&queue->ring, &used))
        return false;
    if (used.id >= queue->ring.size || !queue->given[used.id])
        return false;
    queue->given[used.id] = false;
    queue->taken[queue->taken_count++] = (uint16_t)used.id;
    piece->local = queue->pages[used.id];
    piece->length = used.length;
    return used.length && used.length <= PAGE_SIZE;
}

/* Takes a packet's pages; -EIO: they make no sense.  A device that says so many pages as it does
 * not use has its next packets misread, too: they are checked as this one is. */
static int packet_take(struct receive_queue *queue, struct virtio_net_header *header)
{
    struct packet *packet = &queue->packet;
    struct packet_piece *piece = packet->pieces;
    unsigned int pages = 1;

    if (!page_take(queue, piece) || piece->length < HEADER_BYTES + PACKET_BYTES_LEAST)
        return -EIO;
    *header = *(const struct virtio_net_header *)piece->local;
    if (queue->mergeable)
        pages = header->buffers;
    piece->local = (const uint8_t *)piece->local + HEADER_BYTES;
    piece->length -= (uint32_t)HEADER_BYTES;
    packet->bytes = piece->length;
    packet->piece_count = 1;
    for (unsigned int i = 1; i < pages && i < PACKET_PIECES_MAX; i++) {
        if (!page_take(queue, ++piece))
            return -EIO;
        packet->bytes += piece->length;
        packet->piece_count++;
    }
    return packet->piece_count == pages && packet->bytes <= PACKET_BYTES_MAX ? 0 : -EIO;
}

/* A packet of several segments: where its headers end, only the TCP header itself says reliably. */
static int segmentation_read(struct packet *packet, const struct virtio_net_header *header)
{
    const struct packet_piece *first = &packet->pieces[0];
    uint32_t start = header->checksum_start, length;

    if (!header->segmentation)
        return 0;
    if ((header->segmentation != GSO_TCP4 && header->segmentation != GSO_TCP6) ||
        packet->offload.checksum != PACKET_CHECKSUM_PARTIAL ||
        header->checksum_offset != TCP_CHECKSUM_OFFSET || !header->segment_bytes ||
        start + TCP_HEADER_LEAST > first->length)
        return -EIO;
    length = (((const uint8_t *)first->local)[start + TCP_LENGTH_OFFSET] >> 4) * 4u;
    if (length < TCP_HEADER_LEAST || start + length > first->length ||
        start + length >= packet->bytes)
        return -EIO;
    packet->offload.segmentation = header->segmentation == GSO_TCP4 ? PACKET_TCP4 : PACKET_TCP6;
    packet->offload.segment_bytes = header->segment_bytes;
    packet->offload.header_bytes = (uint16_t)(start + length);
    return 0;
}

static int offload_read(struct packet *packet, const struct virtio_net_header *header)
{
    uint32_t field = (uint32_t)header->checksum_start + header->checksum_offset;

    packet->offload = (struct packet_offload){ .checksum = PACKET_CHECKSUM_THERE };
    if (header->flags & NEEDS_CHECKSUM) {
        if (header->checksum_start < PACKET_BYTES_LEAST || field + 2 > packet->bytes)
            return -EIO;
        packet->offload.checksum = PACKET_CHECKSUM_PARTIAL;
        packet->offload.checksum_start = header->checksum_start;
        packet->offload.checksum_offset = header->checksum_offset;
    } else if (header->flags & CHECKSUM_VALID) {
        packet->offload.checksum = PACKET_CHECKSUM_VALID;
    }
    return segmentation_read(packet, header);
}

static void recycle(struct receive_queue *queue)
{
    for (unsigned int i = 0; i < queue->taken_count; i++)
        page_give(queue, queue->taken[i]);
    queue->taken_count = 0;
    virtqueue_publish(&queue->ring);
    virtqueue_ring(&queue->ring);
}

static void packet_hand_over(struct receive_queue *queue, struct net_device *device)
{
    struct virtio_net_header header;

    if (packet_take(queue, &header) || offload_read(&queue->packet, &header)) {
        device->counters.received_lost++;
        return;
    }
    device->counters.received_packets++;
    device->counters.received_bytes += queue->packet.bytes;
    device->user->received(device, &queue->packet);
}

unsigned int receive_queue_take(struct receive_queue *queue, struct net_device *device,
                                unsigned int budget)
{
    unsigned int packets = 0;

    while (packets < budget && virtqueue_has_used(&queue->ring)) {
        packet_hand_over(queue, device);
        packets++;
    }
    if (packets)
        device->user->received_all(device);
    if (queue->taken_count)
        recycle(queue);
    return packets;
}
