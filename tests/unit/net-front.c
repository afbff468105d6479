/*
 * The net frontend's queues and its task, case by case, with a backend that behaves, or does one
 * thing wrong.
 *
 * Sources: split-drivers/net/front/transmit.c split-drivers/net/front/receive.c
 * Sources: split-drivers/net/front/queues.c split-drivers/net/front/serve.c
 * Sources: dom0/devices/net-device.c dom0/network/headers.c dom0/network/checksum.c
 * Sources: dom0/network/tagging.c
 */
#include "net-front-world.h"

static struct front_queue *q(void)
{
    return front.queues[0];
}

/* The backend: takes the n-th request since the start. */
static struct netif_tx_request request(unsigned int n)
{
    assert_true(n < q()->tx->header.req_prod);
    return ((struct front_tx_ring *)(uintptr_t)q()->tx)->slots[n].request;
}

static void answer(uint16_t id, int16_t status)
{
    volatile struct front_tx_ring *tx = q()->tx;

    tx->slots[tx->header.rsp_prod % FRONT_SLOTS].response.id = id;
    tx->slots[tx->header.rsp_prod % FRONT_SLOTS].response.status = status;
    tx->header.rsp_prod++;
    nic_work_wake(&front.work);
}

static unsigned int rx_at;

/* Fills the next slot given: `bytes` of what, at an offset. */
static void deliver(const void *data, int16_t bytes, uint16_t offset, uint16_t flags)
{
    volatile struct front_rx_ring *rx = q()->rx;
    volatile union front_rx_slot *slot = &rx->slots[rx_at++ % FRONT_SLOTS];
    grant_ref_t ref = slot->request.gref;
    uint16_t id = slot->request.id;

    assert_true(grants[ref].open && !grants[ref].read_only);
    if (bytes > 0 && offset + bytes <= (int)PAGE_SIZE)
        memcpy(grants[ref].page + offset, data, (size_t)bytes);
    slot->response.id = id;
    slot->response.offset = offset;
    slot->response.flags = flags;
    slot->response.status = bytes;
}

static void extra(uint8_t type, uint8_t gso, uint16_t size, uint8_t flags)
{
    volatile union front_rx_slot *slot = &q()->rx->slots[rx_at++ % FRONT_SLOTS];

    slot->extra.type = type;
    slot->extra.flags = flags;
    slot->extra.u.gso.type = gso;
    slot->extra.u.gso.size = size;
}

static void delivered(void)
{
    q()->rx->header.rsp_prod = rx_at;
    nic_work_wake(&front.work);
    run();
}

static uint8_t frame[4096];

/* A TCP segment's first bytes. */
static void frame_make(void)
{
    memset(frame, 0x5a, sizeof(frame));
    memset(frame + 12, 0, 42);
    frame[12] = 0x08;
    frame[14] = 0x45;
    frame[23] = 6;
    frame[46] = 0x50;
}

static int setup(void **state)
{
    (void)state;
    world_goes_on = NULL;
    notified = rx_at = 0;
    frame_make();
    return world_start(1);
}

static int teardown(void **state)
{
    (void)state;
    world_end();
    return 0;
}

static void a_packet_goes_out(void **state)
{
    struct netif_tx_request first;

    (void)state;
    assert_int_equal(submit(&sends[0], 1, 1514, NULL), 0);
    assert_int_equal(q()->tx->header.req_prod, 0);
    net_device_kick(&front.net);
    assert_int_equal(q()->tx->header.req_prod, 1);
    assert_int_equal(notified, 1);
    first = request(0);
    assert_int_equal(first.size, 1514);
    assert_int_equal(first.flags, 0);
    assert_true(grants[first.gref].open && grants[first.gref].read_only);
    assert_ptr_equal(grants[first.gref].page, sends[0].pages[0]);
    answer(first.id, NETIF_RSP_OKAY);
    run();
    assert_false(sends[0].under_way);
    assert_int_equal(sends[0].error, 0);
    assert_int_equal(front.net.counters.sent_bytes, 1514);
    assert_null(front.broken);
}

