/*
 * The layer between requests and drivers of disks: commands that fail, disks that stop, controllers
 * that are reset, requests that are refused.
 *
 * Sources: dom0/devices/disk-commands.c dom0/devices/disk-controller.c dom0/devices/disk-cut.c
 * Sources: dom0/devices/block-device.c dom0/devices/block-sleep.c dom0/tasks/turns.c
 */
#include "disk-world.h"

static int user_submits(struct user *user)
{
    int error = block_device_submit(&disk->block, &user->request, &turn);

    block_device_kick(&disk->block);
    return error;
}

static struct user simple;

static struct user *simple_new(enum block_operation operation, uint64_t sector,
                               unsigned int segments, uint32_t bytes)
{
    user_begin(&simple, operation);
    simple.request.sector = sector;
    simple.request.segment_count = segments;
    for (unsigned int i = 0; i < segments; i++) /* gaps in between */
        simple.segments[i] = (struct block_segment){ (uint64_t)memory + (2 * i + 1) * 4096, bytes };
    return &simple;
}

static void what_goes_on_in_memory_is_one_segment(void **state)
{
    struct user *user;

    (void)state;
    world_new(&plain, SLOTS);
    user = simple_new(BLOCK_WRITE, 0, 16, 4096);
    for (unsigned int i = 0; i < 16; i++)
        user->segments[i].machine = (uint64_t)memory + 4096 + i * 4096;
    answers_a_take = 0;
    assert_int_equal(user_submits(user), 0);
    assert_int_equal(issues, 1);
    assert_int_equal(issued[0].count, 1);
    assert_int_equal(issued[0].segments[0].bytes, 65536);
}

static void a_failed_command_fails_its_request_once(void **state)
{
    struct user *user;

    (void)state;
    world_new(&plain, 2);
    user = simple_new(BLOCK_WRITE, 0, 64, 4096); /* four commands in two slots */
    bad_sector = 130;
    assert_int_equal(user_submits(user), 0);
    assert_int_equal(issues, 2);
    for (unsigned int i = 0; i < 5; i++)
        interrupt();
    assert_int_equal(user->ended, 1);
    assert_int_equal(user->error, -EIO);
    assert_int_equal(issues, 2); /* the rest was not begun */
    assert_int_equal(disk->free_count, 2);
    bad_sector = -1;
    assert_int_equal(user_submits(simple_new(BLOCK_READ, 0, 1, 512)), 0);
    interrupt();
    assert_int_equal(simple.ended, 1);
    assert_int_equal(simple.error, 0);
}

static void a_wild_slot_is_passed_over(void **state)
{
    struct user *user;

    (void)state;
    world_new(&plain, 4);
    user = simple_new(BLOCK_WRITE, 0, 1, 512);
    assert_int_equal(user_submits(user), 0);
    for (unsigned int slot = 0; slot < 1000; slot++)
        if (slot != 0)
            disk_command_done(disk, slot, 0);
    assert_int_equal(user->ended, 0);
    assert_int_equal(disk->free_count, 3);
    interrupt();
    disk_command_done(disk, 0, 0);
    assert_int_equal(user->ended, 1);
    assert_int_equal(disk->free_count, 4);
}

static void stable_writes(void **state)
{
    struct block_limits limits = plain;

    (void)state;
    world_new(&limits, 1); /* no FUA: a flush follows */
    simple_new(BLOCK_WRITE, 0, 64, 4096)->request.fua = true;
    assert_int_equal(user_submits(&simple), 0);
    for (unsigned int i = 0; i < 8; i++) {
        assert_int_equal(flushes, simple.ended);
        interrupt();
    }
    assert_int_equal(simple.ended, 1);
    assert_int_equal(flushes, 1);
    assert_int_equal(issues, 5);
    limits.fua = true;
    world_new(&limits, 1);
    simple_new(BLOCK_WRITE, 0, 64, 4096)->request.fua = true;
    assert_int_equal(user_submits(&simple), 0);
    for (unsigned int i = 0; i < 8; i++)
        interrupt();
    assert_int_equal(simple.ended, 1);
    assert_int_equal(flushes, 0);
    assert_int_equal(fuas, 4);
    limits.fua = limits.flush = false; /* nothing can be lost */
    world_new(&limits, 1);
    simple_new(BLOCK_WRITE, 0, 64, 4096)->request.fua = true;
    assert_int_equal(user_submits(&simple), 0);
    for (unsigned int i = 0; i < 8; i++)
        interrupt();
    assert_int_equal(simple.ended, 1);
    assert_int_equal(flushes + fuas, 0);
    assert_int_equal(user_submits(simple_new(BLOCK_FLUSH, 0, 0, 0)), -EOPNOTSUPP);
    assert_int_equal(block_device_flush(&disk->block), 0);
}

