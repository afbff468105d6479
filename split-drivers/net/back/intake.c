/*
 * Intake: from the transmit ring into our own memory, once, and checked there.
 *
 * The guest may change a slot at any moment, so it is copied first and only the copy is looked at.
 * What no frontend can do by mistake ends the service, as with Linux's netback: indices that claim
 * more than the ring holds, chains that do not end, pieces beyond their pages.
 */
#include "split-drivers/net/back/vif.h"
#include <stddef.h>
#include <string.h>

#define barrier() __asm__ volatile("" : : : "memory")

/* Linux sends at most 18; what is longer is dropped, what is longer than this is no frontend. */
#define CHAIN_MAX 64u

_Static_assert(sizeof(union vif_tx_slot) == 12, "three words");

static void slot_copy(union vif_tx_slot *to, const struct vif_queue *queue, uint32_t index)
{
    const volatile uint32_t *from = (const volatile uint32_t *)&queue->tx->slots[index % VIF_SLOTS];
    uint32_t words[3] = { from[0], from[1], from[2] };

    memcpy(to, words, sizeof(words));
}

static bool broken(struct vif_queue *queue, const char *why)
{
    queue->vif->broken = why;
    return false;
}

/* Reading goes from `at` up to `end`, which the frontend's index is. */
struct reader {
    struct vif_queue *queue;
    struct vif_transmit *to;
    uint32_t at, end;
};

static bool slot_next(struct reader *reader, union vif_tx_slot *slot, bool is_extra)
{
    struct vif_queue *queue = reader->queue;
    uint32_t place = reader->at % VIF_SLOTS;

    if (reader->at == reader->end)
        return broken(queue, "a chain of slots has no end");
    slot_copy(slot, queue, reader->at++);
    queue->tx_ids[place] = slot->request.id;
    queue->tx_status[place] = is_extra ? NETIF_RSP_NULL : NETIF_RSP_OKAY;
    reader->to->slots++;
    return true;
}

static bool multicast_find(const struct vif *vif, const uint8_t mac[6], unsigned int *at)
{
    for (*at = 0; *at < vif->multicast_count; (*at)++)
        if (!memcmp(vif->multicast[*at], mac, 6))
            return true;
    return false;
}

/* Answered, not sent: the slot only carries what to change in the list of groups. */
static void multicast_change(struct reader *reader, const struct netif_extra_info *extra)
{
    struct vif *vif = reader->queue->vif;
    bool add = extra->type == XEN_NETIF_EXTRA_TYPE_MCAST_ADD;
    unsigned int at;
    bool is_there = multicast_find(vif, extra->u.mcast.addr, &at);

    reader->to->to_be_sent = false;
    if (add && !is_there && vif->multicast_count == VIF_MULTICAST_MAX)
        reader->to->status = NETIF_RSP_ERROR;
    else if (add && !is_there)
        memcpy(vif->multicast[vif->multicast_count++], extra->u.mcast.addr, 6);
    else if (!add && is_there)
        memmove(vif->multicast[at], vif->multicast[--vif->multicast_count], 6);
}

static bool extras_take(struct reader *reader)
{
    union vif_tx_slot slot;

    do {
        if (!slot_next(reader, &slot, true))
            return false;
        switch (slot.extra.type) {
        case XEN_NETIF_EXTRA_TYPE_GSO:
            reader->to->gso_type = slot.extra.u.gso.type;
            reader->to->gso_size = slot.extra.u.gso.size;
            break;
        case XEN_NETIF_EXTRA_TYPE_MCAST_ADD:
        case XEN_NETIF_EXTRA_TYPE_MCAST_DEL:
            multicast_change(reader, &slot.extra);
            break;
        case XEN_NETIF_EXTRA_TYPE_HASH:
            break; /* for choosing a queue, which we do by what we see ourselves */
        default:
            return broken(reader->queue, "extra information of no known kind");
        }
    } while (slot.extra.flags & XEN_NETIF_EXTRA_FLAG_MORE);
    return true;
}

