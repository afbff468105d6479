/*
 * Transmit: what the guest sends.  The heads of some packets are copied by one hypercall, checked,
 * and with them the packets handed to the switch, which has the rest copied to where it goes by
 * another; then all are answered.
 *
 * A packet its port has no room for, or the vif's rate does not allow yet, is put back: its slots
 * were not answered, and are read anew when it is time.
 */
#include "split-drivers/net/back/vif.h"
#include "network/fallback.h"
#include "network/headers.h"
#include "pv-kernel/clock.h"
#include "pv-kernel/event-ports.h"
#include <errno.h>
#include <string.h>

#define barrier() __asm__ volatile("" : : : "memory")

#define PACKETS_A_ROUND 32u
/* A packet for everybody costs a copy for each: who sends such has a shorter round. */
#define COPIES_A_ROUND 160u

/* Used between two sleeps only, by whichever task runs. */
static struct vif_transmit taken[PACKETS_A_ROUND];
static uint8_t heads[PACKETS_A_ROUND][VIF_HEAD_BYTES] __attribute__((aligned(256)));

static uint32_t head_bytes(const struct packet *packet)
{
    return packet->bytes < VIF_HEAD_BYTES ? packet->bytes : VIF_HEAD_BYTES;
}

/* The head is our copy from now on, and the guest's pages hold what comes behind it. */
static bool head_replace(struct packet *packet, const uint8_t *head)
{
    uint32_t skip = head_bytes(packet);
    unsigned int gone = 0;

    while (gone < packet->piece_count && packet->pieces[gone].length <= skip)
        skip -= packet->pieces[gone++].length;
    if (skip) {
        packet->pieces[gone].offset = (uint16_t)(packet->pieces[gone].offset + skip);
        packet->pieces[gone].length -= skip;
    }
    if (!gone && packet->piece_count == PACKET_PIECES_MAX)
        return false;
    memmove(&packet->pieces[1], &packet->pieces[gone],
            (packet->piece_count - gone) * sizeof(packet->pieces[0]));
    packet->piece_count += 1 - gone;
    packet->pieces[0] = (struct packet_piece){ .local = head, .length = head_bytes(packet) };
    return true;
}

static bool offload_set(struct vif_transmit *t)
{
    struct packet *packet = &t->packet;

    packet->offload =
        (struct packet_offload){ .checksum = t->checksum_valid ? PACKET_CHECKSUM_VALID
                                                               : PACKET_CHECKSUM_THERE };
    if (!t->checksum_blank && t->gso_type == XEN_NETIF_GSO_TYPE_NONE)
        return true;
    if (!headers_checksum_partial(packet))
        return false;
    if (t->gso_type == XEN_NETIF_GSO_TYPE_NONE)
        return offload_is_possible(packet);
    if (t->gso_type != XEN_NETIF_GSO_TYPE_TCPV4 && t->gso_type != XEN_NETIF_GSO_TYPE_TCPV6)
        return false;
    packet->offload.segmentation =
        t->gso_type == XEN_NETIF_GSO_TYPE_TCPV4 ? PACKET_TCP4 : PACKET_TCP6;
    packet->offload.segment_bytes = t->gso_size;
    return offload_is_possible(packet);
}

/* False: it is answered with an error. */
static bool packet_complete(struct vif *vif, struct vif_transmit *t, const uint8_t *head)
{
    if (!t->error && head_replace(&t->packet, head) && offload_set(t))
        return true;
    t->status = NETIF_RSP_ERROR;
    vif->port.counters.in_dropped++;
    return false;
}

static void heads_copy(unsigned int count)
{
    for (unsigned int i = 0; i < count; i++)
        if (taken[i].to_be_sent)
            batch_copy_to_local(heads[i], &taken[i].packet, 0, head_bytes(&taken[i].packet),
                                &taken[i].error);
    batch_copy_now();
}

static void status_set(struct vif_queue *queue, const struct vif_transmit *t)
{
    for (uint32_t slot = t->first_slot; t->status && slot != t->first_slot + t->slots; slot++)
        if (queue->tx_status[slot % VIF_SLOTS] == NETIF_RSP_OKAY)
            queue->tx_status[slot % VIF_SLOTS] = t->status;
}

/* False: it is not its time yet, for its rate or for its port. */
static bool packet_may_go(struct vif_queue *queue, struct vif_transmit *t, const uint8_t *head)
{
    struct vif *vif = queue->vif;
    uint32_t bytes;

    if (!t->to_be_sent || !packet_complete(vif, t, head))
        return true;
    bytes = packet_segmented_bytes(&t->packet);
    vif->wake_at = vif->rate.bytes ? turn_rate_take(&vif->rate, bytes, clock_monotonic_ns()) : 0;
    if (vif->wake_at)
        return false;
    queue->refused = switch_input(&vif->port, &t->packet, &vif->turn) == -EAGAIN;
    if (!queue->refused)
        return true;
    vif->rate.left += bytes;
    return false;
}

/* Sends what may go; the rest is put back. */
static void packets_send(struct vif_queue *queue, unsigned int count)
{
    uint64_t enough = batch_copies() + COPIES_A_ROUND;

    for (unsigned int i = 0; i < count; i++) {
        if (batch_copies() >= enough || !packet_may_go(queue, &taken[i], heads[i])) {
            queue->tx_consumed = taken[i].first_slot;
            return;
        }
        status_set(queue, &taken[i]);
    }
}

static bool answer(struct vif_queue *queue)
{
    uint32_t old = queue->tx_answered;

    if (old == queue->tx_consumed)
        return false;
    for (uint32_t slot = old; slot != queue->tx_consumed; slot++) {
        struct netif_tx_response response = { .id = queue->tx_ids[slot % VIF_SLOTS],
                                              .status = queue->tx_status[slot % VIF_SLOTS] };
        uint32_t word;

        memcpy(&word, &response, sizeof(word));
        *(volatile uint32_t *)&queue->tx->slots[slot % VIF_SLOTS] = word;
    }
    queue->tx_answered = queue->tx_consumed;
    barrier(); /* responses before the index; partner: the frontend reads in that order */
    queue->tx->header.rsp_prod = queue->tx_answered;
    __sync_synchronize(); /* the index before the threshold is read */
    if (ring_must_notify(queue->tx->header.rsp_event, queue->tx_answered, old))
        event_port_notify(queue->tx_port);
    return true;
}

bool transmit_round(struct vif_queue *queue)
{
    unsigned int count = transmit_take(queue, taken, PACKETS_A_ROUND);

    if (!count)
        return false;
    heads_copy(count);
    packets_send(queue, count);
    batch_end();
    return answer(queue);
}
