/*
 * The block frontend that was asked to copy (blkfront=persistent): the backend sees pages of the
 * frontend's only, which stay open for as long as the link is there.
 *
 * Sources: split-drivers/block/front/connect.c split-drivers/block/front/terms.c
 * Sources: split-drivers/block/front/link.c split-drivers/block/front/issue.c
 * Sources: split-drivers/block/front/answers.c split-drivers/block/front/serve.c
 * Sources: split-drivers/handshake/xenbus.c dom0/devices/block-device.c dom0/devices/disk-names.c
 * Sources: dom0/devices/disk-commands.c dom0/devices/disk-controller.c dom0/devices/disk-cut.c
 * Sources: dom0/tasks/turns.c
 */
#include "block-front-world.h"

static unsigned int at; /* the next request */

static const union remote_slot *next_slot(void)
{
    struct remote_ring *ring = (struct remote_ring *)(uintptr_t)remote->queues[0].ring;

    assert_true(at < ring->header.req_prod);
    return &ring->slots[at++ % remote->queues[0].slots];
}

static void answer(uint64_t id, uint8_t operation)
{
    volatile struct remote_ring *ring = remote->queues[0].ring;
    volatile struct blkif_response *response =
        &ring->slots[ring->header.rsp_prod % remote->queues[0].slots].response;

    response->id = id;
    response->operation = operation;
    response->status = BLKIF_RSP_OKAY;
    ring->header.rsp_prod++;
    remote_event(remote->queues[0].port, remote);
    run(2);
}

static int setup(void **state)
{
    (void)state;
    at = 0;
    memset(sends, 0, sizeof(sends));
    command_line = "ro blkfront=persistent,queues=1,order=0,nothing,queues=7 quiet";
    world_start();
    assert_int_equal(remote->queue_count, 1);
    assert_int_equal(remote->queues[0].order, 0);
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

/* Data of odd pieces lies in whole pages there, and comes back into them. */
static void data_is_copied(void **state)
{
    const union remote_slot *slot;
    unsigned int open = grants_open;

    (void)state;
    assert_int_equal(submit(&sends[0], BLOCK_WRITE, 8, 5, 512, 3584), 0);
    for (unsigned int i = 0; i < 5; i++)
        memset(sends[0].memory + i * PAGE_SIZE, 'a' + (int)i, PAGE_SIZE);
    block_device_leave(&remote->disk.block, &sends[0].turn);
    slot = next_slot();
    assert_int_equal(slot->request.nr_segments, 5); /* 17920 bytes */
    assert_int_equal(slot->request.seg[4].last_sect, 2);
    assert_int_equal(grants_open, open);
    for (unsigned int i = 0; i < 5; i++)
        assert_false(is_shared(sends[0].memory + i * PAGE_SIZE));
    answer(slot->request.id, BLKIF_OP_WRITE);
    assert_int_equal(submit(&sends[1], BLOCK_READ, 8, 5, 512, 3584), 0);
    slot = next_slot();
    for (unsigned int i = 0; i < 5; i++)
        memset(grants[slot->request.seg[i].gref].page, 'A' + (int)i, PAGE_SIZE);
    grants[slot->request.seg[0].gref].held = 1; /* it may: it is kept mapped */
    answer(slot->request.id, BLKIF_OP_READ);
    assert_int_equal(sends[1].ended, 1);
    assert_int_equal(sends[1].error, 0);
    for (unsigned int i = 0; i < 5 * 3584; i++)
        assert_int_equal(sends[1].memory[i / 3584 * PAGE_SIZE + 512 + i % 3584],
                         'A' + (int)(i / PAGE_SIZE));
    assert_int_equal(grants_open, open);
}

static void what_is_written_is_in_the_pages(void **state)
{
    const union remote_slot *slot;

    (void)state;
    sends[0].memory = aligned_alloc(PAGE_SIZE, BLOCK_MAX_SEGMENTS * PAGE_SIZE);
    for (unsigned int i = 0; i < 20 * PAGE_SIZE; i++)
        sends[0].memory[i] = (uint8_t)(i / 512 * 7);
    assert_int_equal(submit(&sends[0], BLOCK_WRITE, 8, 20, 0, 4096), 0);
    slot = next_slot();
    assert_int_equal(slot->indirect.nr_segments, 20);
    for (unsigned int i = 0; i < 20; i++) {
        const struct blkif_request_segment *list =
            (const void *)grants[slot->indirect.indirect_grefs[0]].page;

        assert_memory_equal(grants[list[i].gref].page, sends[0].memory + i * PAGE_SIZE, PAGE_SIZE);
        assert_false(grants[list[i].gref].read_only); /* kept for reads, too */
    }
    assert_false(grants[slot->indirect.indirect_grefs[0]].read_only);
    answer(slot->indirect.id, BLKIF_OP_WRITE);
    assert_int_equal(sends[0].error, 0);
}

/* A user whose data cannot be copied gets an error, once, and nobody is asked. */
static void data_that_cannot_be_copied(void **state)
{
    const union remote_slot *slot;

    (void)state;
    sends[0].no_copy = true;
    assert_int_equal(submit(&sends[0], BLOCK_WRITE, 8, 20, 0, 4096), 0);
    assert_int_equal(sends[0].ended, 0);
    run(2);
    assert_int_equal(sends[0].ended, 1);
    assert_int_equal(sends[0].error, -EIO);
    assert_int_equal(remote->queues[0].ring->header.req_prod, 0);
    assert_int_equal(submit(&sends[0], BLOCK_READ, 8, 2, 0, 4096), 0);
    slot = next_slot();
    answer(slot->request.id, BLKIF_OP_READ);
    assert_int_equal(sends[0].ended, 2);
    assert_int_equal(sends[0].error, -EIO);
    assert_int_equal(remote->free_buffer_count, REMOTE_BUFFERS_MAX);
    assert_int_equal(remote->free_list_count, REMOTE_LISTS_MAX);
}

/* No answer to one that was never sent. */
static void a_spoilt_one_is_not_answered(void **state)
{
    (void)state;
    sends[0].no_copy = true;
    assert_int_equal(submit(&sends[0], BLOCK_WRITE, 8, 1, 0, 4096), 0);
    assert_int_equal(submit(&sends[1], BLOCK_FLUSH, 8, 0, 0, 0), 0);
    remote->any_spoilt = false; /* as if the answer came first */
    answer(0, BLKIF_OP_WRITE);
    run(20);
    assert_true(remote->refused);
    assert_int_equal(sends[0].ended, 1);
}

/* What the backend keeps mapped is not free before it lets go; requests do not wait for that to
 * be asked again, as their own memory was never shared -- but nobody connects before. */
static void pages_that_are_kept(void **state)
{
    const union remote_slot *slot;

    (void)state;
    assert_int_equal(submit(&sends[0], BLOCK_WRITE, 8, 1, 0, 4096), 0);
    slot = next_slot();
    grants[slot->request.seg[0].gref].held = 1;
    back_set("state", "5");
    run(4);
    back_set("state", "6");
    run(100);
    assert_int_equal(frames_taken, 1);
    assert_int_equal(front_state(), XENBUS_CLOSED);
    let_go();
    run(200);
    assert_int_equal(frames_taken, 0);
    assert_int_equal(front_state(), XENBUS_INITIALISING);
}

#define case_of(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        case_of(data_is_copied),
        case_of(what_is_written_is_in_the_pages),
        case_of(data_that_cannot_be_copied),
        case_of(a_spoilt_one_is_not_answered),
        case_of(pages_that_are_kept),
    };

    return cmocka_run_group_tests_name("block-front-copies", tests, NULL, NULL);
}
