/*
 * dom0's gathering of TCP segments: what is cut again as a NIC cuts it is what lwIP sent, and
 * nothing is gathered that does not belong together.
 *
 * Sources: dom0/network/host-gather.c
 *
 * Stack: yes
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "stack-world.h"

#include "lwip/pbuf.h"
#include "lwip/prot/tcp.h"
#include "network/host-gather.h"

#define MSS     1448
#define PAYLOAD (256u << 10)

static uint8_t payload[PAYLOAD] __attribute__((aligned(4096)));
static struct host_gather gather;
static struct switch_port port;

struct segment {
    bool is_ip6;
    uint32_t sequence, bytes;
    uint8_t flags;
    uint32_t acknowledged;
    uint16_t window, port;
};

static void put16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static uint32_t get16(const uint8_t *at)
{
    return (uint32_t)at[0] << 8 | at[1];
}

static uint32_t get32(const uint8_t *at)
{
    return get16(at) << 16 | get16(at + 2);
}

static uint32_t header_bytes(bool is_ip6)
{
    return 14 + (is_ip6 ? 40 : 20) + 20;
}

static void fill_header(uint8_t *header, const struct segment *segment, uint16_t id)
{
    uint8_t *ip = header + 14, *tcp = ip + (segment->is_ip6 ? 40 : 20);

    memset(header, 0, header_bytes(segment->is_ip6));
    memcpy(header, peer_mac, 6);
    memcpy(header + 6, our_mac, 6);
    put16(header + 12, segment->is_ip6 ? 0x86dd : 0x0800);
    ip[0] = segment->is_ip6 ? 0x60 : 0x45;
    if (segment->is_ip6) {
        put16(ip + 4, 20 + segment->bytes);
        ip[6] = 6;
    } else {
        put16(ip + 2, 40 + segment->bytes);
        put16(ip + 4, id);
        ip[9] = 6;
        put16(ip + 10, id * 77u & 0xffff);
    }
    memset(ip + (segment->is_ip6 ? 8 : 12), 7, segment->is_ip6 ? 32 : 8);
    put16(tcp, segment->port);
    put16(tcp + 4, segment->sequence >> 16);
    put16(tcp + 6, segment->sequence);
    put16(tcp + 8, segment->acknowledged >> 16);
    put16(tcp + 10, segment->acknowledged & 0xffff);
    tcp[12] = 5 << 4;
    tcp[13] = segment->flags;
    put16(tcp + 14, segment->window);
}

/* Sends a segment, its payload where its sequence number says. */
static int send_segment(const struct segment *segment)
{
    static uint16_t id;
    uint32_t header = header_bytes(segment->is_ip6);
    struct pbuf *pbuf = pbuf_alloc(PBUF_RAW, (u16_t)header, PBUF_RAM);
    int error;

    fill_header(pbuf->payload, segment, id++);
    if (segment->bytes) {
        struct pbuf *data = pbuf_alloc(PBUF_RAW, (u16_t)segment->bytes, PBUF_ROM);

        data->payload = payload + segment->sequence % PAYLOAD;
        pbuf_cat(pbuf, data);
    }
    error = host_gather_add(&gather, pbuf);
    pbuf_free(pbuf);
    return error;
}

static void run(unsigned int count, uint32_t first, uint32_t bytes, bool is_ip6)
{
    for (unsigned int i = 0; i < count; i++)
        assert_int_equal(send_segment(&(struct segment){ .is_ip6 = is_ip6,
                                                         .sequence = first + i * bytes,
                                                         .bytes = bytes,
                                                         .flags = TCP_ACK,
                                                         .window = 1000,
                                                         .port = 80 }),
                         0);
}

static void finish(void)
{
    host_gather_send(&gather);
    host_gather_release(&gather);
    assert_int_equal(gather.held_count, 0);
}

static void ip_sum_is_right(const uint8_t *ip)
{
    uint32_t sum = 0;

    for (unsigned int i = 0; i < 20; i += 2)
        sum += (uint32_t)(ip[i] << 8 | ip[i + 1]);
    assert_int_equal((sum & 0xffff) + (sum >> 16), 0xffff);
}

