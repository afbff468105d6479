/*
 * Packets that are changed for ports which cannot take them as they are: checksums made, large
 * segments cut, or dropped where they would be too long.
 *
 * Sources: dom0/network/switch.c dom0/network/batch.c dom0/network/tagging.c
 * Sources: dom0/network/fallback.c dom0/network/headers.c dom0/network/checksum.c
 * Sources: dom0/tasks/turns.c
 */
#include "net-switch-world.h"

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

/* One for everybody, or for an address nobody knows, is cut for nobody but the uplink. */
static void a_flood_is_not_cut_for_each(void **state)
{
    static const struct switch_port_operations not_an_uplink = { .output = output };
    struct packet packet;

    (void)state;
    port_add(0, false, 0);
    for (unsigned int i = 1; i < 4; i++)
        port_add(i, false, 0);
    ports[1]->port.operations = ports[2]->port.operations = &not_an_uplink;
    ports[1]->port.takes = ports[3]->port.takes = 0;
    ports[2]->port.takes = PORT_TAKES_ALL;
    packet = tcp_packet(4, 0, 4000, 1000);
    frame[5] ^= 0x55; /* nobody's */
    assert_int_equal(switch_input(&ports[0]->port, &packet, NULL), 0);
    batch_end();
    assert_int_equal(ports[1]->got, 0);
    assert_int_equal(ports[1]->port.counters.out_dropped, 1);
    assert_int_equal(ports[2]->got, 1);
    assert_int_equal(ports[3]->got, 4);
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
        CASE(large_segments_are_cut),      CASE(segments_too_long_for_a_port),
        CASE(a_flood_is_not_cut_for_each), CASE(segments_with_a_tag),
        CASE(checksums_are_made),          CASE(impossible_offloads),
    };

    return cmocka_run_group_tests_name("net-fallback", tests, NULL, NULL);
}