static void a_large_segment_goes_out(void **state)
{
    struct packet_offload offload = { .checksum = PACKET_CHECKSUM_PARTIAL,
                                      .segmentation = PACKET_TCP6,
                                      .checksum_start = 54,
                                      .checksum_offset = 16,
                                      .segment_bytes = 1440,
                                      .header_bytes = 74 };
    const struct front_tx_ring *tx = (void *)(uintptr_t)q()->tx;

    (void)state;
    assert_int_equal(submit(&sends[0], 3, 100, &offload), 0);
    net_device_kick(&front.net);
    assert_int_equal(tx->header.req_prod, 4);
    assert_int_equal(request(0).size, 8292);
    assert_int_equal(request(0).flags, NETTXF_csum_blank | NETTXF_data_validated |
                                           NETTXF_extra_info | NETTXF_more_data);
    assert_int_equal(tx->slots[1].extra.type, XEN_NETIF_EXTRA_TYPE_GSO);
    assert_int_equal(tx->slots[1].extra.flags, 0);
    assert_int_equal(tx->slots[1].extra.u.gso.type, XEN_NETIF_GSO_TYPE_TCPV6);
    assert_int_equal(tx->slots[1].extra.u.gso.size, 1440);
    assert_int_equal(request(2).size, 4096);
    assert_int_equal(request(2).flags, NETTXF_more_data);
    assert_int_equal(request(3).size, 100);
    assert_int_equal(request(3).flags, 0);
    answer(tx->slots[3].request.id, NETIF_RSP_OKAY); /* in any order */
    answer(12345, NETIF_RSP_NULL);
    run();
    assert_true(sends[0].under_way);
    answer(0, NETIF_RSP_ERROR);
    answer(1, NETIF_RSP_OKAY);
    run();
    assert_false(sends[0].under_way);
    assert_int_equal(sends[0].error, -EIO);
    assert_int_equal(front.net.counters.sent_lost, 1);
    assert_null(front.broken);
}

static void what_does_not_fit_waits(void **state)
{
    unsigned int n = 0;

    (void)state;
    while (!submit(&sends[n], 1, 60, NULL))
        n++;
    assert_int_equal(n, FRONT_SLOTS);
    assert_int_equal(rooms, 0);
    net_device_kick(&front.net);
    for (unsigned int i = 0; i < 10; i++)
        answer(request(i).id, NETIF_RSP_OKAY);
    run();
    assert_true(rooms >= 1);
    assert_int_equal(submit(&sends[n], 10, 60, NULL), 0);
    assert_int_equal(submit(&sends[n + 1], 1, 60, NULL), -EAGAIN);
    assert_int_equal(submit(&sends[n + 1], 17, 10, NULL), -EINVAL); /* above 65535 bytes */
}

/* Each is one thing that no backend does by mistake. */
static void broken_by(const char *what)
{
    run();
    assert_int_equal(front.state, FRONT_BROKEN);
    assert_non_null(strstr(front.broken, what));
    assert_int_equal(front.queue_count, 0);
    assert_false(front.net.link);
    assert_int_equal(submit(&sends[SENDS - 1], 1, 60, NULL), -EIO);
    net_device_kick(&front.net);
}

static void answers_to_nothing(void **state)
{
    (void)state;
    assert_int_equal(submit(&sends[0], 1, 60, NULL), 0);
    assert_int_equal(submit(&sends[1], 1, 60, NULL), 0);
    net_device_kick(&front.net);
    answer(request(0).id, NETIF_RSP_OKAY);
    answer(request(1).id == 0 ? 1 : 0, NETIF_RSP_OKAY); /* the same again */
    q()->tx->slots[1].response.id = q()->tx->slots[0].response.id;
    broken_by("what was not sent");
    assert_int_equal(sends[0].error, 0);
    assert_int_equal(sends[1].error, -EIO);
}

static void answers_out_of_range(void **state)
{
    (void)state;
    assert_int_equal(submit(&sends[0], 1, 60, NULL), 0);
    net_device_kick(&front.net);
    answer(FRONT_SLOTS, NETIF_RSP_OKAY);
    broken_by("what was not sent");
}

static void an_index_of_answers_beyond_requests(void **state)
{
    (void)state;
    assert_int_equal(submit(&sends[0], 1, 60, NULL), 0);
    answer(0, NETIF_RSP_OKAY); /* which nobody has pushed */
    broken_by("impossible index");
}

static void an_answered_page_still_held(void **state)
{
    grant_ref_t ref;

    (void)state;
    assert_int_equal(submit(&sends[0], 2, 60, NULL), 0);
    net_device_kick(&front.net);
    ref = request(0).gref;
    grants[ref].held = 1;
    answer(request(0).id, NETIF_RSP_OKAY);
    broken_by("still in use");
    assert_true(sends[0].under_way);
    assert_non_null(front.ending);
    assert_true(front.work.watched);
    assert_true(queues_ending(&front));
    grants[ref].held = 0;
    assert_false(queues_ending(&front));
    assert_false(sends[0].under_way);
}

