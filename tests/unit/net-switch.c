/*
 * The switch: learning, guards, VLANs, who waits for room.
 *
 * Sources: dom0/network/switch.c dom0/network/batch.c dom0/network/tagging.c
 * Sources: dom0/network/fallback.c dom0/network/headers.c dom0/network/checksum.c
 * Sources: dom0/tasks/turns.c
 */
#include "net-switch-world.h"

static int send_as(unsigned int port, unsigned int to, unsigned int from, unsigned int tag,
                   uint32_t bytes, struct turn *turn)
{
    struct packet packet;
    int error;

    addresses(to, from);
    memset(frame + 12, 0, 8);
    frame[12] = 0x88;
    if (tag) {
        frame[12] = 0x81;
        frame[14] = (uint8_t)(tag >> 8);
        frame[15] = (uint8_t)tag;
        frame[16] = 0x88;
    }
    for (uint32_t i = 20; i < bytes; i++)
        frame[i] = (uint8_t)(i * 7);
    packet = frame_packet(bytes);
    error = switch_input(&ports[port]->port, &packet, turn);
    batch_end();
    return error;
}

static int send(unsigned int port, unsigned int to, unsigned int from)
{
    return send_as(port, to, from, 0, 60, NULL);
}

static void it_learns_and_forgets(void **state)
{
    (void)state;
    for (unsigned int i = 0; i < 4; i++)
        port_add(i, false, 0);
    send(0, 21, 10);
    assert_int_equal(got(), 111); /* nobody knows 21 */
    send(1, 10, 21);
    assert_int_equal(got(), 1000);
    send(0, 21, 10);
    assert_int_equal(got(), 100);
    send(3, 10, 21); /* it has moved */
    got();
    send(0, 21, 10);
    assert_int_equal(got(), 1);
    send(0, 10, 10); /* to its own side */
    assert_int_equal(got(), 0);
    fake_now += SWITCH_AGE_NS + 1;
    send(0, 21, 10);
    assert_int_equal(got(), 111);
    switch_detach(&ports[0]->port);
    send(1, 10, 22);
    assert_int_equal(got(), 11);
    switch_age(net_switch);
    struct switch_address address;

    assert_true(switch_address(net_switch, 0, &address));
    assert_ptr_equal(address.port, &ports[1]->port);
    assert_false(switch_address(net_switch, 1, &address));
}

static void a_guarded_port_lets_in_its_own_address_only(void **state)
{
    (void)state;
    port_add(0, true, 0);
    port_add(1, true, 0);
    port_add(2, false, 0);
    send(0, 1, 0);
    assert_int_equal(got(), 10); /* known from the beginning */
    send(0, 1, 7);
    assert_int_equal(got(), 0);
    send(2, 0, 1); /* nor is it taken away by others */
    assert_int_equal(got(), 0);
    send(2, 1, 9);
    assert_int_equal(got(), 10);
    assert_int_equal(ports[0]->port.counters.spoofed, 1);
    assert_int_equal(ports[2]->port.counters.spoofed, 1);
    fake_now += 2 * SWITCH_AGE_NS;
    switch_age(net_switch);
    send(0, 1, 0);
    assert_int_equal(got(), 10);
}

static void a_flood_of_addresses_stays_on_its_side(void **state)
{
    struct switch_address address;
    unsigned int count = 0;

    (void)state;
    port_add(0, false, 0);
    port_add(1, false, 0);
    port_add(2, false, 0);
    send(1, EVERYBODY, 21);
    for (unsigned int i = 0; i < 100000; i++)
        send(0, EVERYBODY, 1000 + i);
    got();
    send(2, 21, 22);
    assert_int_equal(got(), 10);
    while (switch_address(net_switch, count, &address))
        count++;
    assert_int_equal(count, SWITCH_ADDRESSES_A_PORT + 2);
    fake_now += SWITCH_AGE_NS + 1;
    switch_age(net_switch);
    assert_false(switch_address(net_switch, 0, &address));
}

/* The order in which a new switch shows the addresses it has learnt: that of its buckets. */
static void order_get(uint8_t order[200])
{
    struct switch_address address;

    teardown(NULL);
    setup(NULL);
    port_add(0, false, 0);
    for (unsigned int i = 0; i < 200; i++)
        send(0, EVERYBODY, i);
    for (unsigned int i = 0; i < 200; i++) {
        assert_true(switch_address(net_switch, i, &address));
        order[i] = address.mac[5];
    }
}

static void no_sender_knows_which_addresses_share_a_bucket(void **state)
{
    uint8_t first[200], second[200];

    (void)state;
    order_get(first);
    order_get(second);
    assert_memory_not_equal(first, second, sizeof(first));
}

