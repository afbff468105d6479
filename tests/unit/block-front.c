/*
 * The block frontend, case by case, with a backend that behaves, or does one thing wrong.
 *
 * Sources: split-drivers/block/front/connect.c split-drivers/block/front/terms.c
 * Sources: split-drivers/block/front/link.c split-drivers/block/front/issue.c
 * Sources: split-drivers/block/front/answers.c split-drivers/block/front/serve.c
 * Sources: split-drivers/handshake/xenbus.c dom0/devices/block-device.c dom0/devices/disk-names.c
 * Sources: dom0/devices/disk-commands.c dom0/devices/disk-controller.c dom0/devices/disk-cut.c
 * Sources: dom0/tasks/turns.c
 */
#include "block-front-world.h"

/* The n-th request on a queue's ring since it is there. */
static const union remote_slot *slot_of(unsigned int queue, unsigned int n)
{
    struct remote_ring *ring = (struct remote_ring *)(uintptr_t)remote->queues[queue].ring;

    assert_true(n < ring->header.req_prod);
    return &ring->slots[n % remote->queues[queue].slots];
}

/* The queue that has the latest of one command alone. */
static unsigned int queue_with(unsigned int n)
{
    for (unsigned int i = 0; i < remote->queue_count; i++)
        if (remote->queues[i].ring->header.req_prod > n)
            return i;
    fail_msg("nothing was asked");
    return 0;
}

static void answer_put(unsigned int queue, uint64_t id, uint8_t operation, int16_t status)
{
    volatile struct remote_ring *ring = remote->queues[queue].ring;
    volatile struct blkif_response *response =
        &ring->slots[ring->header.rsp_prod % remote->queues[queue].slots].response;

    response->id = id;
    response->operation = operation;
    response->status = status;
    ring->header.rsp_prod++;
    remote_event(remote->queues[queue].port, remote);
}

static void answer(unsigned int queue, uint64_t id, uint8_t operation, int16_t status)
{
    answer_put(queue, id, operation, status);
    run(2);
}

static int setup(void **state)
{
    (void)state;
    memset(sends, 0, sizeof(sends));
    world_start();
    notified = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    world_end();
    for (unsigned int i = 0; i < SENDS; i++)
        free(sends[i].memory);
    return 0;
}

/* The line that says why is not looked at: the disk has stopped, and nothing is given to it. */
static void is_stopped(void)
{
    run(4);
    assert_true(remote->refused);
    assert_int_equal(remote->state, REMOTE_CLOSED);
    assert_int_equal(front_state(), XENBUS_CLOSED);
    back_set("state", "2");
    run(200);
    assert_int_equal(remote->state, REMOTE_CLOSED);
    assert_int_equal(submit(&sends[SENDS - 1], BLOCK_READ, 0, 1, 0, 512), -EIO);
}

static void a_write_goes_out(void **state)
{
    const struct blkif_request *request;
    unsigned int queue;

    (void)state;
    assert_int_equal(submit(&sends[0], BLOCK_WRITE, 100, 3, 1024, 1536), 0);
    queue = queue_with(0);
    request = &slot_of(queue, 0)->request;
    assert_int_equal(notified, 1);
    assert_int_equal(request->operation, BLKIF_OP_WRITE);
    assert_int_equal(request->nr_segments, 3);
    assert_int_equal(request->sector_number, 100);
    assert_int_equal(request->handle, (uint16_t)number);
    for (unsigned int i = 0; i < 3; i++) {
        assert_int_equal(request->seg[i].first_sect, 2);
        assert_int_equal(request->seg[i].last_sect, 4);
        assert_true(grants[request->seg[i].gref].open && grants[request->seg[i].gref].read_only);
        assert_ptr_equal(grants[request->seg[i].gref].page, sends[0].memory + i * PAGE_SIZE);
    }
    answer(queue, request->id, BLKIF_OP_WRITE, BLKIF_RSP_OKAY);
    assert_false(sends[0].under_way);
    assert_int_equal(sends[0].error, 0);
}

