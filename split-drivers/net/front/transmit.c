/*
 * Transmit: packets into the ring, answers out of it.
 *
 * Each buffer of a packet is granted for reading under the reference of the entry whose number is
 * its request's id.  The packet is done when the backend has answered for each of its buffers and
 * lets go of them.  A large segment's second slot says how it is to be cut; its answer says
 * nothing.
 */
#include "split-drivers/net/front/front.h"
#include "pv-kernel/event-ports.h"
#include "pv-kernel/frames.h"
#include "pv-kernel/own-grants.h"
#include <errno.h>
#include <string.h>

#define barrier() __asm__ volatile("" : : : "memory")

_Static_assert(sizeof(union front_tx_slot) == 12, "three words");

void transmit_start(struct front_queue *queue)
{
    for (unsigned int id = 0; id < FRONT_SLOTS; id++)
        queue->sending[id].next_free = (uint16_t)(id + 1);
    queue->tx_free = 0;
    queue->tx_free_count = FRONT_SLOTS;
    queue->tx->header.rsp_event = queue->tx->header.req_event = 1;
}

static void slot_put(struct front_queue *queue, const void *slot)
{
    volatile uint32_t *to =
        (volatile uint32_t *)&queue->tx->slots[queue->tx_produced++ % FRONT_SLOTS];
    uint32_t words[3];

    memcpy(words, slot, sizeof(words));
    for (unsigned int i = 0; i < 3; i++)
        to[i] = words[i];
}

static void buffer_put(struct front_queue *queue, struct net_transmit *transmit,
                       unsigned int number, uint16_t flags)
{
    const struct net_buffer *buffer = &transmit->buffers[number];
    uint16_t id = queue->tx_free;
    struct front_sending *sending = &queue->sending[id];
    struct netif_tx_request request = { .gref = sending->ref,
                                        .offset = (uint16_t)(buffer->machine % PAGE_SIZE),
                                        .flags = flags,
                                        .id = id };

    request.size = (uint16_t)(number ? buffer->bytes : transmit->bytes);
    if (number + 1 < transmit->buffer_count)
        request.flags |= NETTXF_more_data;
    queue->tx_free = sending->next_free;
    queue->tx_free_count--;
    sending->transmit = transmit;
    sending->under_way = true;
    grant_reference_open(sending->ref, queue->front->domid, buffer->machine >> PAGE_SHIFT, true);
    slot_put(queue, &request);
}

static void extra_put(struct front_queue *queue, const struct packet_offload *offload)
{
    union front_tx_slot slot;

    memset(&slot, 0, sizeof(slot));
    slot.extra.type = XEN_NETIF_EXTRA_TYPE_GSO;
    slot.extra.u.gso.type =
        offload->segmentation == PACKET_TCP4 ? XEN_NETIF_GSO_TYPE_TCPV4 : XEN_NETIF_GSO_TYPE_TCPV6;
    slot.extra.u.gso.size = offload->segment_bytes;
    slot_put(queue, &slot);
}

static uint16_t flags_of(const struct packet_offload *offload)
{
    switch (offload->checksum) {
    case PACKET_CHECKSUM_PARTIAL:
        return NETTXF_csum_blank | NETTXF_data_validated;
    case PACKET_CHECKSUM_VALID:
        return NETTXF_data_validated;
    default:
        return 0;
    }
}

int transmit_submit(struct front_queue *queue, struct net_transmit *transmit)
{
    bool large = transmit->offload.segmentation != PACKET_WHOLE;
    uint32_t free = FRONT_SLOTS - (queue->tx_produced - queue->tx_consumed);
    uint16_t flags = flags_of(&transmit->offload);

    if (transmit->bytes > FRONT_BYTES_MAX)
        return -EINVAL;
    if (free < transmit->buffer_count + large || queue->tx_free_count < transmit->buffer_count)
        return -EAGAIN;
    transmit->driver_word = transmit->buffer_count;
    for (unsigned int i = 0; i < transmit->buffer_count; i++) {
        buffer_put(queue, transmit, i, (uint16_t)(flags | (large && !i ? NETTXF_extra_info : 0)));
        if (!i && large)
            extra_put(queue, &transmit->offload);
        flags = 0;
    }
    return 0;
}

