/*
 * The block backend's data path against a hostile frontend: what it takes from the ring, refuses,
 * maps, hands to the disk and answers.  The ring is ordinary memory, grants and disk are fakes.
 *
 * Sources: split-drivers/block/back/intake.c split-drivers/block/back/map-segments.c
 * Sources: split-drivers/block/back/execute.c split-drivers/block/back/complete.c
 * Sources: split-drivers/block/back/indirect.c
 */
#include "block-back-world.h"

static struct blkif_request *push(uint8_t operation, uint64_t sector, unsigned int segments)
{
    struct blkif_request *r =
        &shared.ring.slots[shared.ring.header.req_prod++ % queue->slots].request;

    memset(r, 0, sizeof(*r));
    r->operation = operation;
    r->nr_segments = (uint8_t)segments;
    r->id = 0x1000 + shared.ring.header.req_prod;
    r->sector_number = sector;
    for (unsigned int i = 0; i < segments && i < BLKIF_MAX_SEGMENTS_PER_REQUEST; i++)
        r->seg[i] = (struct blkif_request_segment){ .gref = 100 + i, .last_sect = 7 };
    return r;
}

static int16_t answer_of(unsigned int index)
{
    return shared.ring.slots[index % queue->slots].response.status;
}

static void test_batch(void **state)
{
    (void)state;
    for (int i = 0; i < 32; i++)
        push(BLKIF_OP_READ, (uint64_t)i * 8, 11)->sector_number = 0;
    round_trip(0);
    assert_int_equal(acquire_calls, 1);
    assert_int_equal(notifications, 1);
    assert_int_equal(shared.ring.header.rsp_prod, 32);
    for (unsigned int i = 0; i < 32; i++)
        assert_int_equal(answer_of(i), BLKIF_RSP_OKAY);
}

static void test_segments_reach_the_disk(void **state)
{
    struct blkif_request *r = push(BLKIF_OP_WRITE, 40, 2);

    (void)state;
    r->seg[0].first_sect = 3;
    r->seg[1].last_sect = 0;
    taken();
    execute_submit(queue);
    assert_int_equal(at_disk_count, 1);
    assert_int_equal(at_disk[0]->operation, BLOCK_WRITE);
    assert_int_equal(at_disk[0]->sector, 40);
    assert_int_equal(at_disk[0]->segments[0].machine, (100u << 12) + 3 * 512);
    assert_int_equal(at_disk[0]->segments[0].bytes, 5 * 512);
    assert_int_equal(at_disk[0]->segments[1].bytes, 512);
    at_disk[0]->done(at_disk[0], -EIO);
    complete_answer(queue);
    assert_int_equal(answer_of(0), BLKIF_RSP_ERROR);
}

static struct blkif_request_indirect *push_indirect(uint8_t operation, uint64_t sector,
                                                    unsigned int segments, unsigned int list)
{
    struct blkif_request_indirect *r =
        &shared.ring.slots[shared.ring.header.req_prod++ % queue->slots].indirect;

    memset(r, 0, sizeof(*r));
    r->operation = BLKIF_OP_INDIRECT;
    r->indirect_op = operation;
    r->nr_segments = (uint16_t)segments;
    r->id = 0x2000 + shared.ring.header.req_prod;
    r->sector_number = sector;
    r->indirect_grefs[0] = LIST_REF + list;
    for (unsigned int i = 0; i < segments && i < 512; i++)
        lists[list][i] = (struct blkif_request_segment){ .gref = 100 + i, .last_sect = 0 };
    return r;
}

static struct blkif_request_discard *push_discard(uint64_t sector, uint64_t sectors)
{
    struct blkif_request_discard *r =
        &shared.ring.slots[shared.ring.header.req_prod++ % queue->slots].discard;

    memset(r, 0, sizeof(*r));
    r->operation = BLKIF_OP_DISCARD;
    r->id = 0x3000 + shared.ring.header.req_prod;
    r->sector_number = sector;
    r->nr_sectors = sectors;
    return r;
}

static const struct blkif_response *response_of(unsigned int index)
{
    return &shared.ring.slots[index % queue->slots].response;
}