static void ranges_are_cut(void **state)
{
    struct block_limits limits = plain;

    (void)state;
    limits.discard_sectors = 100;
    world_new(&limits, 2);
    memset(medium, 1, sizeof(medium));
    simple_new(BLOCK_DISCARD, 10, 0, 0)->request.sectors = 350;
    assert_int_equal(user_submits(&simple), 0);
    for (unsigned int i = 0; i < 8; i++)
        interrupt();
    assert_int_equal(discarded, 4);
    assert_int_equal(simple.ended, 1);
    simple_new(BLOCK_WRITE_ZEROES, 10, 0, 0)->request.sectors = 350;
    assert_int_equal(user_submits(&simple), -EOPNOTSUPP);
    limits.zeroes_sectors = 3;
    world_new(&limits, 2);
    simple_new(BLOCK_WRITE_ZEROES, 10, 0, 0)->request.sectors = 350;
    assert_int_equal(user_submits(&simple), 0);
    for (unsigned int i = 0; i < 200; i++)
        interrupt();
    assert_int_equal(simple.ended, 1);
    assert_int_equal(zeroed, 117);
    for (unsigned int i = 0; i < 400; i++)
        assert_int_equal(medium[i * 512], i < 10 || i >= 360);
}

static void requests_outside_are_refused(void **state)
{
    static const struct {
        uint64_t sector, sectors;
        int error;
    } tries[] = { { SECTORS - 8, 8, 0 },      { SECTORS - 7, 8, -EINVAL },
                  { SECTORS, 0, -EINVAL },    { SECTORS, 1, -EINVAL },
                  { UINT64_MAX, 1, -EINVAL }, { 0, UINT64_MAX, -EINVAL },
                  { 1, UINT64_MAX, -EINVAL }, { 0, 0, -EINVAL } };
    struct block_limits limits = plain;

    (void)state;
    limits.discard_sectors = UINT64_MAX;
    world_new(&limits, 2);
    for (unsigned int i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
        simple_new(BLOCK_DISCARD, tries[i].sector, 0, 0)->request.sectors = tries[i].sectors;
        assert_int_equal(user_submits(&simple), tries[i].error);
        assert_int_equal(simple.request.sector, tries[i].sector);
        interrupt();
    }
    assert_int_equal(user_submits(simple_new(BLOCK_READ, SECTORS - 1, 2, 512)), -EINVAL);
    disk->block.read_only = true;
    assert_int_equal(user_submits(simple_new(BLOCK_WRITE, 0, 1, 512)), -EROFS);
    assert_int_equal(user_submits(simple_new(BLOCK_DISCARD, 0, 0, 0)), -EROFS);
}

/* A second disk of the same controller, whose slots are behind the first one's. */
static void other_new(void)
{
    other = disk_new(&plain, SLOTS);
    other->slot_base = SLOTS;
    assert_int_equal(disk_register(other, controller), 0);
}

static struct user at_other;

static void other_is_asked(void)
{
    user_begin(&at_other, BLOCK_READ);
    at_other.request.segment_count = 1;
    at_other.segments[0] = (struct block_segment){ (uint64_t)memory + 400 * 512, 512 };
    assert_int_equal(block_device_submit(&other->block, &at_other.request, &turn), 0);
    block_device_kick(&other->block);
}