static void many_segments_are_a_list(void **state)
{
    const struct blkif_request_indirect *request;
    const struct blkif_request_segment *list;
    unsigned int queue;

    (void)state;
    assert_int_equal(submit(&sends[0], BLOCK_READ, 64, 200, 0, 4096), 0);
    queue = queue_with(0);
    request = &slot_of(queue, 0)->indirect;
    assert_int_equal(request->operation, BLKIF_OP_INDIRECT);
    assert_int_equal(request->indirect_op, BLKIF_OP_READ);
    assert_int_equal(request->nr_segments, 200);
    assert_int_equal(request->sector_number, 64);
    assert_true(grants[request->indirect_grefs[0]].read_only);
    list = (const void *)grants[request->indirect_grefs[0]].page;
    for (unsigned int i = 0; i < 200; i++) {
        assert_ptr_equal(grants[list[i].gref].page, sends[0].memory + i * PAGE_SIZE);
        assert_false(grants[list[i].gref].read_only);
        assert_int_equal(list[i].first_sect, 0);
        assert_int_equal(list[i].last_sect, 7);
    }
    answer(queue, request->id, BLKIF_OP_READ, BLKIF_RSP_OKAY);
    assert_false(sends[0].under_way);
}

static void flush_and_discard(void **state)
{
    unsigned int queue;

    (void)state;
    assert_int_equal(submit(&sends[0], BLOCK_FLUSH, 0, 0, 0, 0), 0);
    queue = queue_with(0);
    assert_int_equal(slot_of(queue, 0)->request.operation, BLKIF_OP_FLUSH_DISKCACHE);
    assert_int_equal(slot_of(queue, 0)->request.nr_segments, 0);
    answer(queue, slot_of(queue, 0)->request.id, BLKIF_OP_FLUSH_DISKCACHE, BLKIF_RSP_OKAY);
    assert_int_equal(sends[0].ended, 1);
    assert_int_equal(submit(&sends[1], BLOCK_DISCARD, 5, 0, 0, 77 * 512), 0);
    queue = queue_with(1); /* the slot is the last one that became free */
    assert_int_equal(slot_of(queue, 1)->discard.operation, BLKIF_OP_DISCARD);
    assert_int_equal(slot_of(queue, 1)->discard.sector_number, 5);
    assert_int_equal(slot_of(queue, 1)->discard.nr_sectors, 77);
    answer(queue, slot_of(queue, 1)->discard.id, BLKIF_OP_DISCARD, BLKIF_RSP_EOPNOTSUPP);
    assert_int_equal(sends[1].error, -EOPNOTSUPP);
}

static void statuses(void **state)
{
    static const struct {
        int16_t status;
        int error;
    } cases[] = { { BLKIF_RSP_ERROR, -EIO }, { 1, -EIO }, { -77, -EIO }, { 32767, -EIO } };

    (void)state;
    for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        unsigned int queue;

        submit(&sends[i], BLOCK_READ, 0, 1, 0, 512);
        queue = queue_with(i);
        answer(queue, slot_of(queue, i)->request.id, BLKIF_OP_READ, cases[i].status);
        assert_int_equal(sends[i].error, cases[i].error);
        assert_int_equal(sends[i].ended, 1);
    }
}

/* References run out before slots do: the rest goes as answers come, in order. */
static void what_does_not_fit_waits(void **state)
{
    unsigned int asked = 0;

    (void)state;
    for (unsigned int i = 0; i < 6; i++)
        assert_int_equal(submit(&sends[i], BLOCK_READ, 0, 250, 0, 4096), 0);
    for (unsigned int i = 0; i < 4; i++)
        asked += remote->queues[i].ring->header.req_prod;
    assert_int_equal(asked, 4);
    assert_int_equal(sends_under_way, 6);
    for (unsigned int n = 0; n < 2; n++)
        for (unsigned int i = 0; i < 4; i++)
            if (remote->queues[i].ring->header.req_prod > n)
                answer(i, slot_of(i, n)->indirect.id, BLKIF_OP_READ, 0);
    assert_int_equal(sends_under_way, 0);
}

static void an_answer_out_of_range(void **state)
{
    (void)state;
    submit(&sends[0], BLOCK_READ, 0, 1, 0, 512);
    answer(queue_with(0), DISK_SLOTS_MAX, BLKIF_OP_READ, 0);
    is_stopped();
    assert_int_equal(sends[0].error, -EIO);
    assert_int_equal(sends[0].ended, 1);
}