/* A list of segments is copied, once, and only the copy is believed. */
static void test_indirect(void **state)
{
    (void)state;
    push_indirect(BLKIF_OP_WRITE, 40, 256, 3);
    taken();
    assert_int_equal(copies, 1);
    lists[3][7].gref = BAD_REF;
    execute_submit(queue);
    assert_int_equal(at_disk_count, 1);
    assert_int_equal(at_disk[0]->operation, BLOCK_WRITE);
    assert_int_equal(at_disk[0]->segment_count, 256);
    assert_int_equal(at_disk[0]->sector, 40);
    for (unsigned int i = 0; i < 256; i++) {
        assert_int_equal(at_disk[0]->segments[i].machine, (100 + i) << 12);
        assert_int_equal(at_disk[0]->segments[i].bytes, 512);
    }
    assert_int_equal(held, 256);
    disk_answers(0);
    complete_answer(queue);
    assert_int_equal(response_of(0)->operation, BLKIF_OP_WRITE);
    assert_int_equal(response_of(0)->id, 0x2001);
    assert_int_equal(answer_of(0), BLKIF_RSP_OKAY);
}

static void test_indirect_refusals(void **state)
{
    (void)state;
    push_indirect(BLKIF_OP_READ, 0, 12, 0);
    lists[0][11].last_sect = 8;
    push_indirect(BLKIF_OP_READ, 0, 12, 1);
    lists[1][3].first_sect = 1; /* behind its last */
    push_indirect(BLKIF_OP_READ, 989, 12, 2);
    push_indirect(BLKIF_OP_READ, UINT64_MAX, 12, 2);
    push_indirect(BLKIF_OP_READ, 0, 12, 3)->indirect_grefs[0] = LIST_REF + 16;
    push_indirect(BLKIF_OP_READ, 988, 12, 4);
    push_indirect(BLKIF_OP_READ, 0, 12, 5);
    lists[5][0].gref = BAD_REF;
    round_trip(0);
    assert_int_equal(shared.ring.header.rsp_prod, 7);
    for (unsigned int i = 0; i < 7; i++) /* in the order they were answered in */
        assert_int_equal(answer_of(i),
                         response_of(i)->id == 0x2006 ? BLKIF_RSP_OKAY : BLKIF_RSP_ERROR);
    vbd->writable = false;
    push_indirect(BLKIF_OP_WRITE, 0, 12, 0);
    round_trip(0);
    assert_int_equal(answer_of(7), BLKIF_RSP_ERROR);
}

/* Who has more of them than there is room for waits for his own, with nothing of dom0's. */
static void test_indirect_wait(void **state)
{
    (void)state;
    for (unsigned int i = 0; i < 20; i++)
        push_indirect(BLKIF_OP_READ, 0, 200, i % 16);
    taken();
    execute_submit(queue);
    assert_int_equal(at_disk_count, VBD_LISTS_MAX);
    assert_int_equal(made, VBD_LISTS_MAX);
    assert_false(intake_more(queue)); /* or its task would run in circles */
    round_trip(0);
    assert_true(intake_more(queue));
    while (shared.ring.header.rsp_prod < 20) {
        assert_true(intake_more(queue) || at_disk_count);
        round_trip(0);
    }
    assert_int_equal(made, VBD_LISTS_MAX);
    for (unsigned int i = 0; i < 20; i++)
        assert_int_equal(answer_of(i), BLKIF_RSP_OKAY);
}

static void test_indirect_without_memory(void **state)
{
    (void)state;
    no_memory = true;
    push_indirect(BLKIF_OP_READ, 0, 200, 0);
    round_trip(0);
    no_memory = false;
    assert_int_equal(answer_of(0), BLKIF_RSP_ERROR);
    push_indirect(BLKIF_OP_READ, 0, 200, 0);
    taken();
    no_memory = true;
    push_indirect(BLKIF_OP_READ, 0, 200, 1);
    taken();
    assert_int_equal(shared.ring.header.rsp_prod, 1);
    assert_false(intake_more(queue));
    round_trip(0);
    round_trip(0);
    no_memory = false;
    assert_int_equal(shared.ring.header.rsp_prod, 3);
    assert_int_equal(answer_of(2), BLKIF_RSP_OKAY);
}