static void a_disk_that_hangs_ends_its_own_requests_alone(void **state)
{
    struct user *user;

    (void)state;
    world_new(&plain, 2);
    other_new();
    answers_a_take = 0;
    user = simple_new(BLOCK_WRITE, 0, 64, 4096);
    assert_int_equal(user_submits(user), 0);
    controller_runs(now + 25 * SECOND);
    other_is_asked();
    controller_runs(now + 10 * SECOND);
    assert_int_equal(stops, 1);
    assert_int_equal(restarts, 1);
    assert_int_equal(user->ended, 1);
    assert_int_equal(user->error, -EIO);
    assert_int_equal(at_other.ended, 0);
    assert_int_equal(issued_count, 1); /* it was issued again */
    answers_a_take = 10;
    interrupt();
    assert_int_equal(at_other.ended, 1);
    assert_int_equal(at_other.error, 0);
}

static void what_was_cut_goes_on_after_a_reset(void **state)
{
    (void)state;
    world_new(&plain, 2);
    for (unsigned int i = 0; i < sizeof(medium); i++)
        medium[i] = (uint8_t)rand();
    answers_a_take = 0;
    assert_int_equal(user_submits(simple_new(BLOCK_READ, 0, 64, 4096)), 0);
    look_says = -EAGAIN;
    controller_runs(now + 2 * SECOND);
    assert_int_equal(stops, 1);
    answers_a_take = 10;
    for (unsigned int i = 0; i < 4; i++)
        interrupt();
    assert_int_equal(simple.ended, 1);
    assert_int_equal(simple.error, 0);
    for (unsigned int i = 0; i < 64; i++)
        assert_memory_equal(memory + (2 * i + 1) * 4096, medium + i * 4096, 4096);
}

static void a_command_is_not_tried_for_ever(void **state)
{
    (void)state;
    world_new(&plain, 2);
    other_new();
    answers_a_take = 0;
    assert_int_equal(user_submits(simple_new(BLOCK_READ, 0, 1, 512)), 0);
    for (unsigned int i = 0; i < 3; i++) {
        assert_int_equal(simple.ended, 0);
        look_says = -EAGAIN;
        controller->resets = 0; /* as if others were answered meanwhile */
        controller_runs(now + 2 * SECOND);
    }
    assert_int_equal(simple.ended, 1);
    assert_int_equal(simple.error, -EIO);
}

/* A write that ended as its disk was stopped: the flush it wants comes when the disk works again.
 */
static void nothing_is_issued_to_a_stopped_disk(void **state)
{
    (void)state;
    world_new(&plain, 2);
    answers_a_take = 0;
    simple_new(BLOCK_WRITE, 0, 1, 512)->request.fua = true;
    assert_int_equal(user_submits(&simple), 0);
    ends_while_stopped = true;
    look_says = -EAGAIN;
    controller_runs(now + 2 * SECOND);
    assert_int_equal(restarts, 1);
    assert_int_equal(issues, 2);
    answers_a_take = 1;
    interrupt();
    assert_int_equal(flushes, 1);
    assert_int_equal(simple.ended, 1);
    assert_int_equal(simple.error, 0);
}

static void dead(int look_answer, int stop_answer, int restart_answer)
{
    world_new(&plain, 2);
    answers_a_take = 0;
    assert_int_equal(user_submits(simple_new(BLOCK_READ, 0, 64, 4096)), 0);
    look_says = look_answer;
    stop_says = stop_answer;
    restart_says = restart_answer;
    controller_runs(now + 2 * SECOND);
    assert_int_equal(simple.ended, 1);
    assert_int_equal(simple.error, -EIO);
    assert_int_equal(user_submits(simple_new(BLOCK_READ, 0, 64, 4096)), -EIO);
    controller_runs(now + 100 * SECOND);
    assert_int_equal(stops, 1);
    assert_int_equal(disk->free_count, 2);
    takes = 0;
    interrupt();
    assert_int_equal(takes, 0); /* it may be out of the machine */
}

static void what_does_not_start_again_is_dead(void **state)
{
    (void)state;
    dead(-EAGAIN, -EIO, 0);
    dead(-EAGAIN, 0, -ENODEV);
    dead(-ENODEV, 0, 0);
}

