/*
 * front: one network interface as its guest sees it: a network device, and one or more queues, each
 * a pair of rings, that lead to the backend.
 *
 * connect.c owns the conversation and makes and ends the queues (queues.c).  The interface's own
 * task (serve.c) takes what has been sent and received (transmit.c, receive.c).  All of these run
 * in tasks and none sleeps in the middle of its work, so queues that are there at a call's begin
 * are there at its end.
 *
 * A backend is not trusted.  What it has been given it may write, map and hold for as long as it
 * likes; what it answers is copied once and checked.  If that cannot be, the interface stops: one
 * line says why.
 */
#ifndef NET_FRONT_FRONT_H
#define NET_FRONT_FRONT_H

#include "devices/net-device.h"
#include "devices/nic-work.h"
#include "hypercall-abi/rings/net.h"
#include "hypercall-abi/rings/ring.h"
#include "hypercall-abi/rings/xenbus.h"
#include <stdbool.h>
#include <stdint.h>

#define FRONT_COMPLAINTS_MAX 4u /* lines printed about one backend */

#define FRONT_SLOTS      256u
#define FRONT_QUEUES_MAX 4u
/* What every backend takes of one packet: XEN_NETIF_NR_SLOTS_MIN of io/netif.h. */
#define FRONT_BUFFERS_MAX 18u
#define FRONT_BYTES_MAX   65535u /* a request has 16 bits for a packet's size */

union front_tx_slot {
    struct netif_tx_request request;
    struct netif_tx_response response;
    struct netif_extra_info extra;
};

union front_rx_slot {
    struct netif_rx_request request;
    struct netif_rx_response response;
    struct netif_extra_info extra;
};

/* The shared pages; the backend writes all of them at any time. */
struct front_tx_ring {
    struct ring_header header;
    union front_tx_slot slots[FRONT_SLOTS];
};
struct front_rx_ring {
    struct ring_header header;
    union front_rx_slot slots[FRONT_SLOTS];
};
_Static_assert(sizeof(struct front_tx_ring) <= 4096, "the ring is one page");
_Static_assert(sizeof(struct front_rx_ring) <= 4096, "the ring is one page");

/* One buffer on its way; its number is the request's id. */
struct front_sending {
    grant_ref_t ref; /* its own for as long as the queue lives */
    bool under_way;  /* the backend has it */
    uint16_t next_free;
    struct net_transmit *transmit;
};

/* One page to receive into: it stays with its slot. */
struct front_page {
    void *page;
    grant_ref_t ref;
    bool given; /* the backend may write it */
};

struct front;

struct front_queue {
    struct front *front;
    struct front_queue *next;       /* of those that are to end */
    evtchn_port_t tx_port, rx_port; /* the same one unless the channels are split; 0: none */

    volatile struct front_tx_ring *tx;
    grant_ref_t tx_ref;
    uint32_t tx_produced; /* next slot to fill */
    uint32_t tx_pushed;   /* of those, the backend knows */
    uint32_t tx_consumed; /* next answer to take */
    uint16_t tx_free;     /* first of the entries that are free; FRONT_SLOTS: none */
    uint16_t tx_free_count;
    struct front_sending sending[FRONT_SLOTS];

    volatile struct front_rx_ring *rx;
    grant_ref_t rx_ref;
    uint32_t rx_produced; /* next slot to give */
    uint32_t rx_consumed; /* next answer to take */
    struct front_page pages[FRONT_SLOTS];
};

enum front_state {
    FRONT_WAITING,    /* the backend has not said what it can */
    FRONT_CONNECTING, /* the rings are there; the backend has not said that it sees them */
    FRONT_CONNECTED,
    FRONT_BROKEN, /* the backend did what cannot be: nothing is exchanged any more */
    FRONT_CLOSED  /* the backend has closed, or is gone */
};

struct front {
    struct net_device net;
    unsigned int number; /* of its node below device/vif */
    domid_t domid;       /* the backend's */
    enum front_state state;
    const char *broken; /* why; said by the task */
    unsigned int queue_count;
    struct front_queue *queues[FRONT_QUEUES_MAX];
    struct front_queue *ending; /* the backend holds pages of these still */
    bool room_wanted;
    struct nic_work work;

    /* The conversation's. */
    char path[32]; /* our node in the store */
    char *backend; /* its node; NULL: not known yet */
    bool registered;
    unsigned int complaints;     /* lines printed about its backend */
    enum xenbus_state published; /* our state */
    bool was_connected;          /* since the backend last closed */
    struct front *next;
};

struct xs_client;

/* offer.c: what both ends can do. */
/* What the command line keeps back (net-front.h). */
void offer_limits_parse(const char *command_line);
/*
 * Reads what the interface is and what the backend can, as its device is to say it; one that is
 * registered stays what it is.  -ENOTSUP: it can do less than it must, or than it could, which is
 * said; -EAGAIN: it goes away just now.
 */
int offer_read(struct front *front, struct xs_client *store);
/* Makes the queues and tells the backend of them and of what we can. */
int offer_make(struct front *front, struct xs_client *store);
/*
 * Says that all of it is told.  -EAGAIN: something of it was changed meanwhile by the toolstack,
 * which makes the nodes anew when it takes the interface and gives it again; half of an offer is
 * not to be taken for one.
 */
int offer_seal(struct front *front, struct xs_client *store);

/* queues.c */
/* Makes a queue: rings, pages that are given, event channels.  -ENOSPC: no more references. */
int queue_create(struct front *front, bool split, struct front_queue **created);
/*
 * The queue ends: events first, then what the backend lets go of at once.  What is on its way ends
 * with -EIO, each packet as soon as all of its buffers are ours again.  The rest waits in
 * front->ending.
 */
void queue_end(struct front_queue *queue);
/* Tries again with those; true: some remain. */
bool queues_ending(struct front *front);
/* All of the interface's queues. */
void queues_end(struct front *front);

/* transmit.c */
void transmit_start(struct front_queue *queue);
/* -EAGAIN: no room. */
int transmit_submit(struct front_queue *queue, struct net_transmit *transmit);
/* Shows the backend what was submitted. */
void transmit_push(struct front_queue *queue);
/* Takes answers; false: there were none, or it broke. */
bool transmit_take(struct front_queue *queue);
/* Asks for an event; true: there is an answer already. */
bool transmit_more(struct front_queue *queue);
/* The queue has ended: buffers that the backend lets go of.  True: none remain. */
bool transmit_end(struct front_queue *queue);

/* receive.c */
void receive_start(struct front_queue *queue);
/* Hands on at most `most` packets; how many there were. */
unsigned int receive_take(struct front_queue *queue, unsigned int most);
bool receive_more(struct front_queue *queue);
bool receive_end(struct front_queue *queue);

/* serve.c */
extern const struct net_driver front_driver;
/* Starts the interface's task: 0 or -ENOMEM. */
int front_serve_start(struct front *front);
/* The queues are there and the backend sees them; or no more. */
void front_set_link(struct front *front, bool link);
/* Something a backend does not do by mistake: the task ends the queues. */
void front_break(struct front *front, const char *why);
void front_event(evtchn_port_t port, void *arg);

#endif