static void test_discard(void **state)
{
    (void)state;
    push_discard(24, 8);
    taken();
    execute_submit(queue);
    assert_int_equal(at_disk_count, 1);
    assert_int_equal(at_disk[0]->operation, BLOCK_DISCARD);
    assert_int_equal(at_disk[0]->sector, 24);
    assert_int_equal(at_disk[0]->sectors, 8);
    assert_int_equal(at_disk[0]->segment_count, 0);
    disk_answers(-EOPNOTSUPP);
    complete_answer(queue);
    assert_int_equal(answer_of(0), BLKIF_RSP_EOPNOTSUPP);
    assert_int_equal(response_of(0)->operation, BLKIF_OP_DISCARD);
    push_discard(1000, 1);
    push_discard(0, 1001);
    push_discard(UINT64_MAX, 2);
    push_discard(5, 0);
    round_trip(0);
    for (unsigned int i = 1; i < 5; i++)
        assert_int_equal(answer_of(i), BLKIF_RSP_ERROR);
    shared.ring.header.rsp_prod = shared.ring.header.req_prod = 1;
    queue->request_consumed = queue->response_produced = 1;
    vbd->writable = false;
    push_discard(24, 8);
    round_trip(0);
    assert_int_equal(answer_of(1), BLKIF_RSP_ERROR);
    vbd->writable = true;
    vbd->discards = false; /* no-discard */
    push_discard(24, 8);
    round_trip(0);
    assert_int_equal(answer_of(2), BLKIF_RSP_EOPNOTSUPP);
}

/* A long one goes to the disk piece by piece, each in line behind what else there is. */
static void test_long_discard(void **state)
{
    (void)state;
    push_discard(10, 950);
    taken();
    for (unsigned int piece = 0; piece < 10; piece++) {
        if (piece == 3) {
            push(BLKIF_OP_READ, 0, 1);
            taken();
        }
        disk_room = at_disk_count + 1;
        execute_submit(queue);
        assert_int_equal(at_disk_count, 1);
        if (piece == 3) { /* the discard's own was first in line; now it is behind */
            disk_answers(0);
            execute_submit(queue);
            assert_int_equal(at_disk[0]->operation, BLOCK_READ);
            disk_answers(0);
            disk_room = 1;
            continue;
        }
        assert_int_equal(at_disk[0]->operation, BLOCK_DISCARD);
        assert_int_equal(at_disk[0]->sector, 10 + piece * 100);
        assert_int_equal(at_disk[0]->sectors, piece == 9 ? 50 : 100);
        disk_answers(0);
    }
    complete_answer(queue);
    assert_int_equal(shared.ring.header.rsp_prod, 2);
    assert_int_equal(answer_of(0) + answer_of(1), BLKIF_RSP_OKAY);
    push_discard(0, 1000);
    taken();
    execute_submit(queue);
    vbd->backend.state = BACKEND_STOPPING;
    disk_answers(0);
    assert_null(queue->mapped_first);
    complete_answer(queue);
    assert_int_equal(shared.ring.header.rsp_prod, 3);
    assert_int_equal(answer_of(2), BLKIF_RSP_ERROR);
}

/* A ring of four pages, full of requests of eleven segments: more than one hypercall takes. */
static void test_large_ring(void **state)
{
    (void)state;
    ring_new(4);
    for (unsigned int i = 0; i < 128; i++)
        push(BLKIF_OP_READ, 0, 11)->seg[10].gref = i % 50 == 7 ? BAD_REF : 1;
    taken();
    execute_submit(queue);
    assert_int_equal(at_disk_count, 125);
    assert_in_range(acquire_calls, 4, 6);
    disk_answers(0);
    complete_answer(queue);
    assert_int_equal(shared.ring.header.rsp_prod, 128);
    assert_int_equal(held, 0);
    shared.ring.header.req_prod += 129;
    taken();
    assert_true(queue->broken);
}

