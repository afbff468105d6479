/* Two guests and their backends' vifs on one switch, for tests/unit/net-back.c and -noise.c. */
#ifndef TESTS_UNIT_NET_BACK_WORLD_H
#define TESTS_UNIT_NET_BACK_WORLD_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "fake-copies.h"
#include "libc/libc.h"
#include "network/checksum.h"
#include "pv-kernel/event-ports.h"
#include "split-drivers/net/back/vif.h"

#define A_PORT 11u
#define B_PORT 12u

static unsigned int notified[16];
static bool memory_is_short;

bool libc_memory_allows(size_t bytes)
{
    (void)bytes;
    return !memory_is_short;
}

int event_port_notify(evtchn_port_t port)
{
    notified[port]++;
    return 0;
}

#ifndef WORLD_SERVES /* a test with serve.c has the real one */
static unsigned int woken;

void vif_wake(struct vif *vif)
{
    (void)vif;
    woken++;
}
#endif

/* A guest: its backend's vif, its rings, and what it keeps itself of them. */
struct guest {
    struct vif vif;
    struct vif_queue queue;
    union {
        struct vif_tx_ring tx;
        uint8_t tx_page[VIF_RING_BYTES];
    };
    union {
        struct vif_rx_ring rx;
        uint8_t rx_page[VIF_RING_BYTES];
    };
    uint32_t rx_read, tx_read;
};

static struct guest a, b;
static struct net_switch *net_switch;
static const uint8_t mac_a[6] = { 2, 0, 0, 0, 0, 0xaa }, mac_b[6] = { 2, 0, 0, 0, 0, 0xbb };

static void guest_start(struct guest *guest, domid_t domid, const uint8_t mac[6],
                        evtchn_port_t port)
{
    struct vif *vif = &guest->vif;

    memset(guest, 0, sizeof(*guest));
    vif->backend.domid = domid;
    vif->backend.state = BACKEND_CONNECTED;
    vif->queues = &guest->queue;
    vif->queue_count = 1;
    vif->scatter_gather = true;
    vif->port.operations = &vif_port_operations;
    vif->port.guarded = true;
    vif->port.takes = PORT_TAKES_ALL;
    vif->port.mtu = 1500;
    memcpy(vif->port.mac, mac, 6);
    guest->queue.vif = vif;
    guest->queue.tx = &guest->tx;
    guest->queue.rx = &guest->rx;
    guest->queue.tx_port = guest->queue.rx_port = port;
    guest->rx.header.rsp_event = guest->tx.header.rsp_event = 1;
    receive_start(&guest->queue);
    assert_int_equal(switch_attach(net_switch, &vif->port), 0);
    for (unsigned int ref = 0; ref < FAKE_REFS; ref++)
        fake_grants[domid][ref] = ref < 256 ? FAKE_READ : FAKE_WRITE;
}

/* Gives n pages to receive into: references from 256 on. */
static void rx_post(struct guest *guest, unsigned int n)
{
    for (unsigned int i = 0; i < n; i++) {
        uint32_t slot = guest->rx.header.req_prod++;

        guest->rx.slots[slot % VIF_SLOTS].request =
            (struct netif_rx_request){ .id = (uint16_t)slot, .gref = 256 + slot % VIF_SLOTS };
    }
}

static int setup(void **state)
{
    (void)state;
    net_switch = switch_create();
    guest_start(&a, 1, mac_a, A_PORT);
    guest_start(&b, 2, mac_b, B_PORT);
    memset(notified, 0, sizeof(notified));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    receive_stop(&a.queue);
    receive_stop(&b.queue);
    switch_detach(&a.vif.port);
    switch_detach(&b.vif.port);
    switch_destroy(net_switch);
    assert_int_equal(fake_frames, 0);
    return 0;
}

static union vif_tx_slot *tx_slot(struct guest *guest)
{
    union vif_tx_slot *slot = &guest->tx.slots[guest->tx.header.req_prod++ % VIF_SLOTS];

    memset(slot, 0, sizeof(*slot));
    return slot;
}

static void tx_request(struct guest *guest, grant_ref_t ref, unsigned int offset, unsigned int size,
                       unsigned int flags)
{
    uint16_t id = (uint16_t)guest->tx.header.req_prod;

    tx_slot(guest)->request = (struct netif_tx_request){ .gref = ref,
                                                         .offset = (uint16_t)offset,
                                                         .flags = (uint16_t)flags,
                                                         .id = id,
                                                         .size = (uint16_t)size };
}

/* A frame from one to the other, its payload counting up, in pages from `ref` on. */
static void frame_write(struct guest *guest, grant_ref_t ref, uint32_t bytes, const uint8_t to[6])
{
    domid_t domid = (domid_t)guest->vif.backend.domid;

    for (uint32_t i = 0; i < bytes; i++)
        fake_pages[domid][ref + i / PAGE_SIZE][i % PAGE_SIZE] = (uint8_t)(i * 3 ^ i >> 7);
    memcpy(fake_pages[domid][ref], to, 6);
    memcpy(fake_pages[domid][ref] + 6, guest->vif.port.mac, 6);
    fake_pages[domid][ref][12] = 0x88;
}

static uint8_t received[70000];
static struct netif_rx_response received_first;
static struct netif_extra_info received_extra;

/* The oldest packet received, put together; its bytes, or what went wrong with it. */
static __attribute__((unused)) int rx_take(struct guest *guest)
{
    domid_t domid = (domid_t)guest->vif.backend.domid;
    bool more = true, extra = false, first = true;
    int bytes = 0;

    if (guest->rx_read == guest->rx.header.rsp_prod)
        return -ENOENT;
    while (more || extra) {
        uint32_t place = guest->rx_read++ % VIF_SLOTS;
        struct netif_rx_response response = guest->rx.slots[place].response;

        assert_true(guest->rx.header.rsp_prod - guest->rx_read < VIF_SLOTS);
        if (extra) {
            received_extra = guest->rx.slots[place].extra;
            extra = false;
            continue;
        }
        assert_int_equal(response.id % VIF_SLOTS, place);
        more = response.flags & NETRXF_more_data;
        extra = response.flags & NETRXF_extra_info;
        assert_true(first || !extra);
        if (first)
            received_first = response;
        first = false;
        if (response.status < 0) {
            bytes = -EIO;
            continue;
        }
        if (bytes >= 0) {
            memcpy(received + bytes, fake_pages[domid][256 + place], (size_t)response.status);
            bytes += response.status;
        }
    }
    return bytes;
}

static __attribute__((unused)) void tcp_header(struct guest *guest, grant_ref_t ref)
{
    uint8_t *frame = fake_pages[guest->vif.backend.domid][ref];

    memset(frame + 12, 0, 42);
    frame[12] = 0x08;
    frame[14] = 0x45;
    frame[23] = 6;
    frame[46] = 0x50;
}

#endif