/* Payload and sequence numbers of all that was sent are those of [first, first + bytes). */
static void expect_stream(uint32_t first, uint32_t bytes, bool is_ip6)
{
    uint32_t at = first, header = header_bytes(is_ip6);

    for (unsigned int i = 0; i < world.sent_count; i++) {
        const struct world_frame *frame = &world.sent[i];
        const uint8_t *ip = frame->bytes + 14;
        uint32_t part = frame->length - header;

        assert_int_equal(get32(frame->bytes + header - 16), at);
        assert_memory_equal(frame->bytes + header, payload + at % PAYLOAD, part);
        assert_int_equal(is_ip6 ? get16(ip + 4) + 40 : get16(ip + 2), frame->length - 14);
        assert_int_equal(frame->offload.checksum, PACKET_CHECKSUM_PARTIAL);
        if (!is_ip6)
            ip_sum_is_right(frame->bytes + 14);
        assert_int_equal(frame->offload.checksum_start, header - 20);
        assert_int_equal(frame->offload.checksum_offset, 16);
        if (part > MSS)
            assert_int_equal(frame->offload.segmentation, is_ip6 ? PACKET_TCP6 : PACKET_TCP4);
        at += part;
    }
    assert_int_equal(at, first + bytes);
}

static int reset(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < PAYLOAD; i++)
        payload[i] = (uint8_t)(i * 2654435761u >> 13);
    world_forget_sent();
    memset(&gather, 0, sizeof(gather));
    gather.port = &port;
    return 0;
}

static void a_run_becomes_one_packet(void **state)
{
    (void)state;
    run(20, 5000, MSS, false);
    finish();
    assert_int_equal(world.sent_count, 1);
    assert_int_equal(world.sent[0].offload.segment_bytes, MSS);
    assert_int_equal(world.sent[0].offload.header_bytes, 54);
    expect_stream(5000, 20 * MSS, false);
}

static void ip6_too(void **state)
{
    (void)state;
    run(20, 5000, MSS, true);
    finish();
    assert_int_equal(world.sent_count, 1);
    expect_stream(5000, 20 * MSS, true);
}

/* 45 segments of 1448 bytes and their headers are an IP packet's 65535 bytes at most. */
static void no_packet_is_too_large(void **state)
{
    (void)state;
    run(100, 4096, MSS, false);
    finish();
    assert_int_equal(world.sent_count, 3);
    assert_int_equal(world.sent[0].length, 54 + 45 * MSS);
    expect_stream(4096, 100 * MSS, false);
}

/* The last segment may be shorter, and then nothing follows; PSH goes to the whole. */
static void a_short_one_ends_it(void **state)
{
    struct segment last = { .bytes = 100, .flags = TCP_ACK | TCP_PSH, .window = 1000, .port = 80 };

    (void)state;
    run(3, 0, MSS, false);
    last.sequence = 3 * MSS;
    send_segment(&last);
    run(2, 3 * MSS + 100, MSS, false);
    finish();
    assert_int_equal(world.sent_count, 2);
    assert_int_equal(world.sent[0].bytes[14 + 20 + 13], TCP_ACK | TCP_PSH);
    expect_stream(0, 5 * MSS + 100, false);
}

static void what_differs_stays_apart(void **state)
{
    struct segment next = {
        .sequence = MSS, .bytes = MSS, .flags = TCP_ACK, .window = 1000, .port = 80
    };
    struct segment others[8] = { next, next, next, next, next, next, next, next };

    (void)state;
    others[0].sequence++;
    others[1].flags |= TCP_FIN;
    others[2].window++;
    others[3].port++;
    others[4].bytes = 0;
    others[5].acknowledged = 1;
    others[6].acknowledged = 0x10000;
    others[7].bytes = MSS + 8;
    for (unsigned int i = 0; i < 8; i++) {
        reset(state);
        run(1, 0, MSS, false);
        send_segment(&others[i]);
        finish();
        assert_int_equal(world.sent_count, 2);
        assert_int_equal(world.sent[0].length, 54 + MSS);
    }
}

