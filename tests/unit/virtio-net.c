/*
 * The virtio network driver with a card that lies, hangs, or asks to be reset.  The card's
 * registers are memory, its queues are the real ones; tasks, clock and PCI are fakes.
 *
 * Sources: dom0/devices/virtio-net.c dom0/devices/virtio-net-receive.c
 * dom0/devices/virtio-net-transmit.c dom0/devices/virtio-net-control.c dom0/devices/virtio-pci.c
 * dom0/devices/net-device.c dom0/devices/nic-work.c dom0/devices/pci-names.c
 * Flags: -Wl,--wrap=virtio_queue_setup
 */
#include "fake-virtio-net.h"

/* The user. */

static struct packet last;
static uint8_t last_bytes[PACKET_BYTES_MAX];
static unsigned int packets, rooms, link_changes, ended, failed;

static void received(struct net_device *device, const struct packet *packet)
{
    uint32_t at = 0;

    (void)device;
    assert_in_range(packet->bytes, PACKET_BYTES_LEAST, PACKET_BYTES_MAX);
    assert_in_range(packet->piece_count, 1, PACKET_PIECES_MAX);
    for (unsigned int i = 0; i < packet->piece_count; i++) {
        const struct packet_piece *piece = &packet->pieces[i];

        assert_true(((uintptr_t)piece->local & 4095) + piece->length <= 4096);
        memcpy(last_bytes + at, piece->local, piece->length);
        at += piece->length;
    }
    assert_int_equal(at, packet->bytes);
    if (packet->offload.checksum == PACKET_CHECKSUM_PARTIAL)
        assert_true(packet->offload.checksum_start + packet->offload.checksum_offset + 2u <=
                    packet->bytes);
    if (packet->offload.segmentation != PACKET_WHOLE) {
        assert_int_equal(packet->offload.checksum, PACKET_CHECKSUM_PARTIAL);
        assert_true(packet->offload.segment_bytes);
        assert_true(packet->offload.header_bytes <= packet->pieces[0].length);
        assert_true(packet->offload.header_bytes < packet->bytes);
    }
    last = *packet;
    packets++;
}

static void received_all(struct net_device *device)
{
    (void)device;
}

static void room(struct net_device *device)
{
    (void)device;
    rooms++;
}

static void link_changed(struct net_device *device)
{
    (void)device;
    link_changes++;
}

static const struct net_user user = { received, received_all, room, link_changed };

static void done(struct net_transmit *transmit, int error)
{
    assert_ptr_equal(transmit->owner, transmit); /* once */
    transmit->owner = NULL;
    ended++;
    failed += error == -EIO;
}

static struct net_transmit transmits[RING_SIZE];
static uint8_t payload[2048];

static int submit(unsigned int n, unsigned int buffers)
{
    struct net_transmit *t = &transmits[n];
    int error;

    if (t->owner)
        return -EBUSY; /* on its way */
    *t = (struct net_transmit){ .done = done, .owner = t, .buffer_count = buffers };
    for (unsigned int i = 0; i < buffers; i++, t->bytes += 60)
        t->buffers[i] = (struct net_buffer){ .machine = (uint64_t)payload, .bytes = 60 };
    error = net_device_submit(net_devices_first(), t);
    if (error)
        t->owner = NULL;
    return error;
}

static int restart(void **state)
{
    uint16_t pairs = 2, mtu = 9000;

    (void)state;
    if (nic_task)
        goto counters;
    common()->device_feature = FEATURES; /* both halves read the same: bits 32 and up, too */
    registers[256 + 6] = 1;
    memcpy(&registers[256 + 8], &pairs, 2);
    memcpy(&registers[256 + 10], &mtu, 2);
    answers_control = true;
    assert_int_equal(virtio_net_start(&pci), 0);
    assert_int_equal(net_device_open(net_devices_first(), &user, NULL, 9000), 0);
    nic_task_runs(now);
counters:
    packets = rooms = link_changes = ended = failed = 0;
    memset(&net_devices_first()->counters, 0, sizeof(struct net_counters));
    return 0;
}

/* A frame arrives: was it handed on? */
static bool arrives(struct virtio_net_header header, uint32_t bytes, uint32_t room_bytes)
{
    static uint8_t frame[PACKET_BYTES_MAX];
    unsigned int before = packets;

    for (uint32_t i = 0; i < bytes; i++)
        frame[i] = (uint8_t)(i * 7);
    frame[34 + 12] = 0x50; /* a TCP header of 20 bytes at 34 */
    receive(header, frame, bytes, room_bytes);
    interrupt(1);
    if (packets == before)
        return false;
    assert_int_equal(last.bytes, bytes);
    assert_memory_equal(last_bytes, frame, bytes);
    return true;
}

