/*
 * The net backend's data path between two guests, of which one may write anything at any time:
 * rings, slots, pages, offloads.  A million slots of noise; what the other gets is checked.
 *
 * Sources: split-drivers/net/back/intake.c split-drivers/net/back/transmit.c
 * Sources: split-drivers/net/back/receive.c split-drivers/net/back/stash.c
 * Sources: dom0/network/switch.c dom0/network/batch.c dom0/network/tagging.c
 * Sources: dom0/network/fallback.c dom0/network/headers.c dom0/network/checksum.c
 * Sources: dom0/tasks/turns.c
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "fake-copies.h"
#include "network/checksum.h"
#include "pv-kernel/event-ports.h"
#include "split-drivers/net/back/vif.h"

#define A_PORT 11u
#define B_PORT 12u

static unsigned int notified[16], woken;

int event_port_notify(evtchn_port_t port)
{
    notified[port]++;
    return 0;
}

void vif_wake(struct vif *vif)
{
    (void)vif;
    woken++;
}

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

/* The status of the oldest transmit slot not yet looked at. */
static int tx_status(struct guest *guest)
{
    assert_true(guest->tx.header.rsp_prod - guest->tx_read - 1 < VIF_SLOTS);
    struct netif_tx_response response = guest->tx.slots[guest->tx_read % VIF_SLOTS].response;

    assert_int_equal(response.id, (uint16_t)guest->tx_read);
    guest->tx_read++;
    return response.status;
}

static uint8_t received[70000];
static struct netif_rx_response received_first;
static struct netif_extra_info received_extra;

/* The oldest packet received, put together; its bytes, or what went wrong with it. */
static int rx_take(struct guest *guest)
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

static void a_frame_goes_across(void **state)
{
    (void)state;
    rx_post(&b, 10);
    frame_write(&a, 3, 1514, mac_b);
    tx_request(&a, 3, 0, 1514, 0);
    fake_hypercalls = 0;
    assert_true(transmit_round(&a.queue));
    assert_int_equal(fake_hypercalls, 2);
    assert_int_equal(tx_status(&a), NETIF_RSP_OKAY);
    assert_int_equal(notified[A_PORT], 1);
    assert_int_equal(notified[B_PORT], 1);
    assert_int_equal(rx_take(&b), 1514);
    assert_memory_equal(received, fake_pages[1][3], 1514);
    assert_false(transmit_round(&a.queue));
}

static void many_frames_cost_two_hypercalls(void **state)
{
    (void)state;
    rx_post(&b, 256);
    for (unsigned int i = 0; i < 32; i++) {
        frame_write(&a, i, 60 + 40 * i, mac_b);
        tx_request(&a, i, 0, 60 + 40 * i, 0);
    }
    fake_hypercalls = 0;
    assert_true(transmit_round(&a.queue));
    assert_int_equal(fake_hypercalls, 2);
    assert_int_equal(notified[B_PORT], 1);
    for (unsigned int i = 0; i < 32; i++) {
        assert_int_equal(rx_take(&b), 60 + 40 * i);
        assert_memory_equal(received, fake_pages[1][i], 60 + 40 * i);
        assert_int_equal(tx_status(&a), NETIF_RSP_OKAY);
    }
}

static void tcp_header(struct guest *guest, grant_ref_t ref)
{
    uint8_t *frame = fake_pages[guest->vif.backend.domid][ref];

    memset(frame + 12, 0, 42);
    frame[12] = 0x08;
    frame[14] = 0x45;
    frame[23] = 6;
    frame[46] = 0x50;
}

static void large_request(struct guest *guest, uint32_t bytes, uint16_t segment)
{
    union vif_tx_slot *extra;

    tx_request(guest, 0, 0, bytes,
               NETTXF_csum_blank | NETTXF_data_validated | NETTXF_extra_info | NETTXF_more_data);
    extra = tx_slot(guest);
    extra->extra.type = XEN_NETIF_EXTRA_TYPE_GSO;
    extra->extra.u.gso.type = XEN_NETIF_GSO_TYPE_TCPV4;
    extra->extra.u.gso.size = segment;
    for (uint32_t at = PAGE_SIZE; at < bytes; at += PAGE_SIZE)
        tx_request(guest, at / PAGE_SIZE, 0, bytes - at < PAGE_SIZE ? bytes - at : PAGE_SIZE,
                   at + PAGE_SIZE < bytes ? NETTXF_more_data : 0);
}