static void an_answer_far_out_of_range(void **state)
{
    uint64_t id;

    (void)state;
    submit(&sends[0], BLOCK_READ, 0, 1, 0, 512);
    id = slot_of(queue_with(0), 0)->request.id;
    answer(queue_with(0), id | 1ull << 32, BLKIF_OP_READ, 0);
    is_stopped();
}

static void an_answer_twice(void **state)
{
    unsigned int queue;
    uint64_t id;

    (void)state;
    for (unsigned int i = 0; i < 8; i++)
        submit(&sends[i], BLOCK_READ, 0, 1, 0, 512);
    queue = queue_with(1);
    id = slot_of(queue, 0)->request.id;
    answer_put(queue, id, BLKIF_OP_READ, 0);
    answer_put(queue, id, BLKIF_OP_READ, 0);
    is_stopped();
    for (unsigned int i = 0; i < 8; i++)
        assert_int_equal(sends[i].ended, 1);
}

static void an_answer_in_another_queue(void **state)
{
    uint64_t id;

    (void)state;
    for (unsigned int i = 0; i < 8; i++)
        submit(&sends[i], BLOCK_READ, 0, 1, 0, 512);
    id = slot_of(1, 0)->request.id;
    answer(0, id, BLKIF_OP_READ, 0);
    is_stopped();
}

static void an_answer_of_another_kind(void **state)
{
    (void)state;
    submit(&sends[0], BLOCK_READ, 0, 1, 0, 512);
    answer(queue_with(0), slot_of(queue_with(0), 0)->request.id, BLKIF_OP_FLUSH_DISKCACHE, 0);
    is_stopped();
}

static void answers_beyond_requests(void **state)
{
    unsigned int queue;

    (void)state;
    submit(&sends[0], BLOCK_READ, 0, 1, 0, 512);
    queue = queue_with(0);
    remote->queues[queue].ring->slots[0].response.id = slot_of(queue, 0)->request.id;
    remote->queues[queue].ring->slots[0].response.operation = BLKIF_OP_READ;
    remote->queues[queue].ring->header.rsp_prod = 2;
    remote_event(remote->queues[queue].port, remote);
    is_stopped();
    assert_int_equal(sends[0].error, -EIO);
}

/* What it holds is neither ended nor used again, however long that is. */
static void an_answered_page_still_held(void **state)
{
    const struct blkif_request *request;
    grant_ref_t ref;

    (void)state;
    submit(&sends[0], BLOCK_READ, 0, 2, 0, 512);
    request = &slot_of(queue_with(0), 0)->request;
    ref = request->seg[1].gref;
    grants[ref].held = 1;
    answer(queue_with(0), request->id, BLKIF_OP_READ, 0);
    run(2000);
    assert_true(sends[0].under_way);
    assert_int_equal(grants_open, 1);
    assert_int_equal(submit(&sends[1], BLOCK_READ, 0, 1, 0, 512), -EAGAIN);
    block_device_leave(&remote->disk.block, &sends[1].turn);
    grants[ref].held = 0;
    run(200);
    assert_int_equal(sends[0].error, -EIO);
    is_stopped();
}

static void a_broken_one_may_be_given_anew(void **state)
{
    (void)state;
    answer(0, 5, BLKIF_OP_READ, 0);
    is_stopped();
    disk_take_away();
    run(4);
    disk_give();
    backend_connects();
    assert_int_equal(remote->state, REMOTE_CONNECTED);
    assert_int_equal(submit(&sends[0], BLOCK_READ, 0, 1, 0, 512), 0);
    answer(queue_with(0), slot_of(queue_with(0), 0)->request.id, BLKIF_OP_READ, 0);
    assert_int_equal(sends[0].error, 0);
}

static void backend_closes(void)
{
    back_set("state", "5");
    run(4);
    assert_int_equal(front_state(), XENBUS_CLOSED);
    back_set("state", "6");
}

