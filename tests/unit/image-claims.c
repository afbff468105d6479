/*
 * Files as disks: who may have one, and several who want something at once.
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

static const struct file_system_operations *real_operations;

/* A commit that takes its time. */
static int fs_sync_seen(struct file_system *of)
{
    wait_queue_wait(NULL);
    return real_operations->sync(of);
}

/* Places that were found are written down, whichever flush is done first. */
static void a_flush_that_overtakes(void **state)
{
    int (*sync)(struct file_system * fs) = fs_sync_seen;
    struct file_system_operations slow;
    struct asked *second = &asked[1];

    (void)state;
    begin(0);
    ask_alone(BLOCK_WRITE, 1000, 8, false);
    slow = *fs->operations;
    slow.sync = sync;
    real_operations = fs->operations;
    fs->operations = &slow;
    asked[0].request = (struct block_request){ .operation = BLOCK_FLUSH, .done = ask_done };
    asked[0].busy = true;
    ask_give(&asked[0]);
    task_runs(); /* it sleeps in the commit */
    second->request = (struct block_request){ .operation = BLOCK_FLUSH, .done = ask_done };
    second->busy = true;
    refused = NULL;
    ask_give(second);
    while (waiting_count)
        one_is_done();
    assert_true(second->busy); /* it waits for the first */
    fs->operations = real_operations;
    while (!all_done()) {
        task_runs();
        one_is_done();
    }
    close_image();
    assert_int_equal(fs->operations->unmount(fs), 0);
}

/* Its turn on the disk below is nobody's when nobody waits for the image. */
static void a_turn_nobody_wants(void **state)
{
    struct turns line = { .first = NULL };
    struct asked *ask = &asked[0];

    (void)state;
    begin(0);
    ask_alone(BLOCK_WRITE, 1000, 8, false);
    ask->request.operation = BLOCK_READ;
    ask_fill(ask);
    refused = NULL;
    while (!refused) {
        int error = device->driver->submit(device, &ask->request);

        ask->busy = ask->given = !error;
        while (!error && !all_done()) {
            task_runs();
            one_is_done();
        }
    }
    turns_none_left(&line, refused, 4096);
    turns_more(&line);
    assert_null(line.first);
    turns_none_left(&line, refused, 4096);
    device->driver->nobody_waits(device);
    assert_null(line.first);
    close_image();
    assert_int_equal(fs->operations->unmount(fs), 0);
}

static int open_error;

static void not_opened(void *owner, int error)
{
    (void)owner;
    open_error = error;
}

static int open_again(enum file_claim_kind kind, struct image **other)
{
    open_error = 1;
    assert_int_equal(image_open("/disk.img", kind, not_opened, NULL, other), 0);
    task_runs();
    return open_error;
}

/* Its file is the next one's before its task has closed it. */
static void the_next_one_need_not_wait(void **state)
{
    struct block_device *below;
    void *file, *again;

    (void)state;
    begin(0);
    close_image();
    for (enum file_claim_kind kind = FILE_CLAIM_READ; kind <= FILE_CLAIM_WRITE; kind++) {
        assert_int_equal(fs->operations->claim(fs, "/disk.img", kind, &file, &below), 0);
        assert_int_equal(fs->operations->claim(fs, "/disk.img", FILE_CLAIM_WRITE, &again, &below),
                         -EBUSY);
        fs->operations->release(fs, file, kind);
        assert_int_equal(fs->operations->claim(fs, "/disk.img", FILE_CLAIM_WRITE, &again, &below),
                         0);
        fs->operations->close_claimed(fs, file);
        fs->operations->release(fs, again, FILE_CLAIM_WRITE);
        fs->operations->close_claimed(fs, again);
    }
    assert_int_equal(fs->operations->unmount(fs), 0);
}

/* The image of `begin` writes. */
static void who_writes_is_alone(void **state)
{
    struct image *other;
    const char *why;
    void *file;

    (void)state;
    begin(0);
    assert_int_equal(fs->operations->open(fs, "/disk.img", O_RDONLY, &file), -EBUSY);
    assert_int_equal(fs->operations->open(fs, "/disk.img", O_RDWR | O_TRUNC, &file), -EBUSY);
    close_image();
    assert_int_equal(open_again(FILE_CLAIM_READ, &other), 0);
    assert_int_equal(fs->operations->open(fs, "/disk.img", O_WRONLY, &file), -EBUSY);
    assert_int_equal(fs->operations->open(fs, "/disk.img", O_RDONLY, &file), 0);
    fs->operations->close(fs, file);
    image_close(other);
    task_runs();
    assert_int_equal(fs->operations->open(fs, "/disk.img", O_RDONLY, &file), 0);
    assert_int_equal(open_again(FILE_CLAIM_WRITE, &other), -EBUSY);
    fs->operations->close(fs, file);
    assert_int_equal(fs->operations->open(fs, "/disk.img", O_RDWR, &file), 0);
    assert_int_equal(open_again(FILE_CLAIM_SHARED, &other), 0);
    assert_int_equal(fs->operations->truncate(fs, file, 512), -EBUSY);
    image_close(other);
    task_runs();
    fs->operations->close(fs, file);
    assert_int_equal(mount.users, 0);
    assert_int_equal(fs->operations->unmount(fs), 0);
    assert_int_equal(ext_mount(&disk, true, &fs, &why), 0);
    assert_int_equal(open_again(FILE_CLAIM_WRITE, &other), -EROFS);
    assert_int_equal(open_again(FILE_CLAIM_READ, &other), 0);
    image_close(other);
    task_runs();
    assert_int_equal(fs->operations->unmount(fs), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_flush_that_overtakes),
        cmocka_unit_test(a_turn_nobody_wants),
        cmocka_unit_test(the_next_one_need_not_wait),
        cmocka_unit_test(who_writes_is_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
