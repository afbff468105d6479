/*
 * The block backend's data path with a frontend that writes anything at any time: indices, slots,
 * lists of segments, grants that are there or not.  A million requests of noise; what reaches the
 * disk is checked against what a frontend may ask for.
 *
 * Sources: split-drivers/block/back/intake.c split-drivers/block/back/map-segments.c
 * Sources: split-drivers/block/back/execute.c split-drivers/block/back/complete.c
 * Sources: split-drivers/block/back/indirect.c
 */
#include "block-back-world.h"

#define CASES 1000000u

static uint32_t noise(void)
{
    static uint64_t x = 88172645463325252ULL;

    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return (uint32_t)(x >> 16);
}

static uint64_t noise_sector(void)
{
    static const uint64_t edges[] = { 0,          999,       1000,       1001, UINT32_MAX,
                                      1ULL << 32, INT64_MAX, UINT64_MAX, 992,  UINT64_MAX - 7,
                                      1ULL << 55, 1 };

    return noise() % 4 ? noise() % 1000 : edges[noise() % 12];
}

static void noise_segment(struct blkif_request_segment *segment)
{
    segment->gref = noise() % 64 ? noise() % 600 : BAD_REF;
    segment->first_sect = noise() % 64 ? 0 : (uint8_t)noise();
    segment->last_sect = noise() % 64 ? noise() % 8 : (uint8_t)noise();
}

static uint8_t noise_operation(void)
{
    static const uint8_t operations[] = { BLKIF_OP_READ,     BLKIF_OP_WRITE,
                                          BLKIF_OP_READ,     BLKIF_OP_FLUSH_DISKCACHE,
                                          BLKIF_OP_DISCARD,  BLKIF_OP_INDIRECT,
                                          BLKIF_OP_INDIRECT, BLKIF_OP_WRITE_BARRIER };

    return noise() % 16 ? operations[noise() % 8] : (uint8_t)noise();
}

static void noise_slot(void)
{
    union vbd_slot *slot = &shared.ring.slots[shared.ring.header.req_prod++ % queue->slots];

    for (size_t i = 0; i < sizeof(*slot) / 4; i++)
        ((uint32_t *)slot)[i] = noise();
    slot->request.operation = noise_operation();
    if (slot->request.operation == BLKIF_OP_INDIRECT) {
        slot->indirect.indirect_op = noise() % 8 ? noise() % 2 : (uint8_t)noise();
        slot->indirect.nr_segments =
            noise() % 8 ? (uint16_t)(1 + noise() % VBD_SEGMENTS_MAX) : (uint16_t)noise();
        slot->indirect.indirect_grefs[0] = LIST_REF + noise() % (noise() % 16 ? 16 : 17);
        slot->indirect.sector_number = noise_sector();
        for (unsigned int i = 0; i < 512; i++)
            noise_segment(&lists[noise() % 16][i]);
        return;
    }
    slot->request.nr_segments = noise() % 16 ? 1 + noise() % 11 : (uint8_t)noise();
    slot->request.sector_number = noise_sector();
    if (slot->request.operation == BLKIF_OP_DISCARD) {
        slot->discard.nr_sectors = noise_sector();
        slot->discard.flag = noise() % 16 == 0;
        return;
    }
    for (unsigned int i = 0; i < 11; i++)
        noise_segment(&slot->request.seg[i]);
}

/* What is at the disk must be a request that anybody may make. */
static void disk_request_check(const struct block_request *request)
{
    uint64_t sectors = 0;

    assert_true(request->operation <= BLOCK_DISCARD);
    if (!vbd->writable)
        assert_true(request->operation == BLOCK_READ || request->operation == BLOCK_FLUSH);
    assert_true(request->segment_count <= BLOCK_MAX_SEGMENTS);
    for (unsigned int i = 0; i < request->segment_count; i++) {
        const struct block_segment *s = &request->segments[i];

        assert_true(s->bytes && s->bytes % 512 == 0 && s->machine % 512 == 0);
        assert_true(s->machine % 4096 + s->bytes <= 4096);
        assert_true(s->machine >> 12 < 600);
        sectors += s->bytes / 512;
    }
    if (request->operation > BLOCK_WRITE) {
        assert_int_equal(request->segment_count, 0);
        return;
    }
    assert_true(sectors && request->sector + sectors <= 1000);
}

static unsigned int asked, answered, reached;

static void disk_answers_some(void)
{
    unsigned int n = noise() % (at_disk_count + 1);

    while (n--) {
        unsigned int i = noise() % at_disk_count;
        struct block_request *request = at_disk[i];

        at_disk[i] = at_disk[--at_disk_count];
        disk_request_check(request);
        reached++;
        request->done(request, noise() % 8 ? 0 : noise() % 2 ? -EIO : -EOPNOTSUPP);
    }
}

static void a_round(void)
{
    unsigned int room = shared.ring.header.rsp_prod + queue->slots - shared.ring.header.req_prod;
    uint32_t before = shared.ring.header.rsp_prod;

    for (unsigned int n = room ? noise() % (room + 1) : 0; n; n--, asked++)
        noise_slot();
    disk_room = noise() % 256;
    if (disk_room < at_disk_count)
        disk_room = at_disk_count;
    taken();
    execute_submit(queue);
    disk_answers_some();
    complete_answer(queue);
    answered += shared.ring.header.rsp_prod - before;
    no_memory = noise() % 4 == 0;
    intake_more(queue);
    if (noise() % 512 == 0) /* changes while they are on the ring */
        shared.page[64 + noise() % 3000] = (char)noise();
}

static void ring_drained(void)
{
    disk_room = 256;
    no_memory = false;
    for (unsigned int i = 0; i < 200; i++)
        round_trip(0);
    answered += shared.ring.header.rsp_prod;
    assert_int_equal(shared.ring.header.rsp_prod, shared.ring.header.req_prod);
    assert_int_equal(held, 0);
    assert_int_equal(queue->in_flight, 0);
    assert_true(queue->list_count <= VBD_LISTS_MAX);
}

static void world_again(void **state)
{
    static const unsigned int pages[] = { 1, 2, 4 };

    teardown(state);
    setup(state);
    ring_new(pages[noise() % 3]);
    vbd->writable = noise() % 4;
}

static void noise_reaches_nothing(void **state)
{
    uint64_t total = 0;

    while (total < CASES) {
        asked = answered = 0;
        world_again(state);
        for (unsigned int i = 0; i < 500; i++)
            a_round();
        assert_false(queue->broken);
        answered -= shared.ring.header.rsp_prod;
        ring_drained();
        assert_int_equal(answered, asked);
        total += asked;
        /* Impossible indices end it, whatever they are. */
        do
            shared.ring.header.req_prod = noise();
        while (shared.ring.header.req_prod - queue->response_produced <= queue->slots);
        taken();
        assert_true(queue->broken);
        assert_false(intake_more(queue));
    }
    print_message("%llu requests of noise, %u reached the disk\n", (unsigned long long)total,
                  reached);
    assert_true(reached > CASES / 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(noise_reaches_nothing, setup, teardown),
    };

    return cmocka_run_group_tests_name("block-back-noise", tests, NULL, NULL);
}
