/*
 * Intel's cards, receiving.  The card fills the ring in order, so a packet is the descriptors up to
 * the one that is marked as its last.  The descriptor before the first one that is the card's stays
 * ours: head and tail that are equal mean an empty ring.
 */
#include "devices/intel-parts.h"
#include "pv-kernel/frames.h"
#include <errno.h>

#define barrier() __asm__ volatile("" : : : "memory")

int intel_receive_fill(struct intel_receive *queue)
{
    for (unsigned int i = 0; i < RING_SIZE; i++) {
        if (!queue->pages[i])
            queue->pages[i] = frames_alloc(0);
        if (!queue->pages[i])
            return -ENOMEM;
    }
    return 0;
}

static void page_give(struct intel_receive *queue, unsigned int at)
{
    queue->format->give(&queue->ring[at], frames_virt_to_machine(queue->pages[at]));
}

void intel_receive_give_all(struct intel_receive *queue)
{
    queue->next = queue->taken = 0;
    for (unsigned int at = 0; at < RING_SIZE; at++)
        page_give(queue, at);
    barrier(); /* descriptors before the tail; the card reads them after it */
    *queue->tail = RING_SIZE - 1;
}

static void recycle(struct intel_receive *queue)
{
    for (; queue->taken; queue->taken--)
        page_give(queue, (queue->next - queue->taken) % RING_SIZE);
    barrier(); /* as above */
    *queue->tail = (queue->next - 1) % RING_SIZE;
}

/* How many descriptors from the next one on make a packet; 0: it is not all there yet.  One that
 * does not end is cut: the card was told how long a packet may be. */
static unsigned int packet_descriptors(const struct intel_receive *queue)
{
    for (unsigned int count = 0; count < PACKET_PIECES_MAX; count++) {
        const volatile intel_descriptor *at = &queue->ring[(queue->next + count) % RING_SIZE];

        if (!queue->format->is_done(at))
            return 0;
        barrier(); /* the mark before what it covers */
        if (queue->format->read(at).last)
            return count + 1;
    }
    return PACKET_PIECES_MAX;
}

/* Half a packet is none: it would keep who waits for it busy. */
bool intel_receive_has_more(const struct intel_receive *queue)
{
    return packet_descriptors(queue);
}

/* Takes so many; -EIO: what they say makes no sense, or the packet is damaged. */
static int packet_take(struct intel_receive *queue, unsigned int descriptors)
{
    struct packet *packet = &queue->packet;
    struct intel_received said = { 0 };
    bool sound = true;

    packet->bytes = packet->piece_count = 0;
    for (unsigned int i = 0; i < descriptors; i++) {
        unsigned int at = queue->next;
        struct packet_piece *piece = &packet->pieces[packet->piece_count++];

        said = queue->format->read(&queue->ring[at]);
        piece->local = queue->pages[at];
        piece->length = said.bytes;
        packet->bytes += said.bytes;
        sound &= said.bytes && said.bytes <= PAGE_SIZE;
        queue->next = (at + 1) % RING_SIZE;
        queue->taken++;
    }
    packet->offload = (struct packet_offload){ .checksum = said.checksum ? PACKET_CHECKSUM_VALID
                                                                         : PACKET_CHECKSUM_THERE };
    return sound && said.last && !said.damaged && packet->bytes >= PACKET_BYTES_LEAST &&
                   packet->pieces[0].length >= PACKET_BYTES_LEAST &&
                   packet->bytes <= PACKET_BYTES_MAX
               ? 0
               : -EIO;
}

unsigned int intel_receive_take(struct intel_receive *queue, struct net_device *device,
                                unsigned int budget)
{
    unsigned int packets = 0, descriptors;

    while (packets < budget && queue->taken < RING_SIZE / 2 &&
           (descriptors = packet_descriptors(queue))) {
        packets++;
        if (packet_take(queue, descriptors)) {
            device->counters.received_lost++;
            continue;
        }
        device->counters.received_packets++;
        device->counters.received_bytes += queue->packet.bytes;
        device->user->received(device, &queue->packet);
    }
    if (!packets)
        return 0;
    device->user->received_all(device);
    recycle(queue);
    return packets;
}
