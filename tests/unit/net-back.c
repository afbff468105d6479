/*
 * The net backend's data path between two guests, case by case.
 *
 * Sources: split-drivers/net/back/intake.c split-drivers/net/back/transmit.c
 * Sources: split-drivers/net/back/receive.c split-drivers/net/back/stash.c
 * Sources: dom0/network/switch.c dom0/network/batch.c dom0/network/tagging.c
 * Sources: dom0/network/fallback.c dom0/network/headers.c dom0/network/checksum.c
 * Sources: dom0/tasks/turns.c
 */
#include "net-back-world.h"

/* The status of the oldest transmit slot not yet looked at. */
static int tx_status(struct guest *guest)
{
    assert_true(guest->tx.header.rsp_prod - guest->tx_read - 1 < VIF_SLOTS);
    struct netif_tx_response response = guest->tx.slots[guest->tx_read % VIF_SLOTS].response;

    assert_int_equal(response.id, (uint16_t)guest->tx_read);
    guest->tx_read++;
    return response.status;
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

/* Two slots: the first may lie so that what is left of it after the second wraps. */
static void pieces_that_do_not_add_up(void **state)
{
    tx_request(&a, 3, 200, 100, NETTXF_more_data);
    tx_request(&a, 4, 0, 200, 0);
    transmit_round(&a.queue);
    assert_non_null(a.vif.broken);
    teardown(state);
    setup(state);
    tx_request(&a, 3, 0, 1000, NETTXF_more_data);
    tx_request(&a, 4, 4000, 500, 0);
    transmit_round(&a.queue);
    assert_non_null(a.vif.broken);
}

static void what_is_no_frame_is_refused(void **state)
{
    (void)state;
    rx_post(&b, 64);
    frame_write(&a, 0, 6000, mac_b);
    tcp_header(&a, 0);
    tx_request(&a, 0, 0, 13, 0);
    transmit_round(&a.queue);
    assert_int_equal(tx_status(&a), NETIF_RSP_ERROR);
    large_request(&a, 6000, 0); /* cut into pieces of no bytes */
    transmit_round(&a.queue);
    assert_int_equal(tx_status(&a), NETIF_RSP_ERROR);
    assert_int_equal(rx_take(&b), -ENOENT);
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

/* One without scatter and gather takes a page at most, whatever its MTU. */
static void a_large_frame_for_one_who_takes_single_pages(void **state)
{
    (void)state;
    b.vif.port.mtu = 9000;
    rx_post(&b, 8);
    frame_write(&a, 3, 5000, mac_b);
    for (unsigned int gathers = 0; gathers < 2; gathers++) {
        b.vif.scatter_gather = gathers;
        tx_request(&a, 3, 0, 5000, NETTXF_more_data);
        tx_request(&a, 4, 0, 5000 - PAGE_SIZE, 0);
        assert_true(transmit_round(&a.queue));
        assert_int_equal(rx_take(&b), gathers ? 5000 : -ENOENT);
    }
    assert_int_equal(b.vif.port.counters.out_dropped, 1);
}

/* Nothing is put into, or kept for, a ring that is served no more or about to go. */
static void who_is_not_served_gets_nothing(void **state)
{
    (void)state;
    rx_post(&b, 8);
    frame_write(&a, 3, 100, mac_b);
    for (unsigned int which = 0; which < 2; which++) {
        b.vif.broken = which ? "something" : NULL;
        b.vif.backend.state = which ? BACKEND_CONNECTED : BACKEND_STOPPING;
        tx_request(&a, 3, 0, 100, 0);
        assert_true(transmit_round(&a.queue));
        assert_int_equal(rx_take(&b), -ENOENT);
        assert_null(b.queue.stash_first);
        assert_int_equal(b.vif.port.counters.out_dropped, which + 1);
    }
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

static bool admit(struct switch_port *port, const struct packet *packet, struct turn *turn)
{
    (void)port;
    (void)packet;
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
    assert_true(a.queue.refused);
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

static void copying_output(struct switch_port *port, const struct packet *packet)
{
    static int error;

    (void)port;
    for (uint32_t at = 0; at < packet->bytes; at += PAGE_SIZE)
        batch_copy_to_grant(3, 300, 0, packet, at, 60, &error);
}

/* Packets for everybody: what a round costs is bounded, however many there are to get them. */
static void packets_for_everybody_shorten_the_round(void **state)
{
    static const struct switch_port_operations operations = { NULL, copying_output };
    static const uint8_t everybody[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
    static struct switch_port ports[50];

    (void)state;
    for (unsigned int i = 0; i < 50; i++) {
        ports[i] =
            (struct switch_port){ .operations = &operations, .mtu = 1500, .takes = PORT_TAKES_ALL };
        switch_attach(net_switch, &ports[i]);
    }
    frame_write(&a, 3, 60, everybody);
    for (unsigned int i = 0; i < 32; i++)
        tx_request(&a, 3, 0, 60, 0);
    fake_copies = 0;
    assert_true(transmit_round(&a.queue));
    assert_in_range(fake_copies, 32 + 160, 32 + 160 + 51);
    while (transmit_round(&a.queue))
        assert_in_range(a.tx.header.rsp_prod, 4, 32);
    assert_int_equal(a.tx.header.rsp_prod, 32);
    for (unsigned int i = 0; i < 50; i++)
        switch_detach(&ports[i]);
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

/* What a packet will be on the wire is what counts: cut into the smallest, forty times as much. */
static void a_rate_is_of_frames(void **state)
{
    union vif_tx_slot *extra;

    (void)state;
    rx_post(&b, VIF_SLOTS);
    frame_write(&a, 0, 54 + 128, mac_b);
    tcp_header(&a, 0);
    a.vif.rate = (struct turn_rate){
        .bytes = 1000, .interval_ns = 1000000, .left = 1000, .refilled = fake_now
    };
    tx_request(&a, 0, 0, 54 + 128, NETTXF_csum_blank | NETTXF_data_validated | NETTXF_extra_info);
    extra = tx_slot(&a);
    extra->extra.type = XEN_NETIF_EXTRA_TYPE_GSO;
    extra->extra.u.gso.type = XEN_NETIF_GSO_TYPE_TCPV4;
    extra->extra.u.gso.size = 1;
    assert_true(transmit_round(&a.queue));
    assert_int_equal(a.vif.rate.left, 1000 - 128 * 55);
    rx_take(&b);
}

/* What is kept for guests without pages: so much for a queue, so much for all, a little for each.
 */
static void what_is_kept_is_bounded(void **state)
{
    static struct vif_queue queues[20];
    static uint8_t bytes[PAGE_SIZE] __attribute__((aligned(4096)));
    struct packet packet = { .bytes = PAGE_SIZE, .piece_count = 1 };

    (void)state;
    packet.pieces[0] = (struct packet_piece){ .local = bytes, .length = PAGE_SIZE };
    memory_is_short = true;
    assert_false(stash_put(&a.queue, &packet));
    memory_is_short = false;
    for (unsigned int i = 0; i < 20; i++) {
        unsigned int kept = 0;

        queues[i].vif = &a.vif;
        receive_start(&queues[i]);
        while (stash_put(&queues[i], &packet))
            kept++;
        assert_int_equal(kept, i < 16 ? 128 : 16);
        batch_copy_now();
    }
    for (unsigned int i = 0; i < 20; i++)
        receive_stop(&queues[i]);
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
        CASE(pieces_that_do_not_add_up),
        CASE(what_is_no_frame_is_refused),
        CASE(too_many_pieces_are_dropped),
        CASE(a_guest_without_pages_costs_so_much_and_no_more),
        CASE(what_was_kept_too_long_is_dropped),
        CASE(a_large_frame_for_one_who_takes_single_pages),
        CASE(who_is_not_served_gets_nothing),
        CASE(groups_are_filtered_on_request),
        CASE(a_packet_without_room_stays_in_the_ring),
        CASE(packets_for_everybody_shorten_the_round),
        CASE(a_rate_is_kept),
        CASE(a_rate_is_of_frames),
        CASE(what_is_kept_is_bounded),
    };

    return cmocka_run_group_tests_name("net-back", tests, NULL, NULL);
}
