/*
 * The net frontend and a backend that does anything at any time: answers, indices, what it writes
 * into pages it was given and when it lets go of them.  Two million slots of noise; each packet
 * received lies in pages that are ours, each packet sent is done once and not before it is ours
 * again, and nothing is left behind.
 *
 * Sources: split-drivers/net/front/transmit.c split-drivers/net/front/receive.c
 * Sources: split-drivers/net/front/queues.c split-drivers/net/front/serve.c
 * Sources: dom0/devices/net-device.c dom0/network/headers.c dom0/network/checksum.c
 * Sources: dom0/network/tagging.c
 */
#include <unistd.h>

#include "net-front-world.h"

#define SLOTS_WANTED 2000000ul

static unsigned long slots, breaks, packets, submitted, holds;
static unsigned int turns;

static uint32_t noise(void)
{
    static uint64_t x = 88172645463325252ULL;

    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return (uint32_t)(x >> 16);
}

/* What is held may be written, whatever became of it meanwhile. */
static void noise_held(void)
{
    for (unsigned int i = 0; i < 8; i++) {
        unsigned int ref = REFS_FIRST + noise() % (REFS - REFS_FIRST);

        if (!grants[ref].open)
            continue;
        if (!grants[ref].read_only)
            memset(grants[ref].page + noise() % 4000, (int)noise(), 96);
        if (grants[ref].held || noise() % 100)
            continue;
        grants[ref].held = 1;
        holds++;
    }
}

static void noise_let_go(void)
{
    for (unsigned int ref = REFS_FIRST; ref < REFS; ref++)
        if (noise() % 4)
            grants[ref].held = 0;
}

static void noise_answer(struct front_queue *queue)
{
    volatile struct front_tx_ring *tx = queue->tx;
    uint32_t place = tx->header.rsp_prod % FRONT_SLOTS;
    struct netif_tx_request request = ((struct front_tx_ring *)(uintptr_t)tx)->slots[place].request;
    bool wild = noise() % 4000 == 0;

    tx->slots[place].response.id = wild ? (uint16_t)noise() : request.id;
    tx->slots[place].response.status = (int16_t)(noise() % 8 ? 0 : noise() % 4 - 2);
    if (!request.size)
        tx->slots[place].response.status = NETIF_RSP_NULL; /* it is an extra */
    tx->header.rsp_prod++;
    slots++;
}

static void noise_frame(uint8_t *page, uint16_t offset, uint32_t bytes)
{
    static const uint8_t start[] = { 2, 0, 0,    0, 0, 1,  2, 0, 0, 0, 0,  2,
                                     8, 0, 0x45, 0, 0, 60, 0, 0, 0, 0, 64, 6 };
    static const uint8_t types[][2] = { { 8, 0 }, { 0x86, 0xdd }, { 0x81, 0 }, { 8, 6 } };

    if (bytes < 80 || offset + bytes > PAGE_SIZE)
        return;
    memcpy(page + offset, start, sizeof(start));
    if (noise() % 4 == 0)
        memcpy(page + offset + 12, types[noise() % 4], 2);
    page[offset + 46] = (uint8_t)(noise() % 4 ? 0x50 : noise());
    if (noise() % 8 == 0)
        page[offset + 14 + noise() % 40] = (uint8_t)noise();
}

static void noise_extra(struct front_queue *queue)
{
    volatile union front_rx_slot *slot =
        &queue->rx->slots[queue->rx->header.rsp_prod++ % FRONT_SLOTS];

    slot->extra.type = (uint8_t)(noise() % 2000 ? XEN_NETIF_EXTRA_TYPE_GSO : noise() % 6);
    slot->extra.flags = noise() % 500 == 0;
    slot->extra.u.gso.type = (uint8_t)(noise() % 16 ? 1 + noise() % 2 : noise());
    slot->extra.u.gso.size = (uint16_t)(noise() % 16 ? 500 + noise() % 1000 : noise() % 2);
    slots++;
}