/* What was in flight is asked again of the one that comes, and ends once; nothing fails. */
static void a_backend_that_comes_back(void **state)
{
    const struct blkif_request *request;
    unsigned int queue;

    (void)state;
    submit(&sends[0], BLOCK_WRITE, 8, 2, 0, 1024);
    queue = queue_with(0);
    grants[slot_of(queue, 0)->request.seg[0].gref].held = 1;
    backend_closes();
    run(100);
    assert_int_equal(front_state(), XENBUS_CLOSED); /* it has a page still */
    let_go();
    run(200);
    assert_int_equal(front_state(), XENBUS_INITIALISING);
    assert_int_equal(sends[0].ended, 0);
    assert_int_equal(submit(&sends[1], BLOCK_READ, 0, 1, 0, 512), -EAGAIN);
    back_set("state", "2");
    backend_connects();
    queue = queue_with(0);
    request = &slot_of(queue, 0)->request;
    assert_int_equal(request->operation, BLKIF_OP_WRITE);
    assert_int_equal(request->sector_number, 8);
    assert_int_equal(request->nr_segments, 2);
    answer(queue, request->id, BLKIF_OP_WRITE, 0);
    assert_int_equal(sends[0].ended, 1);
    assert_int_equal(sends[0].error, 0);
}

/* It answers the rest before it says that it has closed. */
static void a_backend_that_goes_in_order(void **state)
{
    unsigned int queue;

    (void)state;
    submit(&sends[0], BLOCK_WRITE, 8, 2, 0, 1024);
    queue = queue_with(0);
    back_set("state", "5");
    run(4);
    answer_put(queue, slot_of(queue, 0)->request.id, BLKIF_OP_WRITE, 0);
    back_set("state", "6");
    run(50);
    assert_int_equal(sends[0].ended, 1);
    assert_int_equal(sends[0].error, 0);
    assert_int_equal(front_state(), XENBUS_INITIALISING);
}

static void a_disk_that_is_taken_away(void **state)
{
    unsigned int queue;

    (void)state;
    submit(&sends[0], BLOCK_WRITE, 8, 1, 0, 1024);
    back_set("online", "0");
    backend_closes();
    run(100);
    assert_int_equal(sends[0].error, -EIO);
    assert_int_equal(submit(&sends[1], BLOCK_READ, 0, 1, 0, 512), -EIO);
    assert_int_equal(grants_taken, 0);
    disk_take_away();
    run(4);
    disk_give();
    backend_connects();
    assert_int_equal(submit(&sends[1], BLOCK_READ, 0, 1, 0, 512), 0);
    queue = queue_with(0);
    answer(queue, slot_of(queue, 0)->request.id, BLKIF_OP_READ, 0);
    assert_int_equal(sends[1].error, 0);
}

/* Each thing that would make it another disk, one after the other; then as it was. */
static void a_disk_that_is_another(void **state)
{
    static const struct {
        const char *node, *value;
    } cases[] = { { "sectors", "32760" },
                  { "sectors", "40000" },
                  { "sectors", "-1" },
                  { "sectors", "0" },
                  { "sector-size", "1024" },
                  { "sector-size", "77" },
                  { "feature-max-indirect-segments", "255" },
                  { "feature-flush-cache", "0" },
                  { "feature-discard", "0" },
                  { "info", "4" } };

    (void)state;
    submit(&sends[0], BLOCK_WRITE, 8, 1, 0, 1024);
    for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        disk_take_away();
        run(20);
        disk_give();
        back_set(cases[i].node, cases[i].value);
        backend_connects();
        assert_int_equal(front_state(), XENBUS_CLOSED);
        assert_int_equal(submit(&sends[1], BLOCK_READ, 0, 1, 0, 512), -EIO);
    }
    disk_take_away();
    run(20);
    disk_give();
    backend_connects();
    assert_int_equal(remote->state, REMOTE_CONNECTED);
}

/* Nothing is made of a disk without a size; once it has one, it is there. */
static void a_disk_without_a_size(void **state)
{
    const struct block_device *last = last_device();

    (void)state;
    world_end();
    disk_new();
    back_set("sectors", "0");
    backend_connects();
    assert_int_equal(front_state(), XENBUS_CLOSED);
    assert_ptr_equal(last_device(), last);
    disk_take_away();
    run(20);
    disk_give();
    backend_connects();
    remote = (struct remote *)last_device();
    assert_int_equal(remote->number, number);
    assert_int_equal(remote->state, REMOTE_CONNECTED);
}

