/*
 * Files as disks: requests of any size and memory at random on a file with holes, several at once,
 * against what should be in it; and the power is cut in between.  What the disk's free blocks hold
 * must never be seen.
 *
 * IMAGE_ROUNDS=100 makes it longer; IMAGE_SEED=n chooses the dice.
 *
 * Sources: dom0/storage/ext-disk.c dom0/storage/ext-io.c dom0/storage/ext-journal.c
 *   dom0/storage/ext-replay.c dom0/storage/ext-transaction.c dom0/storage/ext-inodes.c
 *   dom0/storage/ext-names.c dom0/storage/ext-files.c dom0/storage/ext-mount.c
 *   dom0/storage/ext-bitmaps.c dom0/storage/ext-claims.c dom0/storage/image.c
 *   dom0/storage/image-task.c dom0/storage/image-extents.c dom0/libc/file-claims.c
 *   dom0/tasks/turns.c
 * Ext: yes
 */
#include "image-model.h"

static void what_is_written_is_there(void **state)
{
    (void)state;
    for (unsigned int round = 0; round < number_of("IMAGE_ROUNDS", 10); round++) {
        begin(round);
        for (unsigned int i = 0; i < STEPS; i++)
            step();
        while (!all_done()) {
            task_runs();
            one_is_done();
        }
        close_image();
        compare(false);
        assert_int_equal(fs->operations->unmount(fs), 0);
        assert_int_equal(world_check("-fn"), 0);
    }
}

static void what_was_flushed_survives(void **state)
{
    const char *why;

    (void)state;
    for (unsigned int round = 0; round < number_of("IMAGE_ROUNDS", 20); round++) {
        begin(round);
        for (unsigned int i = 0; i < 100; i++)
            step();
        world.writes_left = dice(300);
        for (unsigned int i = 0; i < STEPS && !world.dead; i++)
            step();
        world.dead = true; /* whatever is asked now is lost */
        while (!all_done()) {
            task_runs();
            one_is_done();
        }
        close_image();
        fs->operations->unmount(fs);
        world_cut();
        world_load(world.seen, world.bytes);
        if (strstr(kinds[round % 5], "ext2"))
            continue; /* it has no journal: e2fsck has to go over it first */
        assert_int_equal(ext_mount(&disk, false, &fs, &why), 0);
        compare(true);
        assert_int_equal(fs->operations->unmount(fs), 0);
        assert_int_equal(world_check("-fn"), 0);
    }
}

/* What is kept of the file in memory is neither missed nor seen again. */
static void what_was_written_by_name(void **state)
{
    (void)state;
    for (unsigned int round = 0; round < 8; round++) {
        begin(round);
        for (uint32_t at = 0; at < FILE_SECTORS; at += 69)
            ask_alone(BLOCK_READ, at, 69, false);
        for (uint32_t at = 0; at < FILE_SECTORS; at += 69)
            ask_alone(BLOCK_WRITE, at, 69, false);
        close_image();
        compare(false);
        assert_int_equal(fs->operations->unmount(fs), 0);
    }
}

/* What is written through is on the disk, and so is where. */
static void a_write_that_goes_through(void **state)
{
    uint64_t flushes;

    (void)state;
    begin(0);
    ask_alone(BLOCK_WRITE, 1000, 8, false);
    assert_true(world.cached);
    ask_alone(BLOCK_READ, 1000, 8, false);
    flushes = world.flushes;
    ask_alone(BLOCK_WRITE, 1000, 4, true);    /* its place is known, but not written down */
    assert_true(world.flushes > flushes + 1); /* a commit is more than one */
    assert_int_equal(world.cached, 0);
    ask_alone(BLOCK_WRITE, 1000, 4, false);
    ask_alone(BLOCK_WRITE, 1000, 4, true); /* at once */
    assert_int_equal(world.cached, 0);
    ask_alone(BLOCK_WRITE, 2000, 4, true);
    assert_int_equal(world.cached, 0);
    ask_alone(BLOCK_WRITE, 1000, 4, false);
    assert_true(world.cached);
    ask_alone(BLOCK_FLUSH, 0, 0, false);
    assert_int_equal(world.cached, 0);
    close_image();
    compare(false);
    assert_int_equal(fs->operations->unmount(fs), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_there),
        cmocka_unit_test(what_was_flushed_survives),
        cmocka_unit_test(what_was_written_by_name),
        cmocka_unit_test(a_write_that_goes_through),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