static bool piece_add(struct reader *reader, const struct netif_tx_request *request, uint32_t bytes)
{
    struct packet *packet = &reader->to->packet;

    if ((uint32_t)request->offset + bytes > 4096)
        return broken(reader->queue, "a piece of a packet goes beyond its page");
    if (!bytes)
        return true;
    if (packet->piece_count == PACKET_PIECES_MAX) {
        reader->to->to_be_sent = false;
        reader->to->status = NETIF_RSP_ERROR;
        return true;
    }
    packet->pieces[packet->piece_count++] =
        (struct packet_piece){ .length = bytes,
                               .offset = request->offset,
                               .domid = (domid_t)reader->queue->vif->backend.domid,
                               .ref = request->gref };
    return true;
}

/* The first slot's size is the packet's; what the others have is not its own. */
static bool pieces_take(struct reader *reader, const struct netif_tx_request *first)
{
    struct packet *packet = &reader->to->packet;
    union vif_tx_slot slot = { .request = *first };
    uint32_t first_bytes = first->size;

    packet->bytes = first->size;
    packet->piece_count = 1; /* the first one's place */
    while (slot.request.flags & NETTXF_more_data) {
        if (reader->to->slots > CHAIN_MAX)
            return broken(reader->queue, "a packet of too many slots");
        if (!slot_next(reader, &slot, false))
            return false;
        if (slot.request.size > first_bytes)
            return broken(reader->queue, "a piece is larger than its packet");
        first_bytes -= slot.request.size;
        if (!piece_add(reader, &slot.request, slot.request.size))
            return false;
    }
    if ((uint32_t)first->offset + first_bytes > 4096)
        return broken(reader->queue, "a piece of a packet goes beyond its page");
    packet->pieces[0] = (struct packet_piece){ .length = first_bytes,
                                               .offset = first->offset,
                                               .domid = (domid_t)reader->queue->vif->backend.domid,
                                               .ref = first->gref };
    return true;
}

static bool packet_take(struct reader *reader)
{
    struct vif_transmit *to = reader->to;
    union vif_tx_slot slot;

    to->first_slot = reader->at;
    to->slots = 0;
    to->to_be_sent = true;
    to->status = NETIF_RSP_OKAY;
    to->error = 0;
    to->gso_type = XEN_NETIF_GSO_TYPE_NONE;
    if (!slot_next(reader, &slot, false))
        return false;
    to->checksum_blank = slot.request.flags & NETTXF_csum_blank;
    to->checksum_valid = slot.request.flags & NETTXF_data_validated;
    if (slot.request.flags & NETTXF_extra_info && !extras_take(reader))
        return false;
    if (!pieces_take(reader, &slot.request))
        return false;
    if (to->packet.bytes < PACKET_BYTES_LEAST && to->to_be_sent) {
        to->to_be_sent = false;
        to->status = NETIF_RSP_ERROR;
    }
    return true;
}

unsigned int transmit_take(struct vif_queue *queue, struct vif_transmit *packets, unsigned int most)
{
    struct reader reader = { .queue = queue,
                             .at = queue->tx_consumed,
                             .end = queue->tx->header.req_prod };
    unsigned int count = 0;
    uint32_t bytes = 0;

    if (reader.end - queue->tx_answered > VIF_SLOTS) {
        broken(queue, "impossible ring index");
        return 0;
    }
    barrier(); /* the index before the slots it covers; partner: the frontend's store order */
    while (count < most && bytes < VIF_BYTES_A_ROUND && reader.at != reader.end) {
        reader.to = &packets[count];
        if (!packet_take(&reader))
            break;
        queue->tx_consumed = reader.at;
        bytes += packets[count++].packet.bytes;
    }
    return count;
}

bool transmit_more(struct vif_queue *queue)
{
    if (queue->tx_consumed != queue->tx->header.req_prod)
        return true;
    queue->tx->header.req_event = queue->tx_consumed + 1;
    __sync_synchronize(); /* our wish before we look; partner: the frontend's push and check */
    return queue->tx_consumed != queue->tx->header.req_prod;
}
