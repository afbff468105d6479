/*
 * The switch and what stands behind it: learning, guards, VLANs, and packets that are changed for
 * ports which cannot take them as they are.
 *
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
#include "network/batch.h"
#include "network/checksum.h"
#include "network/fallback.h"
#include "network/headers.h"
#include "network/switch.h"

/* A port that remembers the last packets it was handed, as bytes. */
#define KEPT 256u

struct test_port {
    struct switch_port port; /* first */
    unsigned int got;
    uint32_t bytes[KEPT];
    struct packet_offload offload[KEPT];
    uint8_t frame[KEPT][70000];
    int errors[KEPT];
    bool full;
};

static struct net_switch *net_switch;
static struct test_port *ports[6];

static void output(struct switch_port *port, const struct packet *packet)
{
    struct test_port *test = (struct test_port *)port;
    unsigned int i = test->got++ % KEPT;

    test->bytes[i] = packet->bytes;
    test->offload[i] = packet->offload;
    test->errors[i] = 0;
    batch_copy_to_local(test->frame[i], packet, 0, packet->bytes, &test->errors[i]);
}

static bool admit(struct switch_port *port, uint32_t bytes, struct turn *turn)
{
    (void)bytes;
    (void)turn;
    return !((struct test_port *)port)->full;
}

static const struct switch_port_operations operations = { admit, output };

static void mac_of(unsigned int station, uint8_t mac[6])
{
    uint8_t made[6] = {
        0x02, 0, 0, (uint8_t)(station >> 16), (uint8_t)(station >> 8), (uint8_t)station
    };

    memcpy(mac, made, 6);
}

static struct test_port *port_add(unsigned int i, bool guarded, uint16_t vlan)
{
    struct test_port *test = calloc(1, sizeof(*test));

    snprintf(test->port.name, sizeof(test->port.name), "port%u", i);
    test->port.operations = &operations;
    test->port.guarded = guarded;
    mac_of(i, test->port.mac);
    test->port.vlan = vlan;
    test->port.takes = PORT_TAKES_ALL;
    test->port.mtu = 1500;
    assert_int_equal(switch_attach(net_switch, &test->port), 0);
    ports[i] = test;
    return test;
}

static int setup(void **state)
{
    (void)state;
    net_switch = switch_create();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    for (unsigned int i = 0; i < 6; i++) {
        if (ports[i] && ports[i]->port.net_switch)
            switch_detach(&ports[i]->port);
        free(ports[i]);
        ports[i] = NULL;
    }
    switch_destroy(net_switch);
    return 0;
}

static uint8_t frame[70000] __attribute__((aligned(4096)));

static struct packet frame_packet(uint32_t bytes)
{
    struct packet packet = { .bytes = bytes };

    for (uint32_t at = 0; at < bytes; at += PAGE_SIZE)
        packet.pieces[packet.piece_count++] = (struct packet_piece){
            .local = frame + at, .length = bytes - at < PAGE_SIZE ? bytes - at : (uint32_t)PAGE_SIZE
        };
    return packet;
}

#define EVERYBODY UINT32_MAX

static void addresses(unsigned int to, unsigned int from)
{
    if (to == EVERYBODY)
        memset(frame, 0xff, 6);
    else
        mac_of(to, frame);
    mac_of(from, frame + 6);
}

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

