/*
 * Intel's cards, sending.  A packet is a context descriptor, if the card needs telling what it has
 * not been told for the packet before, and one for each buffer; the card marks the last one when it
 * has sent them all.
 *
 * Short packets are padded here as far as the card does not: the 82540EM may spoil those it pads
 * itself, the others pad packets of 17 bytes and more.  No more than that, as a checksum may then
 * take the padding for a part of the packet.
 *
 * A packet to be cut is shown to the card with neither its length nor a checksum in its IP header,
 * and the pseudo header's sum in TCP's is one without a length: the card adds what each segment's
 * is (82574 datasheet, 7.3.6).
 */
#include "devices/intel-parts.h"
#include "pv-kernel/frames.h"
#include <errno.h>

#define barrier()    __asm__ volatile("" : : : "memory")
#define TYPE_AT      12u
#define VLAN_BYTES   4u
#define PROTOCOL_TCP 6u

int intel_transmit_fill(struct intel_transmit *queue)
{
    void *zeros;

    if (queue->zeros)
        return 0;
    zeros = frames_alloc(0);
    if (!zeros)
        return -ENOMEM;
    queue->zeros = frames_virt_to_machine(zeros);
    return 0;
}

void intel_transmit_start(struct intel_transmit *queue)
{
    queue->next = queue->oldest = queue->in_flight = queue->stalled = 0;
    queue->has_context = queue->kick_needed = false;
}

static uint32_t words_sum(const uint8_t *at, unsigned int bytes)
{
    uint32_t sum = 0;

    for (unsigned int i = 0; i < bytes; i += 2)
        sum += (uint32_t)at[i] << 8 | at[i + 1];
    return sum;
}

static void half_put(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

unsigned int intel_ip_offset(const uint8_t *header)
{
    bool tagged = header[TYPE_AT] == 0x81 && header[TYPE_AT + 1] == 0;

    return TYPE_AT + 2 + (tagged ? VLAN_BYTES : 0);
}

/* Room for the IP header is before the checksum's start; -EINVAL if not. */
static int headers_prepare(const struct net_transmit *transmit)
{
    const struct packet_offload *offload = &transmit->offload;
    uint8_t *header = transmit->header, *ip = header + intel_ip_offset(header);
    bool is_4 = offload->segmentation == PACKET_TCP4;
    uint32_t sum;

    if (ip + (is_4 ? 20 : 40) > header + offload->checksum_start)
        return -EINVAL;
    sum = (is_4 ? words_sum(ip + 12, 8) : words_sum(ip + 8, 32)) + PROTOCOL_TCP;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    half_put(ip + (is_4 ? 2 : 4), 0);
    if (is_4)
        half_put(ip + 10, 0);
    half_put(header + offload->checksum_start + offload->checksum_offset, sum);
    return 0;
}

static bool is_same(const intel_descriptor *one, const intel_descriptor *other)
{
    bool same = true;

    for (unsigned int i = 0; i < 4; i++)
        same &= one->words[i] == other->words[i];
    return same;
}

/* -EINVAL: the card cannot do what is asked; 1: it has to be told by *context; 0: it knows. */
static int context_choose(struct intel_transmit *queue, const struct net_transmit *transmit,
                          intel_descriptor *context)
{
    int error;

    if (transmit->offload.checksum != PACKET_CHECKSUM_PARTIAL)
        return 0;
    error = queue->format->context(transmit, context);
    if (error)
        return error;
    return !queue->has_context || !is_same(context, &queue->context);
}

static volatile intel_descriptor *descriptor_take(struct intel_transmit *queue)
{
    volatile intel_descriptor *at = &queue->ring[queue->next];

    queue->next = (queue->next + 1) % RING_SIZE;
    return at;
}

static void context_put(struct intel_transmit *queue, const intel_descriptor *context)
{
    volatile intel_descriptor *at = descriptor_take(queue);

    for (unsigned int i = 0; i < 4; i++)
        at->words[i] = context->words[i];
    queue->context = *context;
    queue->has_context = true;
}

static void data_put(struct intel_transmit *queue, const struct net_transmit *transmit)
{
    bool pads = transmit->bytes < queue->bytes_least;
    uint32_t total = pads ? queue->bytes_least : transmit->bytes;
    struct net_buffer padding = { queue->zeros, total - transmit->bytes };

    for (unsigned int i = 0; i < transmit->buffer_count; i++)
        queue->format->data(descriptor_take(queue), transmit, &transmit->buffers[i], total,
                            !pads && i == transmit->buffer_count - 1);
    if (pads)
        queue->format->data(descriptor_take(queue), transmit, &padding, total, true);
}

int intel_transmit_submit(struct intel_transmit *queue, struct net_transmit *transmit)
{
    unsigned int first = queue->next, used = (queue->next - queue->oldest) % RING_SIZE;
    intel_descriptor context;
    int tell;

    /* One segment is a packet like others; padded, it would be cut in two. */
    if (transmit->bytes <=
        (uint32_t)transmit->offload.header_bytes + transmit->offload.segment_bytes)
        transmit->offload.segmentation = PACKET_WHOLE;
    tell = context_choose(queue, transmit, &context);
    if (tell < 0)
        return tell;
    /* One for the context, one for padding, and the one that keeps head and tail apart. */
    if (used + transmit->buffer_count + 3 > RING_SIZE)
        return -EAGAIN;
    if (transmit->offload.segmentation != PACKET_WHOLE && headers_prepare(transmit))
        return -EINVAL;
    if (tell)
        context_put(queue, &context);
    data_put(queue, transmit);
    queue->transmits[first] = transmit;
    queue->last_of[first] = (uint8_t)((queue->next - 1) % RING_SIZE);
    queue->in_flight++;
    queue->kick_needed = true;
    return 0;
}

void intel_transmit_kick(struct intel_transmit *queue)
{
    if (!queue->kick_needed)
        return;
    queue->kick_needed = false;
    barrier(); /* descriptors before the tail; the card reads them after it */
    *queue->tail = queue->next;
}

static void oldest_end(struct intel_transmit *queue, struct net_device *device, int error)
{
    struct net_transmit *transmit = queue->transmits[queue->oldest];

    queue->oldest = (queue->last_of[queue->oldest] + 1u) % RING_SIZE;
    queue->in_flight--;
    if (error) {
        device->counters.sent_lost++;
    } else {
        device->counters.sent_packets++;
        device->counters.sent_bytes += transmit->bytes;
    }
    transmit->done(transmit, error);
}

bool intel_transmit_has_more(const struct intel_transmit *queue)
{
    return queue->in_flight && queue->format->is_done(&queue->ring[queue->last_of[queue->oldest]]);
}

unsigned int intel_transmit_take(struct intel_transmit *queue, struct net_device *device)
{
    unsigned int taken = 0;

    while (intel_transmit_has_more(queue)) {
        oldest_end(queue, device, 0);
        queue->moved = true;
        taken++;
    }
    return taken;
}

void intel_transmit_fail(struct intel_transmit *queue, struct net_device *device, int error)
{
    while (queue->in_flight)
        oldest_end(queue, device, error);
}