static void a_large_segment_goes_across_in_one(void **state)
{
    uint32_t bytes = 65000;

    (void)state;
    rx_post(&b, 256);
    frame_write(&a, 0, bytes, mac_b);
    tcp_header(&a, 0);
    large_request(&a, bytes, 1448);
    assert_true(transmit_round(&a.queue));
    assert_int_equal(rx_take(&b), bytes);
    for (uint32_t at = 0; at < bytes; at += PAGE_SIZE)
        assert_memory_equal(received + at, fake_pages[1][at / PAGE_SIZE],
                            bytes - at < PAGE_SIZE ? bytes - at : PAGE_SIZE);
    assert_true(received_first.flags & NETRXF_csum_blank);
    assert_int_equal(received_extra.type, XEN_NETIF_EXTRA_TYPE_GSO);
    assert_int_equal(received_extra.u.gso.size, 1448);
    assert_int_equal(tx_status(&a), NETIF_RSP_OKAY);
    a.tx_read++; /* the extra slot's, which has no id of its own */
    for (unsigned int i = 1; i < 16; i++)
        assert_int_equal(tx_status(&a), NETIF_RSP_OKAY);
}

static void a_large_segment_for_one_who_takes_none(void **state)
{
    uint32_t bytes = 30054, total = 0;

    (void)state;
    b.vif.port.takes = 0;
    rx_post(&b, 256);
    frame_write(&a, 0, bytes, mac_b);
    tcp_header(&a, 0);
    large_request(&a, bytes, 1000);
    assert_true(transmit_round(&a.queue));
    for (unsigned int i = 0; i < 30; i++) {
        assert_int_equal(rx_take(&b), 1054);
        assert_int_equal(received_first.flags, NETRXF_data_validated);
        for (unsigned int j = 0; j < 1000; j++, total++)
            assert_int_equal(received[54 + j],
                             fake_pages[1][(54 + total) / PAGE_SIZE][(54 + total) % PAGE_SIZE]);
    }
    assert_int_equal(rx_take(&b), -ENOENT);
}

/* The head was checked in our copy: what the guest writes there later does not go out. */
static void a_checked_head_is_what_goes_out(void **state)
{
    struct vif_transmit taken[1];
    uint8_t before[VIF_HEAD_BYTES];

    (void)state;
    (void)taken;
    rx_post(&b, 4);
    frame_write(&a, 3, 600, mac_b);
    memcpy(before, fake_pages[1][3], sizeof(before));
    tx_request(&a, 3, 0, 600, 0);
    assert_true(transmit_round(&a.queue));
    assert_int_equal(rx_take(&b), 600);
    assert_memory_equal(received, before, sizeof(before));
}

static void bad_references_are_the_senders_loss(void **state)
{
    (void)state;
    rx_post(&b, 10);
    frame_write(&a, 3, 1000, mac_b);
    tx_request(&a, FAKE_REFS + 7, 0, 1000, 0);
    tx_request(&a, 3, 0, 1000, 0);
    assert_true(transmit_round(&a.queue));
    assert_int_equal(tx_status(&a), NETIF_RSP_ERROR);
    assert_int_equal(tx_status(&a), NETIF_RSP_OKAY);
    assert_int_equal(rx_take(&b), 1000);
    assert_int_equal(rx_take(&b), -ENOENT);
}

static void a_page_that_cannot_be_written_is_an_error_in_its_slot(void **state)
{
    (void)state;
    rx_post(&b, 2);
    b.rx.slots[0].request.gref = 3; /* given for reading only */
    for (unsigned int i = 0; i < 2; i++) {
        frame_write(&a, i, 100, mac_b);
        tx_request(&a, i, 0, 100, 0);
    }
    assert_true(transmit_round(&a.queue));
    assert_int_equal(rx_take(&b), -EIO);
    assert_int_equal(rx_take(&b), 100);
}