/* What each port got since the last look, as digits. */
static unsigned int got(void)
{
    unsigned int all = 0;

    for (unsigned int i = 0; i < 6 && ports[i]; i++) {
        all = all * 10 + ports[i]->got;
        ports[i]->got = 0;
    }
    return all;
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

/* A TCP packet, version 4 or 6, of so many bytes of payload, in frame[]. */
static struct packet tcp_packet(unsigned int version, unsigned int options, uint32_t payload,
                                uint16_t segment)
{
    uint32_t tcp = 14 + (version == 4 ? 20u : 40u), at = tcp + 20 + options;
    struct packet packet;
    struct headers headers;
    uint32_t sum;

    addresses(1, 0);
    memset(frame + 12, 0, at);
    frame[12] = version == 4 ? 0x08 : 0x86;
    frame[13] = version == 4 ? 0x00 : 0xdd;
    frame[14] = version == 4 ? 0x45 : 0x60;
    frame[version == 4 ? 14 + 9 : 14 + 6] = 6;
    for (unsigned int i = 0; i < 8; i++)
        frame[14 + (version == 4 ? 12 : 8) + i] = (uint8_t)(i + 77);
    if (version == 4) {
        frame[16] = (uint8_t)((at - 14 + payload) >> 8);
        frame[17] = (uint8_t)(at - 14 + payload);
        frame[18] = 0xff; /* the identification wraps */
        frame[19] = 0xfe;
        sum = checksum_end(checksum_add(0, frame + 14, 20));
        memcpy(frame + 24, &sum, 2);
    } else {
        frame[18] = (uint8_t)((at - 54 + payload) >> 8);
        frame[19] = (uint8_t)(at - 54 + payload);
    }
    memset(frame + tcp, 0xf0, 8); /* ports, and a sequence number that wraps */
    memset(frame + tcp + 4, 0xff, 3);
    frame[tcp + 12] = (uint8_t)((20 + options) / 4 << 4);
    frame[tcp + 13] = 0x99; /* CWR, ACK, PSH, FIN */
    for (uint32_t i = 0; i < payload; i++)
        frame[at + i] = (uint8_t)(i * 31 ^ i >> 8);
    packet = frame_packet(at + payload);
    headers_read(&packet, &headers);
    assert_true(headers_checksum_partial(&packet));
    sum = (uint16_t)~checksum_end(
        headers_pseudo_sum(frame, &headers, 20 + options + (segment ? 0 : payload)));
    memcpy(frame + tcp + 16, &sum, 2);
    if (segment) {
        packet.offload.segmentation = version == 4 ? PACKET_TCP4 : PACKET_TCP6;
        packet.offload.segment_bytes = segment;
    }
    return packet;
}

static void checksum_is_right(const uint8_t *bytes, uint32_t length, unsigned int version)
{
    struct packet packet = { .bytes = length,
                             .piece_count = 1,
                             .pieces = { { .local = bytes, .length = length } } };
    struct headers headers;
    uint32_t sum;

    headers_read(&packet, &headers);
    assert_int_equal(headers.version, version);
    if (version == 4)
        assert_int_equal(checksum_end(checksum_add(0, bytes + 14, 20)), 0);
    sum = headers_pseudo_sum(bytes, &headers, length - headers.transport_at);
    sum = checksum_add(sum, bytes + headers.transport_at, length - headers.transport_at);
    assert_int_equal(checksum_end(sum), 0);
}

static uint32_t sequence_of(const uint8_t *tcp)
{
    return (uint32_t)tcp[4] << 24 | (uint32_t)tcp[5] << 16 | (uint32_t)tcp[6] << 8 | tcp[7];
}

static void one_cut(unsigned int version, unsigned int options, uint32_t payload, uint16_t segment)
{
    struct packet packet = tcp_packet(version, options, payload, segment);
    uint32_t tcp = 14 + (version == 4 ? 20u : 40u), header = tcp + 20 + options, done = 0;
    unsigned int count = (payload + segment - 1) / segment;

    switch_input(&ports[0]->port, &packet, NULL);
    batch_end();
    assert_int_equal(got(), count);
    for (unsigned int i = 0; i < count; i++) {
        const uint8_t *part = ports[1]->frame[i];
        uint32_t bytes = payload - done < segment ? payload - done : segment;

        assert_int_equal(ports[1]->errors[i], 0);
        assert_int_equal(ports[1]->bytes[i], header + bytes);
        assert_int_equal(ports[1]->offload[i].segmentation, PACKET_WHOLE);
        assert_int_equal(ports[1]->offload[i].checksum, PACKET_CHECKSUM_VALID);
        assert_memory_equal(part + header, frame + header + done, bytes);
        assert_int_equal(sequence_of(part + tcp), (uint32_t)(sequence_of(frame + tcp) + done));
        assert_int_equal(part[tcp + 13], 0x10 | (i ? 0 : 0x80) | (i == count - 1 ? 0x09 : 0));
        if (version == 4)
            assert_int_equal((uint16_t)(part[18] << 8 | part[19]), (uint16_t)(0xfffe + i));
        checksum_is_right(part, ports[1]->bytes[i], version);
        done += bytes;
    }
    assert_int_equal(done, payload);
}

static void large_segments_are_cut(void **state)
{
    (void)state;
    port_add(0, true, 0);
    port_add(1, true, 0)->port.takes = 0;
    ports[1]->port.mtu = 9000;
    for (unsigned int version = 4; version <= 6; version += 2) {
        one_cut(version, 0, 2000, 1000);
        one_cut(version, 12, 64000, 1448);
        one_cut(version, 40, 1, 1448);
        one_cut(version, 0, 12700, 100);
        one_cut(version, 0, 65000, 8940);
        for (unsigned int i = 0; i < 300; i++)
            one_cut(version, i % 11 * 4, 1 + i * 211 % 60000, (uint16_t)(500 + i * 13 % 8000));
    }
}

/* Whether the port cuts or has it cut: no frame is longer than it takes. */
static void segments_too_long_for_a_port(void **state)
{
    static const struct {
        uint32_t payload;
        uint16_t segment;
        unsigned int got, cut;
    } cases[] = {
        { 30000, 1460, 1, 21 }, { 30000, 1461, 0, 0 }, { 30000, 65535, 0, 0 },
        { 1460, 1461, 1, 1 },   { 1460, 65535, 1, 1 }, { 1461, 65535, 0, 0 },
    };

    (void)state;
    port_add(0, true, 0);
    port_add(1, true, 0);
    for (unsigned int i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        for (unsigned int cuts = 0; cuts < 2; cuts++) {
            struct packet packet = tcp_packet(4, 0, cases[i].payload, cases[i].segment);

            ports[1]->port.takes = cuts ? PORT_TAKES_ALL : 0;
            switch_input(&ports[0]->port, &packet, NULL);
            batch_end();
            assert_int_equal(got(), cuts ? cases[i].got : cases[i].cut);
        }
    assert_int_equal(ports[1]->port.counters.out_dropped, 6);
}

static void segments_with_a_tag(void **state)
{
    (void)state;
    port_add(0, false, 0);
    port_add(1, false, 7);
    for (uint16_t segment = 1459; segment <= 1462; segment++) {
        struct packet packet = tcp_packet(4, 0, 30000, segment);

        switch_input(&ports[1]->port, &packet, NULL); /* 0 gets it with a tag */
        batch_end();
        assert_int_equal(got(), segment <= 1460 ? 10 : 0);
    }
}

static void checksums_are_made(void **state)
{
    (void)state;
    port_add(0, true, 0);
    port_add(1, true, 0)->port.takes = PORT_TAKES_CHECKSUM6;
    ports[1]->port.mtu = 9000;
    for (uint32_t payload = 0; payload < 8900; payload += 1 + payload / 9) {
        struct packet packet = tcp_packet(4, 0, payload, 0);

        switch_input(&ports[0]->port, &packet, NULL);
        batch_end();
        assert_int_equal(got(), 1);
        checksum_is_right(ports[1]->frame[0], packet.bytes, 4);
        packet = tcp_packet(6, 0, payload, 0); /* which it takes as it is */
        switch_input(&ports[0]->port, &packet, NULL);
        batch_end();
        assert_int_equal(got(), 1);
        assert_int_equal(ports[1]->offload[0].checksum, PACKET_CHECKSUM_PARTIAL);
    }
}

/* Whatever an offload says of whatever bytes: nothing beyond the packet is read or written. */
static void impossible_offloads(void **state)
{
    unsigned int cut = 0, dropped = 0;

    (void)state;
    port_add(0, true, 0);
    port_add(1, true, 0)->port.takes = 0;
    ports[1]->port.mtu = 65535;
    srandom(8);
    for (unsigned int i = 0; i < 200000; i++) {
        struct packet packet = tcp_packet(random() % 2 ? 4 : 6, (unsigned int)(random() % 11) * 4,
                                          (uint32_t)(random() % 3000), 1000);
        unsigned int flips = (unsigned int)(random() % 4);

        while (flips--)
            frame[12 + random() % 70] = (uint8_t)random();
        if (random() % 4 == 0)
            packet.offload.checksum_start = (uint16_t)random();
        if (random() % 4 == 0)
            packet.offload.checksum_offset = (uint16_t)random();
        if (random() % 4 == 0)
            packet.offload.header_bytes = (uint16_t)(random() % 300);
        if (random() % 4 == 0)
            packet.offload.segment_bytes = (uint16_t)(random() % 40);
        if (random() % 8 == 0)
            packet.offload.checksum = (uint8_t)(random() % 3);
        if (random() % 8 == 0)
            packet.offload.segmentation = (uint8_t)(random() % 3);
        switch_input(&ports[0]->port, &packet, NULL);
        batch_end();
        *(got() ? &cut : &dropped) += 1;
    }
    assert_true(cut > 20000 && dropped > 20000);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(it_learns_and_forgets),
        CASE(a_guarded_port_lets_in_its_own_address_only),
        CASE(a_flood_of_addresses_stays_on_its_side),
        CASE(addresses_that_are_no_stations),
        CASE(vlans_keep_to_themselves),
        CASE(tags_move_headers),
        CASE(too_long_for_a_port),
        CASE(who_waits_for_room),
        CASE(large_segments_are_cut),
        CASE(segments_too_long_for_a_port),
        CASE(segments_with_a_tag),
        CASE(checksums_are_made),
        CASE(impossible_offloads),
    };

    return cmocka_run_group_tests_name("net-switch", tests, NULL, NULL);
}
