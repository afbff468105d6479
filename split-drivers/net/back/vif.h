/*
 * vif: one virtual network interface as the backend sees it: a port of a switch, and one or more
 * queues, each a pair of rings, that lead to the guest.
 *
 * connect.c and handshake/ own the conversation and the life of the structure.  While connected,
 * the vif's own task (serve.c) takes what the guest sends (intake.c, transmit.c); what others send
 * to the guest is put into its pages by whoever sends it (receive.c), or kept for a while if it has
 * given none (stash.c).
 */
#ifndef NET_BACK_VIF_H
#define NET_BACK_VIF_H

#include "hypercall-abi/rings/net.h"
#include "hypercall-abi/rings/ring.h"
#include "network/batch.h"
#include "network/switch.h"
#include "pv-kernel/grant-maps.h"
#include "split-drivers/handshake/backend.h"
#include "tasks/turns.h"
#include "tasks/wait-queue.h"
#include <stdbool.h>
#include <stdint.h>

#define VIF_RING_BYTES    4096
#define VIF_SLOTS         256u
#define VIF_QUEUES_MAX    4u
#define VIF_MULTICAST_MAX 64u

union vif_tx_slot {
    struct netif_tx_request request;
    struct netif_tx_response response;
    struct netif_extra_info extra;
};

union vif_rx_slot {
    struct netif_rx_request request;
    struct netif_rx_response response;
    struct netif_extra_info extra;
};

/* The shared pages; the guest writes all of them at any time. */
struct vif_tx_ring {
    struct ring_header header;
    union vif_tx_slot slots[VIF_SLOTS];
};
struct vif_rx_ring {
    struct ring_header header;
    union vif_rx_slot slots[VIF_SLOTS];
};
_Static_assert(sizeof(struct vif_tx_ring) <= VIF_RING_BYTES, "the ring is one page");
_Static_assert(sizeof(struct vif_rx_ring) <= VIF_RING_BYTES, "the ring is one page");

/* A receive slot taken, and filled at the batch's end. */
struct vif_rx_done {
    union {
        struct netif_rx_response response;
        struct netif_extra_info extra;
    } u;
    int error; /* of the copy into its page */
};

struct vif;
struct stash_packet;

struct vif_queue {
    struct vif *vif;
    evtchn_port_t tx_port, rx_port; /* the same one unless the channels are split */

    /* From the guest.  Responses go into the slots of their requests, in order. */
    volatile struct vif_tx_ring *tx;
    grant_handle_t tx_handle;
    uint32_t tx_consumed; /* next slot to take */
    uint32_t tx_answered; /* next slot to answer */
    bool refused;         /* by the port it sends to: until the vif's turn comes */
    uint16_t tx_ids[VIF_SLOTS];
    int16_t tx_status[VIF_SLOTS]; /* of slots taken and not answered */

    /* To the guest. */
    volatile struct vif_rx_ring *rx;
    grant_handle_t rx_handle;
    uint32_t rx_consumed; /* next slot to take */
    uint32_t rx_answered; /* next slot to answer */
    struct vif_rx_done rx_done[VIF_SLOTS];
    struct batch_end rx_end;
    struct stash_packet *stash_first, **stash_last;
    unsigned int stash_pages;
};

struct vif {
    struct backend_device backend; /* first: the conversation's */
    struct switch_port port;
    struct bridge *bridge;
    unsigned int queue_count;
    struct vif_queue *queues; /* NULL: not connected */

    /* What the frontend can take. */
    bool scatter_gather;
    bool multicast_control; /* it gets only the groups it asked for */
    unsigned int multicast_count;
    uint8_t multicast[VIF_MULTICAST_MAX][6];

    /* The task's. */
    struct turn turn;      /* at the port it sends to */
    bool called;           /* its turn came in this round */
    struct turn_rate rate; /* of what the guest sends */
    uint64_t wake_at;      /* when the rate lets it go on; 0: it does */
    struct wait_queue work;
    bool work_pending;
    const char *broken; /* what the frontend did that cannot be: not served any more */
};

/* serve.c: the task. */
int vif_serve_start(struct vif *vif);
/* Tells it to stop.  It ends, and calls vif_ended. */
void vif_serve_stop(struct vif *vif);
void vif_wake(struct vif *vif);
/* connect.c: nobody touches the rings any more.  The vif may be gone afterwards. */
void vif_ended(struct vif *vif);

/* A packet the guest sends, as intake.c takes it from the ring. */
#define VIF_HEAD_BYTES    256u
#define VIF_BYTES_A_ROUND (256u << 10)
struct vif_transmit {
    struct packet packet; /* at first its pieces are all granted */
    uint32_t first_slot, slots;
    bool to_be_sent; /* false: answered with `status` only */
    int16_t status;
    int error; /* of the copy of its head */
    bool checksum_blank, checksum_valid;
    uint8_t gso_type; /* XEN_NETIF_GSO_TYPE_* */
    uint16_t gso_size;
};

/* Takes at most `most` packets, or a round's bytes; marks the vif broken if what is there cannot
 * be. */
unsigned int transmit_take(struct vif_queue *queue, struct vif_transmit *packets,
                           unsigned int most);
/* Whether there is more; arms the frontend's notification first. */
bool transmit_more(struct vif_queue *queue);
/* One round: takes, hands to the switch, answers.  True if anything moved. */
bool transmit_round(struct vif_queue *queue);

/* receive.c: a packet for the guest, from whoever's task. */
extern const struct switch_port_operations vif_port_operations;
void receive_start(struct vif_queue *queue);
/* Puts what was kept into pages the guest has given since.  True if anything moved. */
bool receive_kept(struct vif_queue *queue);
/* Whether kept packets could go now; arms the frontend's notification first. */
bool receive_more(struct vif_queue *queue);
/* Forgets what was kept, and what the current batch was to finish. */
void receive_stop(struct vif_queue *queue);

/* stash.c: packets kept for a guest that has given no pages. */
bool stash_put(struct vif_queue *queue, const struct packet *packet);
/* The first one, as a packet; false: there is none. */
bool stash_peek(struct vif_queue *queue, struct packet *packet);
void stash_drop(struct vif_queue *queue);
/* Drops those kept for too long. */
void stash_expire(struct vif_queue *queue);

#endif