static void noise_packet(struct front_queue *queue)
{
    unsigned int left = noise() % 3 ? 1 : 1 + noise() % 18;
    bool first = true;

    while (left--) {
        uint32_t place = queue->rx->header.rsp_prod++ % FRONT_SLOTS;
        volatile union front_rx_slot *slot = &queue->rx->slots[place];
        grant_ref_t ref = slot->request.gref;
        uint16_t offset = (uint16_t)(noise() % 8 ? 0 : noise() % 64), flags;
        uint32_t bytes = left ? PAGE_SIZE - offset : noise() % (PAGE_SIZE - offset + 1);

        if (noise() % 8000 == 0)
            bytes = noise();
        if (ref < REFS && grants[ref].open && !grants[ref].read_only)
            noise_frame(grants[ref].page, offset, bytes);
        flags = (uint16_t)(noise() & (NETRXF_data_validated | NETRXF_csum_blank));
        if (left)
            flags |= NETRXF_more_data;
        if (first && noise() % 3 == 0)
            flags |= NETRXF_extra_info;
        slot->response.id = (uint16_t)(noise() % 8000 ? place : noise());
        slot->response.offset = offset;
        slot->response.flags = (uint16_t)(noise() % 8000 ? flags : noise());
        slot->response.status = (int16_t)(noise() % 4000 ? bytes : noise());
        slots++;
        if (first && slot->response.flags & NETRXF_extra_info)
            noise_extra(queue);
        first = false;
    }
}

static void noise_backend(struct front_queue *queue)
{
    volatile struct ring_header *tx = &queue->tx->header, *rx = &queue->rx->header;

    for (unsigned int n = noise() % 40; n && tx->rsp_prod != tx->req_prod; n--)
        noise_answer(queue);
    for (unsigned int n = noise() % 12; n && rx->req_prod - rx->rsp_prod >= 40; n--)
        noise_packet(queue);
    tx->req_event = noise();
    rx->req_event = noise();
    if (noise() % 4000 == 0)
        tx->rsp_prod = noise() % 4 ? tx->rsp_prod + noise() % 600 : noise();
    if (noise() % 4000 == 0)
        rx->rsp_prod = noise() % 4 ? rx->rsp_prod + noise() % 600 : noise();
    if (noise() % 1000 == 0)
        tx->req_prod = rx->req_prod = noise(); /* ours, which we do not read */
}

static void noise_user(void)
{
    struct packet_offload large = { .checksum = PACKET_CHECKSUM_PARTIAL,
                                    .segmentation = PACKET_TCP4,
                                    .checksum_start = 34,
                                    .checksum_offset = 16,
                                    .segment_bytes = 1448,
                                    .header_bytes = 54 };

    for (unsigned int n = noise() % 8; n; n--) {
        struct send *send = &sends[noise() % SENDS];
        unsigned int pages = 1 + noise() % 16;

        if (send->under_way)
            continue;
        submitted += !submit(send, pages, 60 + noise() % 4000, noise() % 2 ? &large : NULL);
    }
    net_device_kick(&front.net);
}

static bool a_turn(void)
{
    if (turns-- == 0)
        return false;
    noise_held();
    noise_user();
    for (unsigned int i = 0; i < front.queue_count; i++)
        if (!front.broken)
            noise_backend(front.queues[i]);
    front.work.woken = true;
    return !front.broken || front.state != FRONT_BROKEN;
}

/* A life of the interface: until it breaks, or the conversation ends it in the middle. */
static void a_life(void)
{
    assert_int_equal(world_start(1 + noise() % 4), 0);
    turns = 20 + noise() % 200;
    world_goes_on = a_turn;
    run();
    breaks += front.state == FRONT_BROKEN;
    packets += received_count;
    front.state = FRONT_CLOSED;
    queues_end(&front);
    for (unsigned int i = 0; queues_ending(&front); i++) {
        assert_true(i < 1000);
        noise_held();
        noise_let_go();
    }
    world_end();
}

static void noise_overruns_nothing(void **state)
{
    int out = dup(1), null;

    (void)state;
    fflush(stdout);
    null = fileno(fopen("/dev/null", "w"));
    dup2(null, 1); /* a line for each of some thousand interfaces that stop */
    while (slots < SLOTS_WANTED)
        a_life();
    fflush(stdout);
    dup2(out, 1);
    printf("%lu slots, %lu packets received, %lu sent, %lu pages held, %lu interfaces stopped\n",
           slots, packets, submitted, holds, breaks);
    assert_true(packets > 50000 && submitted > 50000 && breaks > 500 && holds > 300);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(noise_overruns_nothing) };

    return cmocka_run_group_tests_name("net-front-noise", tests, NULL, NULL);
}
