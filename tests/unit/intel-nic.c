/*
 * The driver for Intel's network cards, with each of the three cards as its manual has it: QEMU 7.2
 * has no 82576, so its descriptors are tried here only.  And with cards that lie or hang.
 *
 * Sources: dom0/devices/intel-nic.c dom0/devices/intel-chips.c dom0/devices/intel-receive.c
 * dom0/devices/intel-transmit.c dom0/devices/intel-descriptors.c
 * dom0/devices/intel-descriptors-advanced.c dom0/devices/net-device.c dom0/devices/nic-work.c
 * dom0/devices/pci-names.c
 */
#include "fake-intel.h"
#include "devices/intel-nic.h"
#include <errno.h>

#define SECOND 1000000000ULL

static struct net_device *device;
static struct packet last;
static uint8_t last_bytes[PACKET_BYTES_MAX];
static unsigned int packets, link_changes, ended, failed;

static void received(struct net_device *of, const struct packet *packet)
{
    uint32_t at = 0;

    assert_ptr_equal(of, device);
    assert_in_range(packet->bytes, PACKET_BYTES_LEAST, PACKET_BYTES_MAX);
    assert_in_range(packet->piece_count, 1, PACKET_PIECES_MAX);
    for (unsigned int i = 0; i < packet->piece_count; i++) {
        const struct packet_piece *piece = &packet->pieces[i];

        assert_true(((uintptr_t)piece->local & 4095) + piece->length <= 4096);
        memcpy(last_bytes + at, piece->local, piece->length);
        at += piece->length;
    }
    assert_int_equal(at, packet->bytes);
    last = *packet;
    packets++;
}

static void nothing(struct net_device *of)
{
    (void)of;
}

static void link_changed(struct net_device *of)
{
    (void)of;
    link_changes++;
}

static const struct net_user user = { received, nothing, nothing, link_changed };

/* Each test runs with each card; the first starts it. */
static void with(unsigned int n)
{
    static struct net_device *devices[CARDS];

    card = starting = &cards[n];
    if (!devices[n]) {
        card_comes_up(card);
        assert_true(intel_nic_is(&card->pci));
        assert_int_equal(intel_nic_start(&card->pci), 0);
        for (device = net_devices_first(); device->next;)
            device = device->next;
        devices[n] = device;
        assert_true(device->link);
        assert_int_equal(device->speed_mbit, 1000);
        assert_int_equal(net_device_open(device, &user, NULL, 9000), 0);
        card_task_runs(now);
    }
    device = devices[n];
    packets = link_changes = ended = failed = card->frame_count = 0;
    memset(&device->counters, 0, sizeof(device->counters));
}

static uint32_t status_of(uint32_t legacy, uint32_t advanced)
{
    return card->advanced ? advanced : legacy;
}

static bool arrives(uint32_t bytes, uint32_t status)
{
    static uint8_t frame[20000];
    unsigned int before = packets;

    for (uint32_t i = 0; i < bytes; i++)
        frame[i] = (uint8_t)(i * 7 + bytes);
    assert_true(card_receives(card, frame, bytes, status));
    interrupt(0x80);
    if (packets == before)
        return false;
    assert_int_equal(last.bytes, bytes);
    assert_memory_equal(last_bytes, frame, bytes);
    return true;
}

static void packets_arrive_one(void)
{
    for (uint32_t bytes = 60; bytes < 9018; bytes += 17)
        assert_true(arrives(bytes, 0));
    assert_true(arrives(4096, 0));
    assert_true(arrives(4097, 0));
    assert_int_equal(last.offload.checksum, PACKET_CHECKSUM_THERE);
    assert_true(arrives(1514, 0x20));
    assert_int_equal(last.offload.checksum, PACKET_CHECKSUM_VALID);
    assert_true(arrives(1514, 0x20 | status_of(0x2000, 1u << 30)));
    assert_int_equal(last.offload.checksum, PACKET_CHECKSUM_THERE);
    assert_true(arrives(1514, 0x20 | status_of(0x4000, 1u << 29)));
    assert_int_equal(last.offload.checksum, PACKET_CHECKSUM_THERE);
    assert_int_equal(device->counters.received_lost, 0);
}