static void what_ends_the_service(void **state)
{
    static const struct {
        unsigned int size, offset, flags, next_size;
    } cases[] = { { 1000, 3500, 0, 0 },
                  { 100, 0, NETTXF_more_data, 200 },
                  { 100, 0, NETTXF_more_data, 0xffff },
                  { 100, 0, NETTXF_extra_info, 0 } };

    for (unsigned int i = 0; i < 4; i++) {
        tx_request(&a, 3, cases[i].offset, cases[i].size, cases[i].flags);
        if (cases[i].flags)
            tx_request(&a, 0, 0, cases[i].next_size, 0); /* as an extra: of type 0 */
        transmit_round(&a.queue);
        assert_non_null(a.vif.broken);
        teardown(state);
        setup(state);
    }
    tx_request(&a, 3, 0, 100, NETTXF_more_data); /* and nothing behind it */
    transmit_round(&a.queue);
    assert_non_null(a.vif.broken);
    teardown(state);
    setup(state);
    for (unsigned int i = 0; i < 200; i++)
        tx_request(&a, 3, 0, 300, NETTXF_more_data);
    transmit_round(&a.queue);
    assert_non_null(a.vif.broken);
    teardown(state);
    setup(state);
    a.tx.header.req_prod += VIF_SLOTS + 1;
    transmit_round(&a.queue);
    assert_non_null(a.vif.broken);
    teardown(state);
    setup(state);
    b.rx.header.req_prod = VIF_SLOTS + 1;
    frame_write(&a, 3, 100, mac_b);
    tx_request(&a, 3, 0, 100, 0);
    transmit_round(&a.queue);
    assert_non_null(b.vif.broken);
    assert_null(a.vif.broken);
}

static void too_many_pieces_are_dropped(void **state)
{
    (void)state;
    rx_post(&b, 64);
    frame_write(&a, 0, 4000, mac_b);
    tx_request(&a, 0, 0, 4000, NETTXF_more_data);
    for (unsigned int i = 1; i < 40; i++)
        tx_request(&a, 0, 0, 100, i < 39 ? NETTXF_more_data : 0);
    assert_true(transmit_round(&a.queue));
    for (unsigned int i = 0; i < 40; i++)
        assert_int_equal(tx_status(&a), NETIF_RSP_ERROR);
    assert_int_equal(rx_take(&b), -ENOENT);
    assert_null(a.vif.broken);
}

static void a_guest_without_pages_costs_so_much_and_no_more(void **state)
{
    (void)state;
    for (unsigned int i = 0; i < 4000; i++) {
        frame_write(&a, 3, 1514, mac_b);
        fake_pages[1][3][100] = (uint8_t)i;
        tx_request(&a, 3, 0, 1514, 0);
        assert_true(transmit_round(&a.queue));
        assert_int_equal(tx_status(&a), NETIF_RSP_OKAY);
    }
    assert_int_equal(fake_frames, 128);
    assert_int_equal(b.vif.port.counters.out_dropped, 4000 - 128);
    rx_post(&b, 256);
    assert_true(receive_kept(&b.queue));
    for (unsigned int i = 0; i < 128; i++) {
        assert_int_equal(rx_take(&b), 1514);
        assert_int_equal(received[100], (uint8_t)i);
    }
    assert_int_equal(fake_frames, 0);
}

static void what_was_kept_too_long_is_dropped(void **state)
{
    (void)state;
    frame_write(&a, 3, 1514, mac_b);
    tx_request(&a, 3, 0, 1514, 0);
    transmit_round(&a.queue);
    assert_int_equal(fake_frames, 1);
    fake_now += 11000000000ULL;
    assert_false(receive_kept(&b.queue));
    assert_int_equal(fake_frames, 0);
}