/* Each of these must be answered with an error and never reach grants or disk. */
static void test_refusals(void **state)
{
    struct blkif_request *r;
    unsigned int n;

    (void)state;
    push(BLKIF_OP_READ, 0, 0);
    push(BLKIF_OP_READ, 0, 12);
    push(BLKIF_OP_READ, 0, 255);
    r = push(BLKIF_OP_READ, 0, 1);
    r->seg[0].first_sect = 5;
    r->seg[0].last_sect = 4;
    r = push(BLKIF_OP_READ, 0, 1);
    r->seg[0].last_sect = 8;
    push(BLKIF_OP_READ, 993, 1);
    push(BLKIF_OP_WRITE, UINT64_MAX - 3, 1);
    push(BLKIF_OP_READ, 1001, 1);
    push(BLKIF_OP_FLUSH_DISKCACHE, 0, 1);
    push_indirect(BLKIF_OP_READ, 0, 0, 0);
    push_indirect(BLKIF_OP_READ, 0, VBD_SEGMENTS_MAX + 1, 0);
    push_indirect(BLKIF_OP_READ, 0, 65535, 0);
    n = shared.ring.header.req_prod;
    push_indirect(BLKIF_OP_FLUSH_DISKCACHE, 0, 8, 0);
    push_indirect(BLKIF_OP_INDIRECT, 0, 8, 0);
    push_discard(0, 8)->flag = BLKIF_DISCARD_SECURE;
    push(BLKIF_OP_WRITE_BARRIER, 0, 1);
    push(200, 0, 1);
    assert_null(intake_take(queue));
    assert_int_equal(acquire_calls, 0);
    complete_answer(queue);
    assert_int_equal(shared.ring.header.rsp_prod, n + 5);
    for (unsigned int i = 0; i < n; i++)
        assert_int_equal(answer_of(i), BLKIF_RSP_ERROR);
    for (unsigned int i = n; i < n + 5; i++)
        assert_int_equal(answer_of(i), BLKIF_RSP_EOPNOTSUPP);
}

static void test_read_only(void **state)
{
    (void)state;
    vbd->writable = false;
    push(BLKIF_OP_WRITE, 0, 1);
    push(BLKIF_OP_READ, 0, 1);
    round_trip(0);
    assert_int_equal(shared.ring.slots[0].response.status, BLKIF_RSP_ERROR);
    assert_int_equal(shared.ring.slots[1].response.status, BLKIF_RSP_OKAY);
}

static void test_bad_grant(void **state)
{
    struct blkif_request *r = push(BLKIF_OP_READ, 0, 3);

    (void)state;
    r->seg[1].gref = BAD_REF;
    push(BLKIF_OP_READ, 0, 1);
    round_trip(0);
    assert_int_equal(shared.ring.header.rsp_prod, 2);
    assert_int_equal(shared.ring.slots[1].response.status + shared.ring.slots[0].response.status,
                     BLKIF_RSP_ERROR);
}

static void test_impossible_index(void **state)
{
    (void)state;
    shared.ring.header.req_prod = 33;
    assert_null(intake_take(queue));
    assert_true(queue->broken);
    queue->broken = false;
    shared.ring.header.req_prod = (uint32_t)-1;
    assert_null(intake_take(queue));
    assert_true(queue->broken);
    assert_false(intake_more(queue));
}

static void test_full_disk_queue(void **state)
{
    (void)state;
    disk_room = 1;
    for (int i = 0; i < 3; i++)
        push(BLKIF_OP_READ, 0, 1);
    taken();
    for (int i = 0; i < 3; i++) {
        execute_submit(queue);
        assert_int_equal(at_disk_count, 1);
        at_disk[0]->done(at_disk[0], 0);
        at_disk_count = 0;
    }
    execute_submit(queue);
    assert_int_equal(at_disk_count, 0);
    complete_answer(queue);
    assert_int_equal(shared.ring.header.rsp_prod, 3);
}

static void test_response_padding(void **state)
{
    const uint8_t *bytes = (const uint8_t *)&shared.ring.slots[0].response;

    (void)state;
    memset(&shared.ring.slots[0], 0xee, sizeof(shared.ring.slots[0]));
    push(BLKIF_OP_FLUSH_DISKCACHE, 0, 0);
    round_trip(0);
    assert_int_equal(bytes[9], 0);
    for (size_t i = 12; i < sizeof(struct blkif_response); i++)
        assert_int_equal(bytes[i], 0);
}