static void damaged_packets_are_dropped_one(void)
{
    assert_false(arrives(1514, status_of(0x8000, 1u << 31)));
    assert_false(arrives(13, 0));
    assert_false(arrives(4096 + 4096 + 10, status_of(0x100, 1u << 31)));
    assert_int_equal(device->counters.received_lost, 3);
    assert_true(arrives(9018, 0));
    *reg(card, 0x4010) = 7; /* missed, as no buffer was there */
    interrupt(0x40);
    assert_int_equal(device->counters.received_lost, 10);
}

static void lengths_that_make_no_sense_are_dropped_one(void)
{
    static const uint32_t lengths[] = { 0, 1, 4097, 65535 };

    for (unsigned int i = 0; i < 4; i++) {
        assert_true(card_writes(card, "", 0, lengths[i], 3));
        interrupt(0x80);
    }
    assert_true(card_writes(card, "", 0, 1, 1)); /* the headers are not in the first page */
    assert_true(card_writes(card, "", 0, 100, 3));
    interrupt(0x80);
    for (unsigned int i = 0; i < 200; i++) /* and one that does not end */
        assert_true(card_writes(card, "", 0, 4096, 1));
    interrupt(0x80);
    assert_true(card_writes(card, "", 0, 100, 3));
    interrupt(0x80);
    assert_in_range(packets, 0, 1);
    assert_true(arrives(9018, 0));
}

static void half_a_packet_waits_one(void)
{
    static const uint8_t data[4096];

    assert_true(card_writes(card, data, 4096, 4096, 1));
    interrupt(0x80);
    assert_int_equal(packets, 0);
    assert_true(card_writes(card, data, 100, 100, 3));
    interrupt(0x80);
    assert_int_equal(packets, 1);
    assert_int_equal(last.bytes, 4196);
}

static void nothing_a_card_writes_leads_astray_one(void)
{
    srand(2);
    for (unsigned int i = 0; i < 200000; i++) {
        uint32_t status = (uint32_t)rand() ^ (uint32_t)rand() << 8;

        if (!card_writes(card, "", 0, (uint32_t)rand() % (rand() % 8 ? 4097 : 70000), status | 1))
            interrupt(0x80);
    }
    interrupt(0x80);
    assert_true(packets > 1000);
    while (!card_writes(card, "", 0, 100, 3))
        interrupt(0x80);
    interrupt(0x80);
    assert_true(arrives(9018, 0));
}

/* Sending. */

static uint8_t pages[NET_BUFFERS_MAX][4096] __attribute__((aligned(4096)));
static struct net_transmit transmits[300];

static void done(struct net_transmit *transmit, int error)
{
    assert_ptr_equal(transmit->owner, transmit);
    transmit->owner = NULL;
    ended++;
    failed += error == -EIO;
}

static int submit(unsigned int n, uint32_t bytes, struct packet_offload offload)
{
    struct net_transmit *t = &transmits[n];
    int error;

    *t = (struct net_transmit){
        .done = done, .owner = t, .offload = offload, .bytes = bytes, .header = pages[0]
    };
    for (uint32_t at = 0, part; at < bytes; at += part) {
        part = bytes - at < 3000 ? bytes - at : 3000;
        t->buffers[t->buffer_count] =
            (struct net_buffer){ .machine = (uint64_t)pages[t->buffer_count], .bytes = part };
        t->buffer_count++;
    }
    error = net_device_submit(device, t);
    if (error)
        t->owner = NULL;
    return error;
}

static void send_all(void)
{
    net_device_kick(device);
    card_sends(card);
    interrupt(1);
}

static const struct packet_offload plain;

static void packets_are_sent_one(void)
{
    for (unsigned int i = 0; i < sizeof(pages); i++)
        ((uint8_t *)pages)[i] = (uint8_t)(i * 13 + 1);
    for (uint32_t bytes = 14; bytes < 9018; bytes += bytes < 70 ? 1 : 311) {
        uint32_t least = card->pci.device == 0x100e ? 60 : 17;
        uint32_t sent = bytes < least ? least : bytes;

        assert_int_equal(submit(0, bytes, plain), 0);
        send_all();
        assert_int_equal(card->frame_count, 1);
        assert_int_equal(card->frame_bytes[0], sent);
        for (uint32_t at = 0; at < sent; at++)
            assert_int_equal(card->frames[0][at], at < bytes ? pages[at / 3000][at % 3000] : 0);
        card->frame_count = 0;
    }
    assert_int_equal(failed, 0);
    assert_int_equal(device->counters.sent_packets, ended);
}