static void addresses_that_are_no_stations(void **state)
{
    static const uint8_t pause[6] = { 0x01, 0x80, 0xc2, 0, 0, 1 };
    struct packet packet;

    (void)state;
    port_add(0, false, 0);
    port_add(1, false, 0);
    send(0, 1, 0);
    got();
    frame[6] |= 1; /* from a group */
    packet = frame_packet(60);
    switch_input(&ports[0]->port, &packet, NULL);
    memset(frame + 6, 0, 6);
    switch_input(&ports[0]->port, &packet, NULL);
    mac_of(0, frame + 6);
    memcpy(frame, pause, 6);
    switch_input(&ports[0]->port, &packet, NULL);
    packet.pieces[0].length = packet.bytes = 13;
    mac_of(1, frame);
    switch_input(&ports[0]->port, &packet, NULL);
    assert_int_equal(got(), 0);
    assert_int_equal(ports[0]->port.counters.in_dropped, 4);
}

static uint16_t type_at(unsigned int port, unsigned int at)
{
    return (uint16_t)(ports[port]->frame[0][at] << 8 | ports[port]->frame[0][at + 1]);
}

static void vlans_keep_to_themselves(void **state)
{
    (void)state;
    port_add(0, false, 0); /* a trunk */
    port_add(1, false, 5);
    port_add(2, false, 5);
    port_add(3, false, 6);
    port_add(4, false, 0);
    send(1, EVERYBODY, 31);
    assert_int_equal(got(), 10101);
    assert_int_equal(ports[0]->bytes[0], 64);
    assert_int_equal(type_at(0, 12), 0x8100);
    assert_int_equal(type_at(0, 14), 5);
    assert_int_equal(type_at(0, 16), 0x8800);
    assert_memory_equal(ports[0]->frame[0] + 24, frame + 20, 40);
    assert_int_equal(ports[2]->bytes[0], 60);
    assert_memory_equal(ports[2]->frame[0], frame, 60);
    send_as(0, EVERYBODY, 30, 5, 64, NULL);
    assert_int_equal(got(), 1101);
    assert_int_equal(ports[1]->bytes[0], 60);
    assert_int_equal(type_at(1, 12), 0x8800);
    assert_memory_equal(ports[1]->frame[0] + 16, frame + 20, 44);
    send_as(0, 31, 30, 5, 64, NULL); /* learnt in VLAN 5 */
    assert_int_equal(got(), 1000);
    send_as(0, 31, 30, 6, 64, NULL); /* and unknown in VLAN 6 */
    assert_int_equal(got(), 11);
    send(0, 31, 30); /* untagged: neither's */
    assert_int_equal(got(), 1);
    send_as(1, EVERYBODY, 31, 6, 64, NULL); /* a tag from a port that has a VLAN */
    assert_int_equal(got(), 0);
}

static void a_guarded_trunk_is_itself_in_every_vlan(void **state)
{
    (void)state;
    port_add(0, false, 0);
    port_add(1, false, 0);
    send_as(0, EVERYBODY, 2, 7, 64, NULL); /* learnt before it came */
    port_add(2, true, 0);
    port_add(3, false, 7);
    got();
    send_as(0, EVERYBODY, 2, 7, 64, NULL);
    send_as(0, EVERYBODY, 2, 9, 64, NULL);
    send_as(3, EVERYBODY, 2, 0, 60, NULL);
    assert_int_equal(got(), 0);
    assert_int_equal(ports[0]->port.counters.spoofed, 2);
    assert_int_equal(ports[3]->port.counters.spoofed, 1);
    send_as(3, 2, 33, 0, 60, NULL);
    send_as(1, 2, 34, 7, 64, NULL);
    send_as(1, 2, 34, 12, 64, NULL);
    assert_int_equal(got(), 30);
}

/* The one in no VLAN is in all of them. */
static void an_address_in_two_vlans(void **state)
{
    struct switch_port same = { .operations = &operations, .guarded = true, .mtu = 1500 };

    (void)state;
    port_add(0, false, 0);
    port_add_as(1, 1, true, 4);
    port_add_as(2, 1, true, 5);
    port_add(3, false, 0);
    send_as(0, 1, 30, 5, 64, NULL);
    assert_int_equal(got(), 10);
    send_as(0, 1, 30, 4, 64, NULL);
    assert_int_equal(got(), 100);
    memcpy(same.mac, ports[1]->port.mac, 6);
    assert_int_equal(switch_attach(net_switch, &same), -EADDRINUSE);
    same.vlan = 5;
    assert_int_equal(switch_attach(net_switch, &same), -EADDRINUSE);
    same.vlan = 6;
    assert_int_equal(switch_attach(net_switch, &same), 0);
    switch_detach(&same);
    send_as(3, EVERYBODY, 50, 0, 60, NULL); /* an open port's is its own in one VLAN only */
    send_as(0, EVERYBODY, 50, 9, 64, NULL);
    got();
    send_as(3, 50, 51, 9, 64, NULL);
    assert_int_equal(got(), 1000);
}