static const struct virtio_net_header plain,
    checksum = { .flags = 1, .checksum_start = 34, .checksum_offset = 16 },
    large = { .flags = 1,
              .segmentation = 1,
              .segment_bytes = 1000,
              .checksum_start = 34,
              .checksum_offset = 16 };

static void packets_arrive(void **state)
{
    (void)state;
    for (uint32_t bytes = 14; bytes < 40000; bytes += 997)
        assert_true(arrives(plain, bytes, 4096));
    assert_int_equal(last.offload.checksum, PACKET_CHECKSUM_THERE);
    assert_true(arrives((struct virtio_net_header){ .flags = 2 }, 100, 4096));
    assert_int_equal(last.offload.checksum, PACKET_CHECKSUM_VALID);
    assert_true(arrives(large, 30000, 4096));
    assert_int_equal(last.offload.header_bytes, 54);
    assert_int_equal(last.offload.segmentation, PACKET_TCP4);
    assert_true(arrives(checksum, 52, 4096));
    assert_true(arrives(plain, 100, 32)); /* small pieces, if it likes */
}

static void packets_that_make_no_sense_are_dropped(void **state)
{
    struct virtio_net_header header;
    unsigned int lost = 0;
#define DROPPED(change, bytes, from) \
    (header = (from), header.change, assert_false(arrives(header, bytes, 4096)), lost++)

    (void)state;
    assert_false(arrives(plain, 13, 4096));
    DROPPED(checksum_start = 13, 100, checksum);
    DROPPED(checksum_start = 99, 100, checksum);
    DROPPED(checksum_offset = 65535, 100, checksum);
    DROPPED(flags = 0, 30000, large);
    DROPPED(segmentation = 3, 30000, large);
    DROPPED(segmentation = 0x81, 30000, large);
    DROPPED(segment_bytes = 0, 30000, large);
    DROPPED(checksum_offset = 6, 30000, large);
    DROPPED(checksum_start = 4090, 30000, large); /* the TCP header is not in the first page */
    DROPPED(checksum_start = 35, 30000, large);   /* nor has it 20 bytes there */
    DROPPED(segment_bytes = 10, 54, large);       /* no payload */
    DROPPED(buffers = 2, 100, plain);             /* there is no second page */
    DROPPED(buffers = 60000, 100, plain);
    assert_int_equal(net_devices_first()->counters.received_lost, lost + 1);
    receive(plain, payload, 20 + 29 * 32, 32); /* more pages than a packet has pieces */
    interrupt(1);
    assert_true(arrives(plain, 9018, 4096));
#undef DROPPED
}

static void used_entries_that_make_no_sense_are_dropped(void **state)
{
    static const uint32_t lengths[] = { 0, 1, 12, 4097, 65536, 0xffffffff };
    const struct virtio_net_header one_page = { .buffers = 1 };
    uint16_t again;

    (void)state;
    for (unsigned int i = 0; i < sizeof(lengths) / sizeof(*lengths); i++)
        finish(0, (uint32_t)next_given(0), lengths[i]);
    finish(0, RING_SIZE, 100);
    finish(0, 0xffffffff, 100);
    finish(1, 5, 0); /* nothing was sent */
    finish(1, 0x10000, 0);
    interrupt(1);
    assert_int_equal(packets, 0);
    assert_int_equal(ended, 0);
    assert_true(arrives(plain, 1514, 4096));
    /* Out of turn, and then once more: it is one packet. */
    again = queues[0]->available[2 + (taken[0] + 20u) % RING_SIZE];
    memcpy((void *)queues[0]->descriptors[again].address, &one_page, sizeof(one_page));
    finish(0, again, 1000);
    finish(0, again, 1000);
    interrupt(1);
    assert_int_equal(packets, 2);
}

static void nothing_a_card_writes_leads_astray(void **state)
{
    (void)state;
    srand(1);
    for (unsigned int i = 0; i < 200000; i++) {
        struct virtio_net_header header;
        uint32_t id = (uint32_t)rand() % (RING_SIZE + 1);

        for (size_t at = 0; at < sizeof(header); at++)
            ((uint8_t *)&header)[at] = (uint8_t)(rand() % 8 ? rand() % 4 : rand());
        if (id < RING_SIZE)
            memcpy((void *)queues[0]->descriptors[id].address, &header, sizeof(header));
        finish(0, id, (uint32_t)rand() % 4200);
        finish(1, (uint32_t)rand() % 70, (uint32_t)rand());
        if (rand() % 4 == 0)
            interrupt(1);
        if (rand() % 100 == 0)
            submit((unsigned int)rand() % 64, 1 + (unsigned int)rand() % 24);
    }
    assert_true(packets > 1000);
    common()->device_status |= 64;
    interrupt(0); /* and it starts anew */
    assert_int_equal(net_devices_first()->counters.resets, 1);
    assert_true(arrives(plain, 1514, 4096));
}