static void a_full_ring_has_no_room_one(void)
{
    for (unsigned int round = 0; round < 60; round++) {
        unsigned int n = 0;

        while (!submit(n, 100 + 3000 * (round % 3), plain))
            n++;
        assert_in_range(n, 255 / 3 - 3, 255);
        ended = card->frame_count = 0;
        send_all();
        assert_int_equal(ended, n);
        assert_int_equal(card->frame_count, n);
    }
    assert_int_equal(failed, 0);
}

static uint8_t *byte(uint32_t at)
{
    return &pages[at / 3000][at % 3000];
}

/* Headers of a packet with so much payload, as who leaves its checksum to us makes them; where the
 * part that is summed starts. */
static uint32_t headers_make(bool is_4, bool is_tcp, bool tagged, uint32_t payload)
{
    uint8_t *link = pages[0], *ip = link + 14 + 4 * tagged, *transport = ip + (is_4 ? 20 : 40);
    uint32_t length = (is_tcp ? 20 : 8) + payload;

    if (tagged)
        put16(link + 12, 0x8100);
    put16(ip - 2, is_4 ? 0x800 : 0x86dd);
    memset(ip, 0, 60);
    ip[0] = is_4 ? 0x45 : 0x60;
    put16(ip + (is_4 ? 2 : 4), length + 20 * is_4);
    ip[is_4 ? 9 : 6] = is_tcp ? 6 : 17;
    for (unsigned int i = is_4 ? 12 : 8; i < (is_4 ? 20u : 40u); i++)
        ip[i] = (uint8_t)(i * 77);
    if (is_4) {
        put16(ip + 4, 0xfffe);
        put16(ip + 10, 0xffff ^ ones_sum(ip, 20, 0));
    }
    if (is_tcp)
        put16(transport + 12, 0x5019); /* FIN, PSH, ACK */
    put16(transport + (is_tcp ? 16 : 6),
          ones_sum(ip + (is_4 ? 12 : 8), is_4 ? 8 : 32, (is_tcp ? 6 : 17) + length));
    return (uint32_t)(transport - link);
}

/* Every sum in the frame is right, and so are its lengths. */
static void frame_check(const uint8_t *frame, uint32_t bytes, bool is_4, bool is_tcp, bool tagged)
{
    const uint8_t *ip = frame + 14 + 4 * tagged, *transport = ip + (is_4 ? 20 : 40);
    uint32_t length = (uint32_t)(frame + bytes - transport);

    assert_int_equal(get16(ip + (is_4 ? 2 : 4)), length + 20 * is_4);
    if (is_4)
        assert_int_equal(ones_sum(ip, 20, 0), 0xffff);
    assert_int_equal(
        ones_sum(transport, length,
                 ones_sum(ip + (is_4 ? 12 : 8), is_4 ? 8 : 32, (is_tcp ? 6 : 17) + length)),
        0xffff);
}

static void checksums_are_made_one(void)
{
    for (unsigned int kind = 0; kind < 8; kind++) {
        bool is_4 = kind & 1, is_tcp = kind & 2, tagged = kind & 4;

        for (uint32_t payload = 50; payload < 8000; payload += 333) {
            uint32_t start = headers_make(is_4, is_tcp, tagged, payload);
            uint32_t bytes = start + (is_tcp ? 20 : 8) + payload;

            assert_int_equal(submit(0, bytes,
                                    (struct packet_offload){ .checksum = PACKET_CHECKSUM_PARTIAL,
                                                             .checksum_start = (uint16_t)start,
                                                             .checksum_offset = is_tcp ? 16 : 6 }),
                             0);
            assert_int_equal(submit(1, 60, plain), 0); /* that is not told by the card's context */
            card->frame_count = 0;
            send_all();
            assert_int_equal(card->frame_count, 2);
            assert_int_equal(card->frame_bytes[0], bytes);
            frame_check(card->frames[0], bytes, is_4, is_tcp, tagged);
            assert_memory_equal(card->frames[1], pages[0], 60);
        }
    }
    assert_int_equal(failed, 0);
}

