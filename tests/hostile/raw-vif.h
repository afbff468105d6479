/*
 * A network interface by hand: its rings, its pages and its conversation, for guests that mean to
 * get one of them wrong, or to be as quick as they can.
 *
 * Slot n of a ring has page n, granted once and for all.
 */
#ifndef HOSTILE_RAW_VIF_H
#define HOSTILE_RAW_VIF_H

#include "hypercall-abi/events.h"
#include "hypercall-abi/rings/net.h"
#include "hypercall-abi/rings/ring.h"
#include "hypercall-abi/rings/xenbus.h"
#include "pv-kernel/clock.h"
#include "pv-kernel/own-grants.h"
#include "tests/hostile/own-store.h"

#define RAW_SLOTS       256u
#define MILLISECOND_NS  1000000ULL
#define RAW_PATIENCE_NS (10000 * MILLISECOND_NS)

union raw_tx_slot {
    struct netif_tx_request request;
    struct netif_tx_response response;
    struct netif_extra_info extra;
};
union raw_rx_slot {
    struct netif_rx_request request;
    struct netif_rx_response response;
};
struct raw_tx_ring {
    struct ring_header header;
    union raw_tx_slot slots[RAW_SLOTS];
};
struct raw_rx_ring {
    struct ring_header header;
    union raw_rx_slot slots[RAW_SLOTS];
};

struct raw_vif {
    char front[32], back[96]; /* directories in the store */
    uint8_t mac[6];
    evtchn_port_t port;
    volatile struct raw_tx_ring *tx;
    volatile struct raw_rx_ring *rx;
    grant_ref_t tx_ring_ref, rx_ring_ref;
    uint32_t tx_at, tx_taken, rx_at, rx_taken; /* next slot to ask with, next answer to take */
    uint8_t *tx_pages[RAW_SLOTS], *rx_pages[RAW_SLOTS];
    grant_ref_t tx_refs[RAW_SLOTS], rx_refs[RAW_SLOTS];
};

static inline void raw_say(const struct raw_vif *v, const char *node, const char *value)
{
    char path[80];

    ksnprintf(path, sizeof(path), "%s/%s", v->front, node);
    store_write(0, path, value, 0);
}

static inline void raw_say_number(const struct raw_vif *v, const char *node, uint32_t value)
{
    char text[16];

    ksnprintf(text, sizeof(text), "%u", value);
    raw_say(v, node, text);
}

static inline unsigned int raw_backend_state(const struct raw_vif *v)
{
    char path[112];

    ksnprintf(path, sizeof(path), "%s/state", v->back);
    return store_read(0, path) ? number(answer) : XENBUS_UNKNOWN;
}

/* Its state, once it is one of two; or what it is when patience ends. */
static inline unsigned int raw_backend_wait(const struct raw_vif *v, unsigned int a, unsigned int b)
{
    uint64_t until = clock_monotonic_ns() + RAW_PATIENCE_NS;
    unsigned int state;

    do
        state = raw_backend_state(v);
    while (state != a && state != b && clock_monotonic_ns() < until);
    return state;
}

static inline void raw_rings_reset(struct raw_vif *v)
{
    memset((void *)(uintptr_t)v->tx, 0, PAGE_SIZE);
    memset((void *)(uintptr_t)v->rx, 0, PAGE_SIZE);
    v->tx->header.req_event = v->tx->header.rsp_event = 1;
    v->rx->header.req_event = v->rx->header.rsp_event = 1;
    v->tx_at = v->tx_taken = v->rx_at = v->rx_taken = 0;
}

/* Puts every page the ring has room for there. */
static inline void raw_rx_post(struct raw_vif *v)
{
    while (v->rx_at - v->rx_taken < RAW_SLOTS) {
        uint32_t place = v->rx_at % RAW_SLOTS;

        v->rx->slots[place].request.id = (uint16_t)place;
        v->rx->slots[place].request.gref = v->rx_refs[place];
        v->rx_at++;
    }
    __sync_synchronize(); /* slots before the index; partner: the backend's load order */
    v->rx->header.req_prod = v->rx_at;
    event_port_notify(v->port);
}

static inline void raw_nodes_write(const struct raw_vif *v)
{
    raw_say_number(v, "tx-ring-ref", v->tx_ring_ref);
    raw_say_number(v, "rx-ring-ref", v->rx_ring_ref);
    raw_say_number(v, "event-channel", v->port);
    raw_say(v, "request-rx-copy", "1");
    raw_say(v, "feature-sg", "1");
    raw_say(v, "feature-gso-tcpv4", "1");
    raw_say(v, "feature-gso-tcpv6", "1");
    raw_say(v, "feature-ipv6-csum-offload", "1");
}