static void tags_move_headers(void **state)
{
    struct packet packet;

    (void)state;
    port_add(0, false, 0);
    port_add(1, false, 7);
    addresses(EVERYBODY, 31);
    frame[12] = 0x08;
    packet = frame_packet(1000);
    packet.offload = (struct packet_offload){ .checksum = PACKET_CHECKSUM_PARTIAL,
                                              .checksum_start = 34,
                                              .checksum_offset = 16,
                                              .header_bytes = 54 };
    switch_input(&ports[1]->port, &packet, NULL);
    batch_end();
    assert_int_equal(ports[0]->offload[0].checksum_start, 38);
    assert_int_equal(ports[0]->offload[0].header_bytes, 58);
    assert_int_equal(ports[0]->bytes[0], 1004);
}

static void a_tag_and_nothing_else(void **state)
{
    (void)state;
    port_add(0, false, 0);
    port_add(1, false, 7);
    for (uint32_t bytes = 14; bytes < 18; bytes++)
        send_as(0, EVERYBODY, 30, 7, bytes, NULL);
    assert_int_equal(got(), 0);
    for (uint32_t bytes = 16; bytes < 18; bytes++) { /* the type is in another piece */
        struct packet packet;

        send_as(0, EVERYBODY, 30, 7, 60, NULL);
        got();
        packet = frame_packet(60);
        packet.pieces[0].length = bytes;
        packet.pieces[1] = (struct packet_piece){ .local = frame + bytes, .length = 60 - bytes };
        packet.piece_count = 2;
        switch_input(&ports[0]->port, &packet, NULL);
        batch_end();
        assert_int_equal(got(), 0);
    }
    send_as(0, EVERYBODY, 30, 7, 18, NULL);
    assert_int_equal(got(), 1);
    assert_int_equal(ports[1]->bytes[0], 14);
}

static void too_long_for_a_port(void **state)
{
    (void)state;
    port_add(0, false, 0);
    port_add(1, false, 0);
    send_as(0, EVERYBODY, 30, 0, 1514, NULL);
    send_as(0, EVERYBODY, 30, 9, 1518, NULL);
    assert_int_equal(got(), 2);
    send_as(0, EVERYBODY, 30, 0, 1515, NULL);
    send_as(0, EVERYBODY, 30, 9, 1519, NULL);
    assert_int_equal(got(), 0);
    assert_int_equal(ports[1]->port.counters.out_dropped, 2);
}

static void who_waits_for_room(void **state)
{
    struct turn turn = { .waits = false };

    (void)state;
    port_add(0, false, 0);
    port_add(1, false, 0);
    port_add(2, false, 0);
    send(1, EVERYBODY, 21);
    got();
    ports[1]->full = true;
    assert_int_equal(send_as(0, 21, 30, 0, 60, &turn), -EAGAIN);
    assert_int_equal(got(), 0);
    assert_int_equal(send_as(0, EVERYBODY, 30, 0, 60, &turn), -EAGAIN); /* for all: neither */
    assert_int_equal(send_as(0, 99, 30, 0, 60, &turn), -EAGAIN);
    assert_int_equal(got(), 0);
    assert_int_equal(send_as(0, EVERYBODY, 30, 0, 60, NULL), 0);
    assert_int_equal(got(), 11);
    assert_int_equal(send_as(0, EVERYBODY, 30, 0, 1515, &turn), 0); /* which it does not take */
    assert_int_equal(got(), 0);
    ports[1]->full = false;
    assert_int_equal(send_as(0, 21, 30, 0, 60, &turn), 0);
    assert_int_equal(got(), 10);
    assert_int_equal(send_as(0, EVERYBODY, 30, 0, 60, &turn), 0);
    assert_int_equal(got(), 11);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(it_learns_and_forgets),
        CASE(a_guarded_port_lets_in_its_own_address_only),
        CASE(a_flood_of_addresses_stays_on_its_side),
        CASE(no_sender_knows_which_addresses_share_a_bucket),
        CASE(addresses_that_are_no_stations),
        CASE(vlans_keep_to_themselves),
        CASE(a_guarded_trunk_is_itself_in_every_vlan),
        CASE(an_address_in_two_vlans),
        CASE(tags_move_headers),
        CASE(a_tag_and_nothing_else),
        CASE(too_long_for_a_port),
        CASE(who_waits_for_room),
    };

    return cmocka_run_group_tests_name("net-switch", tests, NULL, NULL);
}