/* Dead with a request of which nothing is in flight: it waits for the page that another has. */
static void who_waits_for_the_page_is_told(void **state)
{
    struct block_limits limits = plain;
    struct user first;

    (void)state;
    limits.address_end = (uint64_t)memory + 4096;
    world_new(&limits, 4);
    answers_a_take = 0;
    first = *simple_new(BLOCK_READ, 0, 1, 512);
    first.request.owner = &first;
    first.request.segments = first.segments;
    assert_int_equal(user_submits(&first), 0);
    assert_int_equal(user_submits(simple_new(BLOCK_READ, 8, 1, 512)), 0);
    assert_int_equal(issues, 1);
    assert_int_equal(simple.ended, 0);
    look_says = -ENODEV;
    controller_runs(now + 2 * SECOND);
    assert_int_equal(first.ended, 1);
    assert_int_equal(simple.ended, 1);
    assert_int_equal(simple.error, -EIO);
}

static void who_always_talks_keeps_nobody_out(void **state)
{
    (void)state;
    world_new(&plain, 2);
    takes = yields = 0;
    talks = true;
    interrupt();
    talks = false;
    assert_true(takes >= 1000);
    assert_true(yields >= takes - 1);
}

static void who_cannot_copy_is_refused(void **state)
{
    struct block_limits limits = plain;

    (void)state;
    limits.address_end = (uint64_t)memory + 4096;
    world_new(&limits, 4);
    simple_new(BLOCK_READ, 0, 1, 512)->request.copy = NULL;
    assert_int_equal(user_submits(&simple), -EIO);
    assert_int_equal(simple.ended, 0);
    assert_int_equal(disk->free_count, 4);
    assert_null(disk->partly);
}

static void limits_that_make_no_sense_are_refused(void **state)
{
    static const struct block_limits senseless[] = {
        { .sector_size = 0, .bytes = 4096, .segments = 1 },
        { .sector_size = 256, .bytes = 4096, .segments = 1 },
        { .sector_size = 8192, .bytes = 8192, .segments = 1 },
        { .sector_size = 1536, .bytes = 1536, .segments = 1 },
        { .sector_size = 512, .bytes = 0, .segments = 1 },
        { .sector_size = 512, .bytes = 700, .segments = 1 },
        { .sector_size = 4096, .bytes = 2048, .segments = 1 },
        { .sector_size = 512, .bytes = 4096, .segments = 0 },
        { .sector_size = 512, .bytes = 4096, .segments = BLOCK_MAX_SEGMENTS + 1 },
    };

    (void)state;
    world_new(&plain, 1);
    for (unsigned int i = 0; i < sizeof(senseless) / sizeof(senseless[0]); i++)
        assert_int_equal(disk_register(disk_new(&senseless[i], 1), controller), -EINVAL);
    assert_int_equal(disk_register(disk_new(&plain, 0), controller), -EINVAL);
    other = disk_new(&senseless[0], SLOTS);
    assert_int_equal(disk_register(other, controller), -EINVAL);
    disk_command_done(other, 0, 0); /* the device answers nevertheless */
    snprintf(other->block.name, sizeof(other->block.name), "%s", disk->block.name);
    other->slots = SLOTS;
    other->block.limits = plain;
    assert_int_equal(disk_register(other, controller), -EEXIST);
    disk_command_done(other, 0, 0);
    assert_int_equal(disk_register(disk_new(&plain, DISK_SLOTS_MAX + 1), controller), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_goes_on_in_memory_is_one_segment),
        cmocka_unit_test(a_failed_command_fails_its_request_once),
        cmocka_unit_test(a_wild_slot_is_passed_over),
        cmocka_unit_test(stable_writes),
        cmocka_unit_test(ranges_are_cut),
        cmocka_unit_test(requests_outside_are_refused),
        cmocka_unit_test(a_disk_that_hangs_ends_its_own_requests_alone),
        cmocka_unit_test(what_was_cut_goes_on_after_a_reset),
        cmocka_unit_test(a_command_is_not_tried_for_ever),
        cmocka_unit_test(nothing_is_issued_to_a_stopped_disk),
        cmocka_unit_test(what_does_not_start_again_is_dead),
        cmocka_unit_test(who_waits_for_the_page_is_told),
        cmocka_unit_test(who_always_talks_keeps_nobody_out),
        cmocka_unit_test(who_cannot_copy_is_refused),
        cmocka_unit_test(limits_that_make_no_sense_are_refused),
    };

    return cmocka_run_group_tests_name("disk-layer", tests, NULL, NULL);
}