/* The nodes are written.  False: the backend does not want them. */
static inline bool raw_connect(struct raw_vif *v)
{
    raw_rings_reset(v);
    raw_say_number(v, "state", XENBUS_CONNECTED);
    return raw_backend_wait(v, XENBUS_CONNECTED, XENBUS_CLOSING) == XENBUS_CONNECTED;
}

/* Whatever was there is closed; the backend waits for us again. */
static inline bool raw_leave(struct raw_vif *v)
{
    raw_say_number(v, "state", XENBUS_CLOSED);
    raw_backend_wait(v, XENBUS_CLOSED, XENBUS_INIT_WAIT);
    raw_say_number(v, "state", XENBUS_INITIALISING);
    return raw_backend_wait(v, XENBUS_INIT_WAIT, XENBUS_INIT_WAIT) == XENBUS_INIT_WAIT;
}

static inline void *raw_page_give(grant_ref_t *ref)
{
    void *page = frames_alloc(0);

    if (!page || grant_access_give(0, frames_virt_to_mfn(page), false, ref))
        kernel_panic("no page, or no reference for it");
    return page;
}

static inline uint8_t raw_hex(char c)
{
    return (uint8_t)(c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
}

static inline void raw_open(struct raw_vif *v, unsigned int id)
{
    char path[80];

    ksnprintf(v->front, sizeof(v->front), "device/vif/%u", id);
    ksnprintf(path, sizeof(path), "%s/backend", v->front);
    if (!store_read(0, path))
        kernel_panic("there is no interface %u", id);
    ksnprintf(v->back, sizeof(v->back), "%s", answer);
    ksnprintf(path, sizeof(path), "%s/mac", v->front);
    store_read(0, path);
    for (int i = 0; i < 6; i++)
        v->mac[i] = (uint8_t)(raw_hex(answer[3 * i]) << 4 | raw_hex(answer[3 * i + 1]));
    v->tx = raw_page_give(&v->tx_ring_ref);
    v->rx = raw_page_give(&v->rx_ring_ref);
    for (unsigned int i = 0; i < RAW_SLOTS; i++) {
        v->tx_pages[i] = raw_page_give(&v->tx_refs[i]);
        v->rx_pages[i] = raw_page_give(&v->rx_refs[i]);
    }
    event_port_alloc_unbound(DOMID_SELF, 0, &v->port);
    event_port_set_handler(v->port, ignore, NULL);
    raw_nodes_write(v);
    raw_backend_wait(v, XENBUS_INIT_WAIT, XENBUS_INIT_WAIT);
    if (!raw_connect(v))
        kernel_panic("interface %u does not connect", id);
}

static inline uint32_t raw_tx_room(const struct raw_vif *v)
{
    return RAW_SLOTS - (v->tx_at - v->tx_taken);
}

static inline volatile union raw_tx_slot *raw_tx_slot(struct raw_vif *v)
{
    return &v->tx->slots[v->tx_at++ % RAW_SLOTS];
}

/* A frame of so many bytes of the next slot's page, which is filled already. */
static inline void raw_tx_frame(struct raw_vif *v, uint32_t bytes, uint16_t flags)
{
    uint32_t place = v->tx_at % RAW_SLOTS;
    volatile struct netif_tx_request *request = &raw_tx_slot(v)->request;

    request->gref = v->tx_refs[place];
    request->offset = 0;
    request->flags = flags;
    request->id = (uint16_t)place;
    request->size = (uint16_t)bytes;
}

static inline void raw_tx_push(struct raw_vif *v)
{
    uint32_t old = v->tx->header.req_prod;

    __sync_synchronize(); /* slots before the index; partner: the backend's load order */
    v->tx->header.req_prod = v->tx_at;
    __sync_synchronize(); /* the index before the threshold is read */
    if (ring_must_notify(v->tx->header.req_event, v->tx_at, old))
        event_port_notify(v->port);
}

/* Until *index is `want` or beyond, or for so long. */
static inline bool raw_wait_index(volatile uint32_t *index, uint32_t want, uint64_t ns)
{
    uint64_t until = clock_monotonic_ns() + ns;

    while ((int32_t)(*index - want) < 0) {
        if (clock_monotonic_ns() >= until)
            return false;
        events_mask_save();
        clock_set_timer(until); /* masked: an event that comes now ends the block below */
        if ((int32_t)(*index - want) < 0)
            events_block();
        else
            events_mask_restore(false);
    }
    return true;
}

static inline void raw_start(void)
{
    evtchn_port_t port;

    store_start();
    event_port_bind_virq(VIRQ_TIMER, &port);
    event_port_set_handler(port, ignore, NULL);
}

/* Addresses and type in front of a frame. */
static inline void raw_header(uint8_t *page, const uint8_t *to, const uint8_t *from,
                              unsigned int type)
{
    memcpy(page, to, 6);
    memcpy(page + 6, from, 6);
    page[12] = (uint8_t)(type >> 8);
    page[13] = (uint8_t)type;
}

#endif