static void packets_come_in(void **state)
{
    (void)state;
    deliver(frame, 60, 0, NETRXF_data_validated);
    deliver(frame, 1514, 100, 0);
    delivered();
    assert_int_equal(received_count, 2);
    assert_int_equal(received_packet.bytes, 1514);
    assert_int_equal(received_packet.offload.checksum, PACKET_CHECKSUM_THERE);
    assert_memory_equal(received, frame, 1514);
    assert_int_equal(q()->rx->header.req_prod, FRONT_SLOTS + 2); /* given again */
    assert_int_equal(grants_open, FRONT_SLOTS + 2);
}

static void a_large_segment_comes_in(void **state)
{
    (void)state;
    for (unsigned int i = 0; i < 2; i++) {
        deliver(frame, 4096, 0,
                NETRXF_csum_blank | NETRXF_data_validated | NETRXF_more_data | NETRXF_extra_info);
        extra(XEN_NETIF_EXTRA_TYPE_GSO, XEN_NETIF_GSO_TYPE_TCPV4, 1448, 0);
        deliver(frame, 4096, 0, NETRXF_more_data);
        deliver(frame, 1000, 96, 0);
    }
    delivered();
    assert_int_equal(received_count, 2);
    assert_int_equal(received_packet.bytes, 9192);
    assert_int_equal(received_packet.offload.segmentation, PACKET_TCP4);
    assert_int_equal(received_packet.offload.segment_bytes, 1448);
    assert_int_equal(received_packet.offload.header_bytes, 54);
    assert_int_equal(received_packet.offload.checksum_start, 34);
    assert_memory_equal(received + 8192, frame, 1000);
    assert_null(front.broken);
}

static void what_makes_no_sense_is_lost(void **state)
{
    (void)state;
    deliver(frame, 13, 0, 0);                  /* no link header */
    deliver(frame, NETIF_RSP_ERROR, 0, 0);     /* as it says itself */
    deliver(frame, 4096, 0, NETRXF_more_data); /* a part of it */
    deliver(frame, NETIF_RSP_DROPPED, 0, 0);
    deliver(frame, 0, 0, 0);
    frame[12] = 0x99;
    deliver(frame, 100, 0, NETRXF_csum_blank); /* whose? */
    frame[12] = 0x08;
    deliver(frame, 100, 0, NETRXF_csum_blank | NETRXF_extra_info);
    extra(XEN_NETIF_EXTRA_TYPE_GSO, XEN_NETIF_GSO_TYPE_TCPV4, 0, 0); /* segments of nothing */
    deliver(frame, 100, 0, NETRXF_extra_info);
    extra(XEN_NETIF_EXTRA_TYPE_GSO, XEN_NETIF_GSO_TYPE_TCPV4, 1000, 0); /* without a checksum */
    deliver(frame, 54, 0, NETRXF_csum_blank | NETRXF_extra_info);
    extra(XEN_NETIF_EXTRA_TYPE_GSO, XEN_NETIF_GSO_TYPE_TCPV4, 1000, 0); /* without payload */
    deliver(frame, 100, 0, NETRXF_csum_blank | NETRXF_extra_info);
    extra(XEN_NETIF_EXTRA_TYPE_GSO, 3, 1000, 0);
    delivered();
    assert_int_equal(received_count, 0);
    assert_int_equal(front.net.counters.received_lost, 9);
    assert_null(front.broken);
    deliver(frame, 60, 0, 0);
    delivered();
    assert_int_equal(received_count, 1);
}

static void an_index_of_received_beyond_pages(void **state)
{
    (void)state;
    q()->rx->header.rsp_prod = FRONT_SLOTS + 1;
    nic_work_wake(&front.work);
    broken_by("impossible index");
}

static void data_beyond_its_page(void **state)
{
    (void)state;
    deliver(frame, 97, 4000, 0);
    delivered();
    broken_by("beyond its page");
    assert_int_equal(received_count, 0);
}

static void an_answer_for_another_slot(void **state)
{
    (void)state;
    deliver(frame, 60, 0, 0);
    q()->rx->slots[0].response.id = 1;
    delivered();
    broken_by("another slot");
}