static void packets_are_sent_and_end_once(void **state)
{
    unsigned int sent = 0;

    (void)state;
    for (unsigned int round = 0; round < 50; round++) {
        unsigned int n = 0, buffers = 1 + round % 24;
        int head;

        while (!submit(n, buffers))
            n++;
        assert_int_equal(n, RING_SIZE / (buffers + 1));
        net_device_kick(net_devices_first());
        sent += n;
        while ((head = next_given(1)) >= 0) {
            unsigned int length = 1;

            for (int at = head; queues[1]->descriptors[at].flags & VIRTQ_NEXT; length++)
                at = queues[1]->descriptors[at].next;
            assert_int_equal(length, buffers + 1);
            finish(1, (uint32_t)head, 0);
            finish(1, (uint32_t)head, 0); /* a second time */
        }
        interrupt(1);
        assert_int_equal(ended, sent);
    }
    assert_int_equal(failed, 0);
    assert_int_equal(rooms, 50);
    assert_int_equal(net_devices_first()->counters.sent_packets, sent);
}

static void what_no_card_could_send_is_refused(void **state)
{
    struct net_device *device = net_devices_first();
    uint8_t header[60];
    struct net_transmit good = { .done = done,
                                 .offload = { PACKET_CHECKSUM_PARTIAL, PACKET_TCP4, 34, 16, 1000,
                                              54 },
                                 .buffer_count = 2,
                                 .buffers = { { (uint64_t)payload, 60 },
                                              { (uint64_t)payload, 60 } },
                                 .bytes = 120,
                                 .header = header },
                        bad;
#define REFUSED(change) \
    (bad = good, bad.change, assert_int_equal(net_device_submit(device, &bad), -EINVAL))

    (void)state;
    REFUSED(header = NULL);
    REFUSED(buffer_count = 0);
    REFUSED(buffer_count = 25);
    REFUSED(bytes = 13);
    REFUSED(bytes = 70000);
    REFUSED(offload.segment_bytes = 0);
    REFUSED(offload.header_bytes = 61);
    REFUSED(offload.header_bytes = 51);
    REFUSED(offload.checksum_start = 13);
    REFUSED(offload.checksum_offset = 90);
    REFUSED(offload.checksum = PACKET_CHECKSUM_VALID);
#undef REFUSED
}

static void a_card_that_sends_nothing_is_reset(void **state)
{
    (void)state;
    assert_int_equal(submit(0, 2) | submit(1, 2), 0);
    net_device_kick(net_devices_first());
    nic_task_runs(now + 4 * SECOND);
    assert_int_equal(ended, 0);
    nic_task_runs(now + 3 * SECOND);
    assert_int_equal(failed, 2);
    assert_int_equal(net_devices_first()->counters.resets, 1);
    assert_int_equal(net_devices_first()->counters.sent_lost, 2);
    assert_true(arrives(plain, 5000, 4096));
    assert_int_equal(submit(0, 3), 0);
    net_device_kick(net_devices_first());
    finish(1, (uint32_t)next_given(1), 0);
    interrupt(1);
    assert_int_equal(ended, 3);
    nic_task_runs(now + 100 * SECOND); /* it has nothing to do: nobody looks after it */
    assert_int_equal(net_devices_first()->counters.resets, 1);
}

static void filters_are_told_and_kept(void **state)
{
    struct net_filter filter = { .multicast_count = 64 };
    unsigned int before = control_commands;

    (void)state;
    assert_int_equal(net_device_filter(net_devices_first(), &filter), 0);
    nic_task_runs(now);
    assert_int_equal(control_commands, before + 3);
    common()->device_status |= 64;
    interrupt(0);
    assert_int_equal(control_commands, before + 3 + 1 + 3); /* queue pairs, and all of it again */
    filter.multicast_count = 65;
    assert_int_equal(net_device_filter(net_devices_first(), &filter), -EINVAL);
}

static void the_link_goes_and_comes(void **state)
{
    (void)state;
    assert_true(net_devices_first()->link);
    registers[256 + 6] = 0;
    interrupt(0);
    assert_false(net_devices_first()->link);
    registers[256 + 6] = 1;
    interrupt(0);
    assert_true(net_devices_first()->link);
    assert_int_equal(link_changes, 2);
}