/* One queue of one page serves what four of four were to. */
static void a_backend_with_less_room(void **state)
{
    (void)state;
    backend_closes();
    run(20);
    back_set("multi-queue-max-queues", "1");
    back_set("max-ring-page-order", "0");
    back_set("state", "2");
    backend_connects();
    assert_int_equal(remote->queue_count, 1);
    for (unsigned int i = 0; i < 40; i++)
        assert_int_equal(submit(&sends[i], BLOCK_READ, 0, 1, 0, 512), 0);
    assert_int_equal(remote->queues[0].ring->header.req_prod, 32);
    for (unsigned int i = 0; i < 40; i++)
        answer(0, slot_of(0, i)->request.id, BLKIF_OP_READ, 0);
    assert_int_equal(sends_under_way, 0);
}

/* Whatever is lacking, what was had is given back, and it is tried again. */
static void links_that_cannot_be_made(void **state)
{
    unsigned int *const mosts[] = { &grants_most, &ports_most };

    (void)state;
    backend_closes();
    run(20);
    back_set("state", "2");
    for (unsigned int i = 0; i < 2; i++) {
        unsigned int was = *mosts[i];

        for (unsigned int most = 0; most < (i ? 4 : 280); most += i ? 1 : 5) {
            *mosts[i] = most;
            run(110);
            assert_int_equal(remote->queue_count, 0);
            assert_int_equal(grants_taken + (unsigned int)frames_taken + ports_open, 0);
        }
        *mosts[i] = was;
    }
    for (frames_most = 0; frames_most < 28; frames_most++) {
        run(110);
        assert_int_equal(grants_taken + (unsigned int)frames_taken + ports_open, 0);
    }
    frames_most = 100000;
    run(110);
    backend_connects();
    assert_int_equal(remote->state, REMOTE_CONNECTED);
}

/* What the kernel before us told is not left beside what is told now. */
static void what_is_told(void **state)
{
    static const char *const gone[] = { "ring-ref", "ring-ref0", "event-channel" };
    char path[128];

    (void)state;
    for (unsigned int i = 0; i < 3; i++) {
        snprintf(path, sizeof(path), "%s/%s", front_path, gone[i]);
        assert_null(node_value(path));
    }
    for (unsigned int i = 0; i < 4; i++) {
        snprintf(path, sizeof(path), "%s/queue-%u/ring-ref3", front_path, i);
        assert_int_equal(atoi(node_value(path)), remote->queues[i].refs[3]);
        snprintf(path, sizeof(path), "%s/queue-%u/event-channel", front_path, i);
        assert_int_equal(atoi(node_value(path)), remote->queues[i].port);
    }
    backend_closes();
    run(20);
    back_set("multi-queue-max-queues", "1");
    back_set("max-ring-page-order", "0");
    back_set("state", "2");
    backend_connects();
    snprintf(path, sizeof(path), "%s/queue-0", front_path);
    assert_null(node_value(path));
    snprintf(path, sizeof(path), "%s/queue-0/ring-ref0", front_path);
    assert_null(node_value(path));
    snprintf(path, sizeof(path), "%s/multi-queue-num-queues", front_path);
    assert_null(node_value(path));
    snprintf(path, sizeof(path), "%s/ring-page-order", front_path);
    assert_null(node_value(path));
    snprintf(path, sizeof(path), "%s/ring-ref", front_path);
    assert_int_equal(atoi(node_value(path)), remote->queues[0].refs[0]);
}

#define case_of(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        case_of(a_write_goes_out),
        case_of(many_segments_are_a_list),
        case_of(flush_and_discard),
        case_of(statuses),
        case_of(what_does_not_fit_waits),
        case_of(an_answer_out_of_range),
        case_of(an_answer_far_out_of_range),
        case_of(an_answer_twice),
        case_of(an_answer_in_another_queue),
        case_of(an_answer_of_another_kind),
        case_of(answers_beyond_requests),
        case_of(an_answered_page_still_held),
        case_of(a_broken_one_may_be_given_anew),
        case_of(a_backend_that_comes_back),
        case_of(a_backend_that_goes_in_order),
        case_of(a_disk_that_is_taken_away),
        case_of(a_disk_that_is_another),
        case_of(a_disk_without_a_size),
        case_of(a_backend_with_less_room),
        case_of(links_that_cannot_be_made),
        case_of(what_is_told),
    };

    return cmocka_run_group_tests_name("block-front", tests, NULL, NULL);
}