static void a_chain_without_an_end(void **state)
{
    (void)state;
    deliver(frame, 60, 0, 0);
    deliver(frame, 60, 0, NETRXF_more_data);
    delivered();
    broken_by("no end");
    assert_int_equal(received_count, 1);
}

static void extras_without_an_end(void **state)
{
    (void)state;
    deliver(frame, 60, 0, NETRXF_extra_info);
    for (unsigned int i = 0; i < 50; i++)
        extra(XEN_NETIF_EXTRA_TYPE_GSO, XEN_NETIF_GSO_TYPE_TCPV4, 1000, XEN_NETIF_EXTRA_FLAG_MORE);
    delivered();
    broken_by("no end");
}

static void a_chain_of_too_many(void **state)
{
    (void)state;
    for (unsigned int i = 0; i < PACKET_PIECES_MAX; i++)
        deliver(frame, 60, 0, NETRXF_more_data);
    deliver(frame, 60, 0, 0);
    delivered();
    broken_by("too many slots");
}

static void an_extra_of_another_kind(void **state)
{
    (void)state;
    deliver(frame, 60, 0, NETRXF_extra_info);
    extra(XEN_NETIF_EXTRA_TYPE_HASH, 0, 0, 0);
    delivered();
    broken_by("no known kind");
}

static void a_received_page_still_held(void **state)
{
    grant_ref_t ref = q()->rx->slots[0].request.gref;

    (void)state;
    grants[ref].held = 1;
    deliver(frame, 60, 0, 0);
    delivered();
    broken_by("still in use");
    assert_int_equal(received_count, 0);
    memset(grants[ref].page, 1, PAGE_SIZE); /* it is there for as long as it is held */
    assert_true(queues_ending(&front));
    assert_int_equal(frames_taken, FRONT_SLOTS); /* of the queue's, the rings are free */
}

/* The backend's domain goes away with all in its hands: nothing is free before it lets go. */
static void rings_still_mapped(void **state)
{
    grant_ref_t ref = q()->tx_ref;
    volatile struct front_tx_ring *tx = q()->tx;

    (void)state;
    assert_int_equal(submit(&sends[0], 1, 60, NULL), 0);
    grants[ref].held = 1;
    front.state = FRONT_CLOSED;
    queues_end(&front);
    assert_false(sends[0].under_way);
    assert_int_equal(sends[0].error, -EIO);
    tx->header.rsp_prod = 77;
    tx->slots[5].response.id = 7;
    assert_true(queues_ending(&front));
    assert_int_equal(frames_taken, 1); /* there may be another queue already */
    assert_int_equal(grants_taken, 1);
    grants[ref].held = 0;
    assert_false(queues_ending(&front));
    assert_int_equal(frames_taken, 0);
}

/* Whatever a queue lacks, what it had is given back. */
static void queues_that_cannot_be_made(void **state)
{
    (void)state;
    world_end();
    for (grants_most = 0; grants_most < 2 * FRONT_SLOTS + 2; grants_most++) {
        assert_int_equal(world_start(1), -ENOSPC);
        world_end();
    }
    grants_most = REFS;
    for (frames_most = 0; frames_most < FRONT_SLOTS + 2; frames_most++) {
        assert_int_equal(world_start(1), -ENOMEM);
        world_end();
    }
    frames_most = 100000;
    for (ports_most = 0; ports_most < 2; ports_most++) {
        assert_int_equal(world_start(1), -ENOSPC);
        world_end();
    }
    ports_most = 100;
    assert_int_equal(world_start(4), 0);
}

#define case_of(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        case_of(a_packet_goes_out),
        case_of(a_large_segment_goes_out),
        case_of(what_does_not_fit_waits),
        case_of(answers_to_nothing),
        case_of(answers_out_of_range),
        case_of(an_index_of_answers_beyond_requests),
        case_of(an_answered_page_still_held),
        case_of(packets_come_in),
        case_of(a_large_segment_comes_in),
        case_of(what_makes_no_sense_is_lost),
        case_of(an_index_of_received_beyond_pages),
        case_of(data_beyond_its_page),
        case_of(an_answer_for_another_slot),
        case_of(a_chain_without_an_end),
        case_of(extras_without_an_end),
        case_of(a_chain_of_too_many),
        case_of(an_extra_of_another_kind),
        case_of(a_received_page_still_held),
        case_of(rings_still_mapped),
        case_of(queues_that_cannot_be_made),
    };

    return cmocka_run_group_tests_name("net-front", tests, NULL, NULL);
}
