/*
 * Receive: pages given to the backend, packets that it put there.
 *
 * The ring is always full of pages, so the page of a slot is given again in the same slot.  Before
 * anything in a page is looked at it is ours again: nobody changes what was checked.  A slot that
 * says how a large segment was to be cut has a page too, which was not written and stays given.
 */
#include "split-drivers/net/front/front.h"
#include "network/headers.h"
#include "pv-kernel/event-ports.h"
#include "pv-kernel/frames.h"
#include "pv-kernel/own-grants.h"
#include <string.h>

#define barrier() __asm__ volatile("" : : : "memory")

#define TCP_CHECKSUM_OFFSET 16u

_Static_assert(sizeof(union front_rx_slot) == 8, "one word");

/* A packet as it comes out of the ring. */
struct arrival {
    struct packet packet;
    uint16_t flags; /* of its first slot */
    uint8_t gso_type;
    uint16_t gso_size;
    bool failed; /* the backend says so of a part of it */
};

static struct arrival arrival; /* one at a time, and too large for a stack */

static void page_give(struct front_queue *queue)
{
    uint32_t place = queue->rx_produced++ % FRONT_SLOTS;
    struct front_page *page = &queue->pages[place];
    struct netif_rx_request request = { .id = (uint16_t)place, .gref = page->ref };
    uint64_t word;

    if (!page->given)
        grant_reference_open(page->ref, queue->front->domid, frames_virt_to_mfn(page->page), false);
    page->given = true;
    memcpy(&word, &request, sizeof(word));
    *(volatile uint64_t *)&queue->rx->slots[place] = word;
}

/* Gives again what was taken. */
static void pages_give(struct front_queue *queue)
{
    uint32_t old = queue->rx_produced;

    while (queue->rx_produced - queue->rx_consumed < FRONT_SLOTS)
        page_give(queue);
    barrier(); /* requests before the index; partner: the backend reads in that order */
    queue->rx->header.req_prod = queue->rx_produced;
    __sync_synchronize(); /* the index before the threshold is read */
    if (ring_must_notify(queue->rx->header.req_event, queue->rx_produced, old))
        event_port_notify(queue->rx_port);
}

void receive_start(struct front_queue *queue)
{
    queue->rx->header.rsp_event = queue->rx->header.req_event = 1;
    while (queue->rx_produced < FRONT_SLOTS)
        page_give(queue);
    queue->rx->header.req_prod = queue->rx_produced; /* the backend has not seen the ring yet */
}

static bool broken(struct front_queue *queue, const char *why)
{
    front_break(queue->front, why);
    return false;
}

/* The next answered slot; *place is its place. */
static bool slot_next(struct front_queue *queue, uint32_t end, union front_rx_slot *slot,
                      uint32_t *place)
{
    uint64_t word;

    if (queue->rx_consumed == end)
        return broken(queue, "a chain of received slots has no end");
    *place = queue->rx_consumed++ % FRONT_SLOTS;
    word = *(volatile uint64_t *)&queue->rx->slots[*place];
    memcpy(slot, &word, sizeof(*slot));
    return true;
}

static bool extras_take(struct front_queue *queue, uint32_t end)
{
    union front_rx_slot slot;
    uint32_t place;

    do {
        if (!slot_next(queue, end, &slot, &place))
            return false;
        if (slot.extra.type != XEN_NETIF_EXTRA_TYPE_GSO)
            return broken(queue, "extra information of no known kind");
        arrival.gso_type = slot.extra.u.gso.type;
        arrival.gso_size = slot.extra.u.gso.size;
    } while (slot.extra.flags & XEN_NETIF_EXTRA_FLAG_MORE);
    return true;
}

/* One page with data: it is ours from here on. */
static bool piece_take(struct front_queue *queue, const struct netif_rx_response *response,
                       uint32_t place)
{
    struct front_page *page = &queue->pages[place];
    struct packet *packet = &arrival.packet;

    if (response->id != place)
        return broken(queue, "an answer for another slot");
    if (response->status > 0 && (uint32_t)response->offset + (uint32_t)response->status > PAGE_SIZE)
        return broken(queue, "received data goes beyond its page");
    if (grant_reference_close(page->ref))
        return broken(queue, "an answered page is still in use");
    page->given = false;
    if (response->status < 0)
        arrival.failed = true;
    if (response->status <= 0)
        return true;
    if (packet->piece_count == PACKET_PIECES_MAX)
        return broken(queue, "a packet of too many slots");
    packet->pieces[packet->piece_count++] =
        (struct packet_piece){ .local = (const uint8_t *)page->page + response->offset,
                               .length = (uint32_t)response->status };
    packet->bytes += (uint32_t)response->status;
    return true;
}