static void a_card_beyond_help_is_dead(void **state)
{
    (void)state;
    for (unsigned int i = 0; i < 10 && !submit(0, 1); i++) {
        net_device_kick(net_devices_first());
        nic_task_runs(now + 10 * SECOND);
    }
    assert_in_range(net_devices_first()->counters.resets, 2, 5);
    assert_int_equal(failed, net_devices_first()->counters.resets);
    assert_int_equal(submit(0, 1), -EIO);
    assert_false(net_devices_first()->link);
}

static void a_card_that_counts_on_and_on(void **state)
{
    struct transmit_queue *queue = (struct transmit_queue *)queues[1];
    uint16_t before = queues[1]->used_index;

    (void)state;
    assert_int_equal(submit(0, 2), 0);
    net_device_kick(net_devices_first());
    for (unsigned int i = 0; i < RING_SIZE; i++)
        finish(1, RING_SIZE, 0);
    queues[1]->used[1] = (uint16_t)(before + 1000);
    assert_int_equal(transmit_queue_take(queue, net_devices_first()), 0);
    assert_int_equal((uint16_t)(queues[1]->used_index - before), RING_SIZE);
    yields = 0;
    interrupt(1);
    assert_in_range(yields, 1000 / RING_SIZE - 1, 1000);
    common()->device_status |= 64;
    interrupt(0);
    assert_int_equal(failed, 1);
}

static void rings_of_any_size(void **state)
{
    static const uint16_t sizes[][2] = { { 1, 1 },     { 2, 2 },     { 3, 2 },      { 24, 16 },
                                         { 100, 64 },  { 255, 128 }, { 256, 256 },  { 257, 256 },
                                         { 300, 256 }, { 384, 256 }, { 32768, 256 } };
    struct virtio_device device = { .common = common(), .notify = registers + 1024 };
    struct virtqueue ring = { .size = 0 };

    (void)state;
    common()->queue_size = 0;
    assert_int_equal(__real_virtio_queue_setup(&device, &ring, 0, 0), -ENODEV);
    for (unsigned int i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        struct virtqueue queue = { .size = 0 };

        common()->queue_size = sizes[i][0];
        assert_int_equal(__real_virtio_queue_setup(&device, &queue, 0, 0), 0);
        assert_int_equal(queue.size, sizes[i][1]);
        assert_int_equal(common()->queue_size, queue.size);
        common()->queue_size = 512; /* larger or smaller after a reset */
        assert_int_equal(__real_virtio_queue_setup(&device, &queue, 0, 0),
                         queue.size == 256 ? 0 : -EIO);
        frames_free((void *)(uintptr_t)queue.descriptors, 0);
        frames_free((void *)(uintptr_t)queue.available, 0);
        frames_free((void *)(uintptr_t)queue.used, 0);
    }
}

/* The last one: its cards take the place of the one there is. */
static void a_card_with_small_rings(void **state)
{
    struct net_device *device;

    (void)state;
    ring_size = 20; /* and 16 are used */
    assert_int_equal(virtio_net_start(&pci), 0);
    device = net_devices_first()->next;
    assert_int_equal(device->buffers_max, 15);
    assert_int_equal(net_device_open(device, &user, NULL, 1500), 0);
    ring_size = 1;
    assert_int_equal(virtio_net_start(&pci), -ENODEV);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(packets_arrive, restart),
        cmocka_unit_test_setup(packets_that_make_no_sense_are_dropped, restart),
        cmocka_unit_test_setup(used_entries_that_make_no_sense_are_dropped, restart),
        cmocka_unit_test_setup(nothing_a_card_writes_leads_astray, restart),
        cmocka_unit_test_setup(packets_are_sent_and_end_once, restart),
        cmocka_unit_test_setup(what_no_card_could_send_is_refused, restart),
        cmocka_unit_test_setup(a_card_that_sends_nothing_is_reset, restart),
        cmocka_unit_test_setup(filters_are_told_and_kept, restart),
        cmocka_unit_test_setup(the_link_goes_and_comes, restart),
        cmocka_unit_test_setup(a_card_that_counts_on_and_on, restart),
        cmocka_unit_test_setup(a_card_beyond_help_is_dead, restart),
        cmocka_unit_test_setup(rings_of_any_size, restart),
        cmocka_unit_test_setup(a_card_with_small_rings, restart),
    };

    return cmocka_run_group_tests_name("virtio-net", tests, NULL, NULL);
}