void transmit_push(struct front_queue *queue)
{
    uint32_t old = queue->tx_pushed;

    if (old == queue->tx_produced)
        return;
    queue->tx_pushed = queue->tx_produced;
    barrier(); /* requests before the index; partner: the backend reads in that order */
    queue->tx->header.req_prod = queue->tx_pushed;
    __sync_synchronize(); /* the index before the threshold is read */
    if (ring_must_notify(queue->tx->header.req_event, queue->tx_pushed, old))
        event_port_notify(queue->tx_port);
}

/* A buffer is ours again; the packet's last one: it is done. */
static void buffer_end(struct front_queue *queue, uint16_t id, int error)
{
    struct front_sending *sending = &queue->sending[id];
    struct net_counters *counters = &queue->front->net.counters;
    struct net_transmit *transmit = sending->transmit;

    sending->under_way = false;
    sending->transmit = NULL;
    sending->next_free = queue->tx_free;
    queue->tx_free = id;
    queue->tx_free_count++;
    if (error)
        transmit->driver_word |= 1ULL << 32;
    if ((uint32_t)--transmit->driver_word)
        return;
    error = transmit->driver_word ? -EIO : 0;
    counters->sent_lost += error != 0;
    counters->sent_packets += !error;
    counters->sent_bytes += error ? 0 : transmit->bytes;
    transmit->done(transmit, error);
}

static bool answer_take(struct front_queue *queue, struct netif_tx_response response)
{
    if (response.status == NETIF_RSP_NULL)
        return true; /* for a slot that was no request */
    if (response.id >= FRONT_SLOTS || !queue->sending[response.id].under_way) {
        front_break(queue->front, "an answer to what was not sent");
        return false;
    }
    if (grant_reference_close(queue->sending[response.id].ref)) {
        front_break(queue->front, "an answered page is still in use");
        return false;
    }
    buffer_end(queue, response.id, response.status == NETIF_RSP_OKAY ? 0 : -EIO);
    return true;
}

bool transmit_take(struct front_queue *queue)
{
    uint32_t end = queue->tx->header.rsp_prod;

    if (end == queue->tx_consumed)
        return false;
    if (end - queue->tx_consumed > queue->tx_pushed - queue->tx_consumed) {
        front_break(queue->front, "an impossible index of sent packets");
        return false;
    }
    barrier(); /* the index before the answers it covers; partner: the backend's store order */
    while (queue->tx_consumed != end) {
        uint32_t word = *(volatile uint32_t *)&queue->tx->slots[queue->tx_consumed % FRONT_SLOTS];
        struct netif_tx_response response;

        memcpy(&response, &word, sizeof(response));
        queue->tx_consumed++;
        if (!answer_take(queue, response))
            return false;
    }
    return true;
}

bool transmit_more(struct front_queue *queue)
{
    uint32_t under_way = queue->tx_pushed - queue->tx_consumed;

    /* When a part of them is sent there is room enough to be worth waking for. */
    queue->tx->header.rsp_event = queue->tx_consumed + under_way / 2 + 1;
    __sync_synchronize(); /* our wish before we look; partner: the backend's push and check */
    return queue->tx->header.rsp_prod != queue->tx_consumed;
}

bool transmit_end(struct front_queue *queue)
{
    bool all = true;

    for (uint16_t id = 0; id < FRONT_SLOTS; id++) {
        if (!queue->sending[id].under_way)
            continue;
        if (grant_reference_close(queue->sending[id].ref))
            all = false;
        else
            buffer_end(queue, id, -EIO);
    }
    return all;
}