/* Segments whose payload lies apart fill the pieces: then another packet begins. */
static void pieces_that_are_used_up_end_it(void **state)
{
    uint32_t sent = 0;

    (void)state;
    for (unsigned int i = 0; i < 40; i++) {
        struct pbuf *pbuf = pbuf_alloc(PBUF_RAW, 54 + 512, PBUF_RAM);
        struct segment segment = { .sequence = sent, .bytes = 512, .flags = TCP_ACK, .port = 80 };

        fill_header(pbuf->payload, &segment, 0);
        memcpy((uint8_t *)pbuf->payload + 54, payload + sent, 512);
        assert_int_equal(host_gather_add(&gather, pbuf), 0);
        pbuf_free(pbuf);
        sent += 512;
    }
    finish();
    assert_in_range(world.sent_count, 2, 5);
    expect_stream(0, sent, false);
}

static void other_packets_pass_as_they_are(void **state)
{
    struct pbuf *pbuf = pbuf_alloc(PBUF_RAW, 42, PBUF_RAM);

    (void)state;
    memset(pbuf->payload, 0x11, 42);
    put16((uint8_t *)pbuf->payload + 12, 0x0806);
    run(1, 0, MSS, false);
    assert_int_equal(host_gather_add(&gather, pbuf), 0);
    pbuf_free(pbuf);
    finish();
    assert_int_equal(world.sent_count, 2);
    assert_int_equal(world.sent[1].length, 42);
    assert_int_equal(world.sent[1].offload.checksum, PACKET_CHECKSUM_VALID);
    assert_int_equal(world.sent[1].bytes[41], 0x11);
}

/* lwIP leaves the sum of IPv4's header out. */
static void each_ip_header_gets_its_sum(void **state)
{
    struct pbuf *pbuf = pbuf_alloc(PBUF_RAW, 42, PBUF_RAM);
    uint8_t *bytes = pbuf->payload;

    (void)state;
    memset(bytes, 0x11, 42);
    put16(bytes + 12, 0x0800);
    bytes[14] = 0x45;
    assert_int_equal(host_gather_add(&gather, pbuf), 0);
    pbuf_free(pbuf);
    finish();
    assert_int_equal(world.sent_count, 1);
    ip_sum_is_right(world.sent[0].bytes + 14);
    assert_int_equal(world.sent[0].bytes[34], 0x11);
}

/* More frames than are held at once: the copies are made in between. */
static void many_small_ones_are_let_go(void **state)
{
    size_t before = world.allocations;

    (void)state;
    run(500, 0, 100, false);
    finish();
    assert_int_equal(world.allocations, before);
    expect_stream(0, 500 * 100, false);
}

/* Every order of lengths and gaps: the stream comes out as it went in. */
static void any_sequence_comes_out_whole(void **state)
{
    uint32_t lot = 1, at, begin;

    for (unsigned int round = 0; round < 2000; round++) {
        reset(state);
        begin = at = lot % 100000;
        for (unsigned int i = 0; i < 60; i++) {
            struct segment segment = { .sequence = at, .flags = TCP_ACK, .port = 80 };

            lot = lot * 1664525 + 1013904223;
            segment.bytes = lot >> 28 ? MSS : 1 + (lot >> 8) % MSS;
            segment.flags |= lot & 0x10 ? TCP_PSH : 0;
            assert_int_equal(send_segment(&segment), 0);
            at += segment.bytes;
        }
        finish();
        expect_stream(begin, at - begin, false);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_run_becomes_one_packet, reset),
        cmocka_unit_test_setup(ip6_too, reset),
        cmocka_unit_test_setup(no_packet_is_too_large, reset),
        cmocka_unit_test_setup(a_short_one_ends_it, reset),
        cmocka_unit_test_setup(what_differs_stays_apart, reset),
        cmocka_unit_test_setup(pieces_that_are_used_up_end_it, reset),
        cmocka_unit_test_setup(other_packets_pass_as_they_are, reset),
        cmocka_unit_test_setup(each_ip_header_gets_its_sum, reset),
        cmocka_unit_test_setup(many_small_ones_are_let_go, reset),
        cmocka_unit_test_setup(any_sequence_comes_out_whole, reset),
    };

    lwip_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