static bool packet_take(struct front_queue *queue, uint32_t end)
{
    union front_rx_slot slot;
    uint32_t place;
    bool first = true;

    memset(&arrival, 0, offsetof(struct arrival, packet.pieces));
    arrival.gso_type = XEN_NETIF_GSO_TYPE_NONE;
    arrival.failed = false;
    do {
        if (!slot_next(queue, end, &slot, &place) || !piece_take(queue, &slot.response, place))
            return false;
        if (first)
            arrival.flags = slot.response.flags;
        if (first && slot.response.flags & NETRXF_extra_info && !extras_take(queue, end))
            return false;
        first = false;
    } while (slot.response.flags & NETRXF_more_data);
    return true;
}

/* False: what is said of it does not fit what it is. */
static bool segmentation_read(struct packet *packet)
{
    struct packet_offload *offload = &packet->offload;

    if (arrival.gso_type == XEN_NETIF_GSO_TYPE_NONE)
        return true;
    if (arrival.gso_type > XEN_NETIF_GSO_TYPE_TCPV6 || !arrival.gso_size ||
        offload->checksum != PACKET_CHECKSUM_PARTIAL ||
        offload->checksum_offset != TCP_CHECKSUM_OFFSET || offload->header_bytes >= packet->bytes)
        return false;
    offload->segmentation =
        arrival.gso_type == XEN_NETIF_GSO_TYPE_TCPV4 ? PACKET_TCP4 : PACKET_TCP6;
    offload->segment_bytes = arrival.gso_size;
    return true;
}

/* False: it is lost. */
static bool packet_understand(struct packet *packet)
{
    if (arrival.failed || packet->bytes < PACKET_BYTES_LEAST || packet->bytes > PACKET_BYTES_MAX ||
        packet->pieces[0].length < PACKET_BYTES_LEAST)
        return false;
    if (arrival.flags & NETRXF_csum_blank) {
        if (!headers_checksum_partial(packet))
            return false;
    } else if (arrival.flags & NETRXF_data_validated) {
        packet->offload.checksum = PACKET_CHECKSUM_VALID;
    }
    return segmentation_read(packet);
}

static void packet_hand_over(struct front *front)
{
    struct net_device *net = &front->net;

    if (!net->user || !packet_understand(&arrival.packet)) {
        net->counters.received_lost++;
        return;
    }
    net->counters.received_packets++;
    net->counters.received_bytes += arrival.packet.bytes;
    net->user->received(net, &arrival.packet);
}

unsigned int receive_take(struct front_queue *queue, unsigned int most)
{
    uint32_t end = queue->rx->header.rsp_prod;
    struct front *front = queue->front;
    unsigned int packets = 0;

    if (end - queue->rx_consumed > queue->rx_produced - queue->rx_consumed) {
        broken(queue, "an impossible index of received packets");
        return 0;
    }
    barrier(); /* the index before the answers it covers; partner: the backend's store order */
    for (; packets < most && queue->rx_consumed != end; packets++) {
        if (!packet_take(queue, end))
            break;
        packet_hand_over(front);
    }
    if (packets && front->net.user)
        front->net.user->received_all(&front->net);
    if (!front->broken && queue->rx_produced - queue->rx_consumed < FRONT_SLOTS)
        pages_give(queue);
    return packets;
}

bool receive_more(struct front_queue *queue)
{
    queue->rx->header.rsp_event = queue->rx_consumed + 1;
    __sync_synchronize(); /* our wish before we look; partner: the backend's push and check */
    return queue->rx->header.rsp_prod != queue->rx_consumed;
}

bool receive_end(struct front_queue *queue)
{
    bool all = true;

    for (unsigned int i = 0; i < FRONT_SLOTS; i++) {
        struct front_page *page = &queue->pages[i];

        if (page->given && !grant_reference_close(page->ref))
            page->given = false;
        all &= !page->given;
    }
    return all;
}
