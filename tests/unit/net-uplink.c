/*
 * An uplink whose card is busy: senders to one, to everybody and to nobody known get equally much,
 * what is refused reaches nobody, and those who cannot wait find room.
 *
 * Sources: dom0/network/uplink.c dom0/network/switch.c dom0/network/batch.c dom0/network/tagging.c
 * Sources: dom0/network/fallback.c dom0/network/headers.c dom0/network/checksum.c
 * Sources: dom0/devices/net-device.c dom0/tasks/turns.c
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
#include "network/switch.h"
#include "network/uplink.h"

/* The card: a ring of so many descriptors, sent in order. */
#define DESCRIPTORS 256u

static struct net_transmit *queued[DESCRIPTORS];
static unsigned int first_queued, queued_count, used;
static bool room_wanted;
static uint32_t longest, sent_from[256]; /* packets, by the sender's last byte */

static int card_open(struct net_device *device, unsigned int mtu)
{
    (void)device;
    (void)mtu;
    return 0;
}

static int card_submit(struct net_device *device, struct net_transmit *transmit)
{
    (void)device;
    if (used + transmit->buffer_count + 1 > DESCRIPTORS) {
        room_wanted = true;
        return -EAGAIN;
    }
    used += transmit->buffer_count + 1;
    queued[(first_queued + queued_count++) % DESCRIPTORS] = transmit;
    return 0;
}

static void card_kick(struct net_device *device)
{
    (void)device;
}

static int card_filter(struct net_device *device, const struct net_filter *filter)
{
    (void)device;
    (void)filter;
    return 0;
}

static const struct net_driver driver = { card_open, card_submit, card_kick, card_filter };
static struct net_device device;

static void card_sends(unsigned int count)
{
    while (count-- && queued_count) {
        struct net_transmit *transmit = queued[first_queued];
        uint32_t bytes = transmit->bytes;

        first_queued = (first_queued + 1) % DESCRIPTORS;
        queued_count--;
        used -= transmit->buffer_count + 1;
        if (transmit->offload.segmentation != PACKET_WHOLE)
            bytes = transmit->offload.header_bytes + transmit->offload.segment_bytes;
        bytes = bytes < transmit->bytes ? bytes : transmit->bytes;
        longest = bytes > longest ? bytes : longest;
        sent_from[((uint8_t *)transmit->header)[11]]++;
        transmit->done(transmit, 0);
    }
    if (room_wanted) {
        room_wanted = false;
        device.user->room(&device);
    }
}

static void card_sends_all(void)
{
    while (queued_count)
        card_sends(queued_count);
}

/* Who is on the switch besides: senders with a turn each, who see what is for everybody. */
struct sender {
    struct switch_port port; /* first */
    struct turn turn;
    unsigned int accepted, seen;
};

static struct sender senders[3];
static struct net_switch *net_switch;
static struct uplink *uplink, *uplinks[8]; /* they stay, as in dom0 */
static unsigned int uplink_count;
static uint8_t frame[65536] __attribute__((aligned(4096)));

#define GATEWAY  0x99
#define NOBODY   0x77
#define EVERYONE 0xff

static void output(struct switch_port *port, const struct packet *packet)
{
    (void)packet;
    ((struct sender *)port)->seen++;
}

static const struct switch_port_operations operations = { .output = output };

static void come(struct turn *turn)
{
    (void)turn;
}

static struct packet packet_of(uint8_t to, uint8_t from, uint32_t bytes)
{
    struct packet packet = { .bytes = bytes };

    memset(frame, to == EVERYONE ? 0xff : 0, 6);
    memset(frame + 6, 0, 6);
    frame[0] |= 2;
    frame[5] = to;
    frame[6] = 2;
    frame[11] = from;
    frame[12] = 0x88;
    frame[13] = 0xb5;
    for (uint32_t at = 0; at < bytes; at += PAGE_SIZE)
        packet.pieces[packet.piece_count++] = (struct packet_piece){
            .local = frame + at, .length = bytes - at < PAGE_SIZE ? bytes - at : (uint32_t)PAGE_SIZE
        };
    return packet;
}