static void groups_are_filtered_on_request(void **state)
{
    static const uint8_t group[6] = { 0x33, 0x33, 0, 0, 0, 5 };
    static const uint8_t everybody[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
    union vif_tx_slot *extra;

    (void)state;
    rx_post(&b, 10);
    b.vif.multicast_control = true;
    for (unsigned int i = 0; i < 2; i++) {
        frame_write(&a, 3, 100, group);
        frame_write(&a, 4, 100, everybody);
        tx_request(&a, 3, 0, 100, 0);
        tx_request(&a, 4, 0, 100, 0);
        transmit_round(&a.queue);
        if (i)
            assert_int_equal(rx_take(&b), 100);
        assert_int_equal(rx_take(&b), 100);
        assert_int_equal(rx_take(&b), -ENOENT);
        tx_request(&b, 0, 0, 0, NETTXF_extra_info);
        extra = tx_slot(&b);
        extra->extra.type = XEN_NETIF_EXTRA_TYPE_MCAST_ADD;
        memcpy(extra->extra.u.mcast.addr, group, 6);
        transmit_round(&b.queue);
        assert_int_equal(b.vif.multicast_count, 1);
        assert_int_equal(tx_status(&b), NETIF_RSP_OKAY);
        b.tx_read++;
    }
    for (unsigned int i = 0; i < 100; i++) {
        tx_request(&b, 0, 0, 0, NETTXF_extra_info);
        extra = tx_slot(&b);
        extra->extra.type = XEN_NETIF_EXTRA_TYPE_MCAST_ADD;
        extra->extra.u.mcast.addr[5] = (uint8_t)i;
        transmit_round(&b.queue);
        assert_int_equal(tx_status(&b),
                         i < VIF_MULTICAST_MAX - 1 ? NETIF_RSP_OKAY : NETIF_RSP_ERROR);
        b.tx_read++;
    }
}

/* A port with no room: the packet stays in the ring, and goes when there is. */
static bool room;

static bool admit(struct switch_port *port, uint32_t bytes, struct turn *turn)
{
    (void)port;
    (void)bytes;
    (void)turn;
    return room;
}

static void output(struct switch_port *port, const struct packet *packet)
{
    (void)packet;
    port->learnt += 1000;
}

static void a_packet_without_room_stays_in_the_ring(void **state)
{
    static const struct switch_port_operations operations = { admit, output };
    struct switch_port uplink = { .operations = &operations,
                                  .guarded = true,
                                  .mtu = 1500,
                                  .takes = PORT_TAKES_ALL,
                                  .mac = { 2, 0, 0, 0, 0, 0xcc } };

    (void)state;
    switch_attach(net_switch, &uplink);
    rx_post(&b, 10);
    frame_write(&a, 1, 100, mac_b);
    frame_write(&a, 2, 100, uplink.mac);
    frame_write(&a, 3, 100, mac_b);
    for (grant_ref_t ref = 1; ref <= 3; ref++)
        tx_request(&a, ref, 0, 100, 0);
    room = false;
    assert_true(transmit_round(&a.queue));
    assert_true(a.vif.refused);
    assert_int_equal(a.tx.header.rsp_prod, 1);
    assert_false(transmit_round(&a.queue));
    assert_int_equal(rx_take(&b), 100);
    assert_int_equal(rx_take(&b), -ENOENT);
    room = true;
    assert_true(transmit_round(&a.queue));
    assert_int_equal(a.tx.header.rsp_prod, 3);
    assert_int_equal(uplink.learnt, 1001);
    assert_int_equal(rx_take(&b), 100);
    uplink.learnt = 1;
    switch_detach(&uplink);
}

static void a_rate_is_kept(void **state)
{
    unsigned int sent = 0;

    (void)state;
    rx_post(&b, VIF_SLOTS);
    frame_write(&a, 3, 1500, mac_b);
    a.vif.rate = (struct turn_rate){ .bytes = 10000, .interval_ns = 1000000, .refilled = fake_now };
    for (unsigned int ms = 0; ms < 1000; ms++) {
        while (a.tx.header.req_prod - a.tx.header.rsp_prod < 200)
            tx_request(&a, 3, 0, 1500, 0);
        a.vif.wake_at = 0;
        while (transmit_round(&a.queue)) {
            while (rx_take(&b) == 1500)
                sent++;
            rx_post(&b, VIF_SLOTS - (b.rx.header.req_prod - b.rx.header.rsp_prod));
        }
        assert_in_range(a.vif.wake_at, fake_now + 1, fake_now + 1000000);
        fake_now += 1000000;
    }
    assert_in_range(sent, 6600, 6700);
}

/* Noise: anything in rings and pages, indices included. */
static uint32_t noise(void)
{
    static uint64_t x = 88172645463325252ULL;

    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return (uint32_t)(x >> 16);
}

static void noise_request(struct guest *guest)
{
    union vif_tx_slot *slot = tx_slot(guest);
    static const uint16_t sizes[] = { 0,   1,   13,  14,   15,   59,   60,   191,
                                      255, 256, 257, 1514, 4095, 4096, 4097, 65535 };

    slot->request.gref = noise() % 16 ? noise() % 250 : noise();
    slot->request.offset = (uint16_t)(noise() % 16 ? 0 : noise() % 256 ? noise() % 64 : noise());
    slot->request.flags = (uint16_t)(noise() % 128 ? noise() & 3 : noise());
    slot->request.id = (uint16_t)noise();
    slot->request.size = noise() % 16 ? (uint16_t)(noise() % 1600) : sizes[noise() % 14];
    if (noise() % 256 == 0) {
        slot->extra.type = (uint8_t)(noise() % 8 ? noise() % 5 : noise());
        slot->extra.flags = (uint8_t)(noise() % 2);
    }
}

static void noise_chain(struct guest *guest)
{
    uint32_t bytes = 54 + noise() % 30000, ref = noise() % 200;

    tx_request(guest, ref, 0, bytes,
               NETTXF_csum_blank | (noise() % 2 ? NETTXF_extra_info : 0) |
                   (bytes > PAGE_SIZE ? NETTXF_more_data : 0));
    if (guest->tx.slots[(guest->tx.header.req_prod - 1) % VIF_SLOTS].request.flags &
        NETTXF_extra_info) {
        union vif_tx_slot *extra = tx_slot(guest);

        extra->extra.type = XEN_NETIF_EXTRA_TYPE_GSO;
        extra->extra.u.gso.type = (uint8_t)(noise() % 3);
        extra->extra.u.gso.size = (uint16_t)(noise() % 2 ? noise() : 200 + noise() % 1300);
    }
    for (uint32_t at = PAGE_SIZE; at < bytes; at += PAGE_SIZE)
        tx_request(guest, ref + at / PAGE_SIZE, 0, bytes - at < PAGE_SIZE ? bytes - at : PAGE_SIZE,
                   at + PAGE_SIZE < bytes ? NETTXF_more_data : 0);
}

static void noise_pages(void)
{
    unsigned int ref = noise() % 250;

    frame_write(&a, ref, 60, noise() % 8 ? mac_b : mac_a);
    if (noise() % 2)
        tcp_header(&a, ref);
    if (noise() % 4 == 0)
        fake_pages[1][ref][6 + noise() % 60] = (uint8_t)noise();
    if (noise() % 64 == 0 || !fake_grants[1][ref])
        fake_grants[1][ref] = fake_grants[1][ref] ? FAKE_REFUSED : FAKE_READ;
}

/* Every slot that B is given holds a frame for it, from A, as long as it says. */
static void b_reads(unsigned long *frames)
{
    int bytes;

    while ((bytes = rx_take(&b)) != -ENOENT) {
        if (bytes < 0)
            continue;
        assert_true(bytes >= 14);
        assert_memory_equal(received + 6, mac_a, 6);
        assert_true(!memcmp(received, mac_b, 6) || received[0] & 1 ||
                    memcmp(received, mac_a, 6) != 0);
        ++*frames;
    }
}

static void noise_ends_in_answers(void **state)
{
    unsigned long slots = 0, frames = 0, restarts = 0;

    for (unsigned int ref = 0; ref < 250; ref++)
        frame_write(&a, ref, PAGE_SIZE, mac_b);
    while (slots < 1000000) {
        uint32_t before = a.tx.header.req_prod;

        b.vif.port.takes = (uint16_t)(noise() % 16);
        noise_pages();
        if (noise() % 4)
            for (unsigned int i = noise() % 24; i; i--)
                noise_request(&a);
        else
            noise_chain(&a);
        if (noise() % 1024 == 0)
            a.tx.header.req_prod = noise();
        a.tx.header.rsp_event = noise() % 2 ? a.queue.tx_answered + 1 : noise();
        slots += a.tx.header.req_prod - before < VIF_SLOTS ? a.tx.header.req_prod - before : 0;
        rx_post(&b, VIF_SLOTS - (b.rx.header.req_prod - b.rx.header.rsp_prod));
        while (!a.vif.broken && transmit_round(&a.queue)) {
            receive_kept(&b.queue);
            b_reads(&frames);
        }
        assert_null(b.vif.broken);
        fake_now += 1000;
        if (!a.vif.broken) {
            assert_int_equal(a.tx.header.rsp_prod, a.tx.header.req_prod);
            continue;
        }
        restarts++;
        teardown(state);
        setup(state);
    }
    printf("%lu slots, %lu frames delivered, %lu broken connections\n", slots, frames, restarts);
    assert_true(frames > 100000 && restarts > 1000);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(a_frame_goes_across),
        CASE(many_frames_cost_two_hypercalls),
        CASE(a_large_segment_goes_across_in_one),
        CASE(a_large_segment_for_one_who_takes_none),
        CASE(a_checked_head_is_what_goes_out),
        CASE(bad_references_are_the_senders_loss),
        CASE(a_page_that_cannot_be_written_is_an_error_in_its_slot),
        CASE(what_ends_the_service),
        CASE(too_many_pieces_are_dropped),
        CASE(a_guest_without_pages_costs_so_much_and_no_more),
        CASE(what_was_kept_too_long_is_dropped),
        CASE(groups_are_filtered_on_request),
        CASE(a_packet_without_room_stays_in_the_ring),
        CASE(a_rate_is_kept),
        CASE(noise_ends_in_answers),
    };

    return cmocka_run_group_tests_name("net-back", tests, NULL, NULL);
}