static void test_notification_threshold(void **state)
{
    (void)state;
    shared.ring.header.rsp_event = 3;
    push(BLKIF_OP_READ, 0, 1);
    round_trip(0);
    assert_int_equal(notifications, 0);
    push(BLKIF_OP_READ, 0, 1);
    push(BLKIF_OP_READ, 0, 1);
    round_trip(0);
    assert_int_equal(notifications, 1);
    assert_false(intake_more(queue));
    assert_int_equal(shared.ring.header.req_event, 4);
    push(BLKIF_OP_READ, 0, 1);
    assert_true(intake_more(queue));
    round_trip(0);
}

/* Each access to the shared page faults, is counted by its word and then let through. */
static unsigned int fetches[4096 / 8];

static void page_fault(int number, siginfo_t *info, void *context)
{
    size_t offset = (size_t)((char *)info->si_addr - shared.page);

    (void)number;
    if (offset >= sizeof(shared.page))
        abort();
    fetches[offset / 8]++;
    mprotect(&shared, sizeof(shared), PROT_READ | PROT_WRITE);
    ((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] |= 0x100; /* one instruction */
}

static void step(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)info;
    mprotect(&shared, sizeof(shared), PROT_NONE);
    ((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] &= ~0x100L;
}

/* The guest may change the page between any two reads: each word of a request is read once, and
 * the producer's index once a round (XSA-155). */
static void test_everything_is_read_once(void **state)
{
    struct sigaction on_fault = { .sa_sigaction = page_fault, .sa_flags = SA_SIGINFO };
    struct sigaction on_step = { .sa_sigaction = step, .sa_flags = SA_SIGINFO };
    struct sigaction old_fault, old_step;
    size_t first = offsetof(struct vbd_ring, slots) / 8;
    size_t words = 3 * sizeof(union vbd_slot) / 8;

    (void)state;
    for (int i = 0; i < 3; i++)
        push(i == 1 ? BLKIF_OP_WRITE : BLKIF_OP_READ, 8, 11);
    memset(fetches, 0, sizeof(fetches));
    sigaction(SIGSEGV, &on_fault, &old_fault);
    sigaction(SIGTRAP, &on_step, &old_step);
    mprotect(&shared, sizeof(shared), PROT_NONE);
    taken();
    execute_submit(queue);
    mprotect(&shared, sizeof(shared), PROT_READ | PROT_WRITE);
    sigaction(SIGSEGV, &old_fault, NULL);
    sigaction(SIGTRAP, &old_step, NULL);
    assert_int_equal(at_disk_count, 3);
    assert_int_equal(fetches[0], 1); /* req_prod */
    for (size_t i = first; i < first + words; i++)
        assert_int_equal(fetches[i], 1);
    round_trip(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_batch, setup, teardown),
        cmocka_unit_test_setup_teardown(test_segments_reach_the_disk, setup, teardown),
        cmocka_unit_test_setup_teardown(test_indirect, setup, teardown),
        cmocka_unit_test_setup_teardown(test_indirect_refusals, setup, teardown),
        cmocka_unit_test_setup_teardown(test_indirect_wait, setup, teardown),
        cmocka_unit_test_setup_teardown(test_indirect_without_memory, setup, teardown),
        cmocka_unit_test_setup_teardown(test_discard, setup, teardown),
        cmocka_unit_test_setup_teardown(test_long_discard, setup, teardown),
        cmocka_unit_test_setup_teardown(test_large_ring, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refusals, setup, teardown),
        cmocka_unit_test_setup_teardown(test_read_only, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_grant, setup, teardown),
        cmocka_unit_test_setup_teardown(test_impossible_index, setup, teardown),
        cmocka_unit_test_setup_teardown(test_full_disk_queue, setup, teardown),
        cmocka_unit_test_setup_teardown(test_response_padding, setup, teardown),
        cmocka_unit_test_setup_teardown(test_notification_threshold, setup, teardown),
        cmocka_unit_test_setup_teardown(test_everything_is_read_once, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