static int setup(void **state)
{
    struct packet packet = packet_of(1, GATEWAY, 60);

    (void)state;
    memset(senders, 0, sizeof(senders));
    memset(sent_from, 0, sizeof(sent_from));
    longest = 0;
    net_switch = switch_create();
    device = (struct net_device){
        .name = "eth0", .mtu_max = 1500, .buffers_max = 24, .driver = &driver, .link = true
    };
    device.features = NET_SENDS_CHECKSUM | NET_SENDS_TCP4;
    assert_int_equal(uplink_create(&device, net_switch, 1500, &uplink), 0);
    uplinks[uplink_count++] = uplink;
    for (unsigned int i = 0; i < 3; i++) {
        struct sender *sender = &senders[i];

        sender->port = (struct switch_port){ .operations = &operations, .guarded = true };
        sender->port.mac[0] = 2;
        sender->port.mac[5] = (uint8_t)(i + 1);
        sender->port.mtu = 1500;
        sender->port.takes = PORT_TAKES_ALL;
        sender->turn.come = come;
        assert_int_equal(switch_attach(net_switch, &sender->port), 0);
    }
    device.user->received(&device, &packet);
    device.user->received_all(&device);
    senders[0].seen = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    card_sends_all();
    for (unsigned int i = 0; i < 3; i++) {
        turn_give_up(&senders[i].turn);
        switch_detach(&senders[i].port);
    }
    return 0;
}

/* A round of a sender's task. */
static void round_of(struct sender *sender, uint8_t to, uint32_t bytes)
{
    bool refused = false;

    for (unsigned int i = 0; i < 32 && !refused; i++) {
        struct packet packet = packet_of(to, sender->port.mac[5], bytes);

        refused = switch_input(&sender->port, &packet, &sender->turn);
        sender->accepted += !refused;
    }
    batch_end();
    if (!refused)
        turn_pause(&sender->turn);
}

static void who_sends_to_everybody_waits_for_his_turn(void **state)
{
    static const uint8_t kinds[] = { EVERYONE, NOBODY };

    (void)state;
    for (unsigned int kind = 0; kind < 2; kind++)
        for (unsigned int speed = 1; speed <= 64; speed *= 4) {
            unsigned int flood = senders[0].accepted, good = senders[1].accepted;

            for (unsigned int i = 0; i < 4096 / speed + 500; i++) {
                card_sends(speed);
                round_of(&senders[0], kinds[kind], 1514);
                round_of(&senders[1], GATEWAY, 1514);
            }
            flood = senders[0].accepted - flood;
            good = senders[1].accepted - good;
            assert_true(good > flood / 2);
        }
    assert_int_equal(senders[2].port.counters.out_packets, senders[0].accepted);
}

static void what_is_refused_has_been_seen_by_nobody(void **state)
{
    (void)state;
    for (unsigned int i = 0; i < 1000; i++) {
        round_of(&senders[0], EVERYONE, 300);
        if (i % 10 == 0)
            card_sends(3);
    }
    assert_in_range(senders[0].accepted, 400, 31999);
    assert_int_equal(senders[1].seen, senders[0].accepted);
    assert_int_equal(senders[2].seen, senders[0].accepted);
    card_sends_all();
    assert_int_equal(sent_from[1], senders[0].accepted);
}

static void who_cannot_wait_finds_room(void **state)
{
    unsigned int dropped = ((struct switch_port *)uplink)->counters.out_dropped;

    (void)state;
    for (unsigned int i = 0; i < 100; i++)
        round_of(&senders[0], i % 2 ? EVERYONE : NOBODY, 1514);
    for (unsigned int i = 0; i < 60; i++) {
        struct packet packet = packet_of(i % 2 ? EVERYONE : GATEWAY, 2, 1514);

        assert_int_equal(switch_input(&senders[1].port, &packet, NULL), 0);
        batch_end();
    }
    card_sends_all();
    assert_int_equal(sent_from[2], 60);
    assert_int_equal(((struct switch_port *)uplink)->counters.out_dropped, dropped);
}

/* A large segment over IPv4 that is to be cut into ones of so many bytes. */
static struct packet large_packet(uint32_t bytes, uint16_t segment)
{
    struct packet packet = packet_of(GATEWAY, 1, bytes);

    memset(frame + 12, 0, 42);
    frame[12] = 0x08;
    frame[14] = 0x45;
    frame[23] = 6;
    frame[46] = 0x50;
    packet.offload = (struct packet_offload){ .checksum = PACKET_CHECKSUM_PARTIAL,
                                              .segmentation = PACKET_TCP4,
                                              .checksum_start = 34,
                                              .checksum_offset = 16,
                                              .segment_bytes = segment,
                                              .header_bytes = 54 };
    return packet;
}