static void segments_check(bool is_4, bool tagged, uint32_t payload, uint32_t segment)
{
    uint32_t start = headers_make(is_4, true, tagged, payload), header = start + 20, at = header;

    card->frame_count = 0;
    assert_int_equal(
        submit(0, header + payload,
               (struct packet_offload){ .checksum = PACKET_CHECKSUM_PARTIAL,
                                        .segmentation = is_4 ? PACKET_TCP4 : PACKET_TCP6,
                                        .checksum_start = (uint16_t)start,
                                        .checksum_offset = 16,
                                        .segment_bytes = (uint16_t)segment,
                                        .header_bytes = (uint16_t)header }),
        0);
    send_all();
    assert_int_equal(card->frame_count, (payload + segment - 1) / segment);
    for (unsigned int i = 0; i < card->frame_count; i++) {
        const uint8_t *frame = card->frames[i];
        uint32_t left = header + header + payload - at; /* less than the frame: padding */
        uint32_t bytes = left < card->frame_bytes[i] ? left : card->frame_bytes[i];

        frame_check(frame, bytes, is_4, true, tagged);
        assert_int_equal(frame[start + 13], i == card->frame_count - 1 ? 0x19 : 0x10);
        for (uint32_t k = header; k < bytes; k++, at++)
            assert_int_equal(frame[k], *byte(at));
    }
    assert_int_equal(at, header + payload);
}

static void segments_are_cut_one(void)
{
    for (unsigned int kind = 0; kind < 4; kind++) {
        bool is_4 = kind & 1, tagged = kind & 2;

        if (!(device->features & (is_4 ? NET_SENDS_TCP4 : NET_SENDS_TCP6)))
            continue;
        segments_check(is_4, tagged, 60000, 1448);
        segments_check(is_4, tagged, 14480, 1448);
        segments_check(is_4, tagged, 1449, 1448);
        segments_check(is_4, tagged, 5, 1448);
        segments_check(is_4, tagged, 64000, 8900);
    }
    assert_int_equal(failed, 0);
}

static void headers_that_do_not_fit_are_refused_one(void)
{
    struct packet_offload offload = { .checksum = PACKET_CHECKSUM_PARTIAL,
                                      .segmentation = PACKET_TCP4,
                                      .checksum_start = 30,
                                      .checksum_offset = 16,
                                      .segment_bytes = 1000,
                                      .header_bytes = 54 };

    headers_make(true, true, false, 3000);
    assert_int_equal(submit(0, 3054, offload), -EINVAL); /* no room for an IP header */
    offload.checksum_start = 1000;
    offload.header_bytes = 1020;
    assert_int_equal(submit(0, 3054, offload), -EINVAL); /* beyond what a context can say */
    offload.segmentation = PACKET_WHOLE;
    offload.checksum_start = 3000;
    assert_int_equal(submit(0, 3054, offload), -EINVAL);
}

static void filters_are_told_and_kept_one(void)
{
    struct net_filter filter = { .multicast_count = 1,
                                 .multicast = { { 1, 0, 0x5e, 1, 0x52, 0x63 } } };

    assert_int_equal(net_device_filter(device, &filter), 0);
    /* Bits 47 to 36 of the address: 0x635. */
    assert_int_equal(*reg(card, 0x5200 + 4 * (0x635 / 32)), 1u << (0x635 % 32));
    assert_int_equal(*reg(card, 0x100) & 0x18, 0);
    filter.all_multicast = true;
    assert_int_equal(net_device_filter(device, &filter), 0);
    assert_int_equal(*reg(card, 0x100) & 0x18, 0x10);
    filter = (struct net_filter){ .promiscuous = true };
    assert_int_equal(net_device_filter(device, &filter), 0);
    assert_int_equal(*reg(card, 0x100) & 0x18, 0x18);
    assert_int_equal(*reg(card, 0x5200 + 4 * (0x635 / 32)), 0);
}

