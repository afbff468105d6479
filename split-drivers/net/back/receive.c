/*
 * Receive: what the guest is sent.  The bytes go from where they are into the pages the guest has
 * granted, by the copies of the current batch; at its end the slots are answered and the guest
 * notified once.
 *
 * Each page takes 4096 bytes.  A large segment's first slot is followed by one that says how it was
 * to be cut: its page stays empty.
 */
#include "split-drivers/net/back/vif.h"
#include "network/headers.h"
#include "pv-kernel/event-ports.h"
#include <stddef.h>
#include <string.h>

#define barrier() __asm__ volatile("" : : : "memory")

#define PAGE_BYTES 4096u

_Static_assert(sizeof(union vif_rx_slot) == 8, "one word");

static uint32_t slots_needed(const struct packet *packet)
{
    return (packet->bytes + PAGE_BYTES - 1) / PAGE_BYTES +
           (packet->offload.segmentation != PACKET_WHOLE);
}

/* False: not so many, or the frontend's index is impossible. */
static bool slots_there(struct vif_queue *queue, uint32_t needed)
{
    uint32_t produced = queue->rx->header.req_prod;

    if (produced - queue->rx_answered > VIF_SLOTS) {
        queue->vif->broken = "impossible ring index";
        vif_wake(queue->vif);
        return false;
    }
    barrier(); /* the index before the slots it covers; partner: the frontend's store order */
    return produced - queue->rx_consumed >= needed && produced - queue->rx_consumed <= VIF_SLOTS;
}

/* The next slot's page, and where its answer goes. */
static grant_ref_t slot_take(struct vif_queue *queue, struct vif_rx_done **done, uint16_t *id)
{
    uint32_t place = queue->rx_consumed++ % VIF_SLOTS;
    uint64_t word = *(volatile uint64_t *)&queue->rx->slots[place];
    struct netif_rx_request request;

    memcpy(&request, &word, sizeof(request));
    *done = &queue->rx_done[place];
    (*done)->error = 0;
    *id = request.id;
    return request.gref;
}

static void extra_fill(struct vif_queue *queue, const struct packet *packet)
{
    struct vif_rx_done *done;
    uint16_t id;

    slot_take(queue, &done, &id);
    memset(&done->u, 0, sizeof(done->u));
    done->u.extra.type = XEN_NETIF_EXTRA_TYPE_GSO;
    done->u.extra.u.gso.type = packet->offload.segmentation == PACKET_TCP4
                                   ? XEN_NETIF_GSO_TYPE_TCPV4
                                   : XEN_NETIF_GSO_TYPE_TCPV6;
    done->u.extra.u.gso.size = packet->offload.segment_bytes;
}

static uint16_t flags_of(const struct packet *packet)
{
    switch (packet->offload.checksum) {
    case PACKET_CHECKSUM_PARTIAL:
        return NETRXF_csum_blank | NETRXF_data_validated;
    case PACKET_CHECKSUM_VALID:
        return NETRXF_data_validated;
    default:
        return 0;
    }
}

static void packet_fill(struct vif_queue *queue, const struct packet *packet)
{
    domid_t domid = (domid_t)queue->vif->backend.domid;
    uint16_t flags = flags_of(packet);
    bool large = packet->offload.segmentation != PACKET_WHOLE;

    for (uint32_t at = 0; at < packet->bytes; at += PAGE_BYTES) {
        uint32_t left = packet->bytes - at, part = left < PAGE_BYTES ? left : PAGE_BYTES;
        struct vif_rx_done *done;
        uint16_t id;
        grant_ref_t ref = slot_take(queue, &done, &id);

        batch_copy_to_grant(domid, ref, 0, packet, at, part, &done->error);
        done->u.response = (struct netif_rx_response){
            .id = id,
            .flags = (uint16_t)(flags | (left > part ? NETRXF_more_data : 0)),
            .status = (int16_t)part
        };
        flags = 0;
        if (!at && large) {
            done->u.response.flags |= NETRXF_extra_info;
            extra_fill(queue, packet);
        }
    }
    batch_at_end(&queue->rx_end);
}

/* The copies are made: tells the guest. */
static void answer(struct batch_end *end)
{
    struct vif_queue *queue =
        (struct vif_queue *)((char *)end - offsetof(struct vif_queue, rx_end));
    uint32_t old = queue->rx_answered;

    for (uint32_t slot = old; slot != queue->rx_consumed; slot++) {
        struct vif_rx_done *done = &queue->rx_done[slot % VIF_SLOTS];
        uint64_t word;

        if (done->error)
            done->u.response.status = NETIF_RSP_ERROR;
        memcpy(&word, &done->u, sizeof(word));
        *(volatile uint64_t *)&queue->rx->slots[slot % VIF_SLOTS] = word;
    }
    queue->rx_answered = queue->rx_consumed;
    barrier(); /* responses before the index; partner: the frontend reads in that order */
    queue->rx->header.rsp_prod = queue->rx_answered;
    __sync_synchronize(); /* the index before the threshold is read */
    if (ring_must_notify(queue->rx->header.rsp_event, queue->rx_answered, old))
        event_port_notify(queue->rx_port);
}

static bool is_wanted(const struct vif *vif, const struct packet *packet)
{
    static const uint8_t broadcast[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
    const uint8_t *to = packet->pieces[0].local;

    if (!vif->multicast_control || !(to[0] & 1) || !memcmp(to, broadcast, 6))
        return true;
    for (unsigned int i = 0; i < vif->multicast_count; i++)
        if (!memcmp(vif->multicast[i], to, 6))
            return true;
    return false;
}

static void output(struct switch_port *port, const struct packet *packet)
{
    struct vif *vif = (struct vif *)((char *)port - offsetof(struct vif, port));
    struct vif_queue *queue = vif->queues;

    if (!queue || vif->broken || vif->backend.state != BACKEND_CONNECTED) {
        port->counters.out_dropped++;
        return;
    }
    if (!is_wanted(vif, packet))
        return;
    if (packet->bytes > PAGE_BYTES && !vif->scatter_gather) {
        port->counters.out_dropped++;
        return;
    }
    if (vif->queue_count > 1)
        queue += headers_flow(packet) % vif->queue_count;
    if (!queue->stash_first && slots_there(queue, slots_needed(packet)))
        packet_fill(queue, packet);
    else if (!stash_put(queue, packet))
        port->counters.out_dropped++;
}

const struct switch_port_operations vif_port_operations = { .output = output };

void receive_start(struct vif_queue *queue)
{
    queue->rx_end.end = answer;
    queue->stash_last = &queue->stash_first;
}

bool receive_kept(struct vif_queue *queue)
{
    struct packet packet;
    bool moved = false;

    stash_expire(queue);
    while (stash_peek(queue, &packet) && slots_there(queue, slots_needed(&packet))) {
        packet_fill(queue, &packet);
        batch_copy_now(); /* the pages it was kept in are free then */
        stash_drop(queue);
        moved = true;
    }
    batch_end();
    return moved;
}

bool receive_more(struct vif_queue *queue)
{
    struct packet packet;
    uint32_t needed;

    if (!stash_peek(queue, &packet))
        return false;
    needed = slots_needed(&packet);
    queue->rx->header.req_event = queue->rx_consumed + needed;
    __sync_synchronize(); /* our wish before we look; partner: the frontend's push and check */
    return slots_there(queue, needed);
}

void receive_stop(struct vif_queue *queue)
{
    batch_copy_now(); /* some may be into what is kept, or say here how they went */
    batch_forget(&queue->rx_end);
    while (queue->stash_first)
        stash_drop(queue);
}