static void the_card_gets_no_frame_longer_than_its_mtu(void **state)
{
    (void)state;
    for (unsigned int cuts = 0; cuts < 2; cuts++) {
        ((struct switch_port *)uplink)->takes = cuts ? PORT_TAKES_ALL : 0;
        for (unsigned int i = 0; i < 200; i++) {
            struct packet packet = large_packet(1000 + i * 300, (uint16_t)(1000 + i * 37 % 900));

            assert_int_equal(switch_input(&senders[0].port, &packet, NULL), 0);
            batch_end();
            card_sends_all();
        }
    }
    assert_in_range(sent_from[1], 100, 100000);
    assert_in_range(longest, 1000, 1514);
}

/* One large packet is many frames to a card that does not cut it: all of them have room. */
static void what_is_cut_here_has_room(void **state)
{
    unsigned int accepted = 0;

    (void)state;
    ((struct switch_port *)uplink)->takes = 0;
    for (unsigned int i = 0; i < 500; i++) {
        struct packet packet = large_packet(60000, 480);

        if (!switch_input(&senders[0].port, &packet, &senders[0].turn))
            accepted++;
        batch_end();
        if (i % 5 == 0)
            card_sends(100);
    }
    for (unsigned int i = 0; i < 60; i++) {
        struct packet packet = packet_of(GATEWAY, 2, 1514);

        assert_int_equal(switch_input(&senders[1].port, &packet, NULL), 0);
        batch_end();
    }
    card_sends_all();
    assert_int_equal(((struct switch_port *)uplink)->counters.out_dropped, 0);
    assert_in_range(accepted, 40, 499);
    assert_int_equal(sent_from[1], accepted * ((60000 - 54 + 479) / 480));
    assert_int_equal(sent_from[2], 60);
}

#define AROUND 24 /* a frame on the wire */

/* Many segments in a packet that is not long: the same, and they are charged for. */
static void small_segments_have_room_and_a_price(void **state)
{
    struct sender *many = &senders[0], *plain = &senders[1];
    unsigned int dropped = 0;

    (void)state;
    for (unsigned int cuts = 0; cuts < 2; cuts++) {
        unsigned int frames = (1514 - 54 + 11) / 12;
        uint64_t of_many = 0, of_plain = 0;

        ((struct switch_port *)uplink)->takes = cuts ? PORT_TAKES_ALL : 0;
        for (unsigned int round = 0; round < 4000; round++) {
            card_sends(cuts ? 8 : 64);
            for (unsigned int i = 0; i < 32; i++) {
                struct packet packet = large_packet(1514, 12);

                if (switch_input(&many->port, &packet, &many->turn))
                    break;
                of_many += frames * (66 + AROUND);
            }
            batch_end();
            if (!many->turn.waits)
                turn_pause(&many->turn);
            plain->accepted = 0;
            round_of(plain, GATEWAY, 1514);
            of_plain += plain->accepted * (1514 + AROUND);
            for (unsigned int i = 0; i < 3; i++) { /* dom0's own */
                struct packet packet = packet_of(GATEWAY, 3, 300);

                assert_int_equal(switch_input(&senders[2].port, &packet, NULL), 0);
            }
            batch_end();
        }
        assert_in_range(of_many, of_plain * 9 / 10, of_plain * 11 / 10);
        card_sends_all();
    }
    dropped = (unsigned int)((struct switch_port *)uplink)->counters.out_dropped;
    assert_int_equal(dropped, 0);
}

/* A frame that is padded costs what it is on the wire. */
static void the_smallest_frames_have_their_price(void **state)
{
    struct sender *small = &senders[0], *plain = &senders[1];
    uint64_t of_small = 0, of_plain = 0;

    (void)state;
    for (unsigned int round = 0; round < 20000; round++) {
        card_sends(20);
        small->accepted = plain->accepted = 0;
        round_of(small, GATEWAY, 20);
        round_of(plain, GATEWAY, 1514);
        of_small += small->accepted * (60 + AROUND);
        of_plain += plain->accepted * (1514 + AROUND);
    }
    assert_in_range(of_small, of_plain * 9 / 10, of_plain * 11 / 10);
    card_sends_all();
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(who_sends_to_everybody_waits_for_his_turn),
        CASE(what_is_refused_has_been_seen_by_nobody),
        CASE(who_cannot_wait_finds_room),
        CASE(the_card_gets_no_frame_longer_than_its_mtu),
        CASE(what_is_cut_here_has_room),
        CASE(small_segments_have_room_and_a_price),
        CASE(the_smallest_frames_have_their_price),
    };

    return cmocka_run_group_tests_name("net-uplink", tests, NULL, NULL);
}