static void a_card_that_sends_nothing_is_reset_one(void)
{
    assert_int_equal(submit(0, 1000, plain) | submit(1, 5000, plain), 0);
    net_device_kick(device);
    card_task_runs(now + 4 * SECOND);
    assert_int_equal(ended, 0);
    card_task_runs(now + 3 * SECOND);
    assert_int_equal(failed, 2);
    assert_int_equal(device->counters.resets, 1);
    assert_int_equal(*reg(card, 0x100) & 0x1a, 0x1a); /* promiscuous, as above */
    assert_true(arrives(5000, 0));
    assert_int_equal(submit(0, 1000, plain), 0);
    send_all();
    assert_int_equal(ended, 3);
    card_task_runs(now + 100 * SECOND);
    assert_int_equal(device->counters.resets, 1);
}

static void the_link_goes_and_comes_one(void)
{
    assert_int_equal(submit(0, 1000, plain), 0);
    net_device_kick(device);
    *reg(card, 8) &= ~2u;
    interrupt(4);
    assert_false(device->link);
    assert_int_equal(failed, 1); /* nobody gets it any more */
    assert_int_equal(device->counters.resets, 0);
    *reg(card, 8) |= 2;
    interrupt(4);
    assert_true(device->link);
    assert_true(link_changes >= 2);
    assert_true(arrives(100, 0));
}

static void a_card_beyond_help_is_dead_one(void)
{
    card->resets_work = card->pci.slot == 3; /* the others do not even do that */
    for (unsigned int i = 0; i < 10 && !submit(0, 100, plain); i++) {
        net_device_kick(device);
        card_task_runs(now + 10 * SECOND);
    }
    assert_int_equal(device->counters.resets, card->resets_work ? 4 : 1);
    assert_int_equal(failed, device->counters.resets);
    assert_int_equal(card->pci.bus, card->resets_work ? 0 : 0xff); /* cut off */
    assert_int_equal(submit(0, 100, plain), -EIO);
    assert_false(device->link);
}

#define WITH_EACH_CARD(test)                       \
    static void test(void **state)                 \
    {                                              \
        (void)state;                               \
        for (unsigned int n = 0; n < CARDS; n++) { \
            with(n);                               \
            test##_one();                          \
        }                                          \
    }

WITH_EACH_CARD(packets_arrive)
WITH_EACH_CARD(damaged_packets_are_dropped)
WITH_EACH_CARD(lengths_that_make_no_sense_are_dropped)
WITH_EACH_CARD(half_a_packet_waits)
WITH_EACH_CARD(nothing_a_card_writes_leads_astray)
WITH_EACH_CARD(packets_are_sent)
WITH_EACH_CARD(a_full_ring_has_no_room)
WITH_EACH_CARD(checksums_are_made)
WITH_EACH_CARD(segments_are_cut)
WITH_EACH_CARD(headers_that_do_not_fit_are_refused)
WITH_EACH_CARD(filters_are_told_and_kept)
WITH_EACH_CARD(a_card_that_sends_nothing_is_reset)
WITH_EACH_CARD(the_link_goes_and_comes)
WITH_EACH_CARD(a_card_beyond_help_is_dead)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packets_arrive),
        cmocka_unit_test(damaged_packets_are_dropped),
        cmocka_unit_test(lengths_that_make_no_sense_are_dropped),
        cmocka_unit_test(half_a_packet_waits),
        cmocka_unit_test(nothing_a_card_writes_leads_astray),
        cmocka_unit_test(packets_are_sent),
        cmocka_unit_test(a_full_ring_has_no_room),
        cmocka_unit_test(checksums_are_made),
        cmocka_unit_test(segments_are_cut),
        cmocka_unit_test(headers_that_do_not_fit_are_refused),
        cmocka_unit_test(filters_are_told_and_kept),
        cmocka_unit_test(a_card_that_sends_nothing_is_reset),
        cmocka_unit_test(the_link_goes_and_comes),
        cmocka_unit_test(a_card_beyond_help_is_dead),
    };

    return cmocka_run_group_tests_name("intel-nic", tests, NULL, NULL);
}
