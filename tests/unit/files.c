/*
 * The tree of files: which file system a path leads to, mounts that are held, pins, and paths
 * that try to get out.
 *
 * Sources: dom0/libc/files.c dom0/libc/ram-files.c dom0/libc/ram-archive.c dom0/libc/file-node.c
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "libc/file-node.h"
#include "libc/file-place.h"
#include "libc/files.h"
#include "libc/libc.h"
#include "libc/ram-files.h"
#include "pv-kernel/clock.h"
#include "pv-kernel/kernel.h"
#include "tasks/mutex.h"

struct start_info *start_info;
static bool memory_is_short;

bool libc_memory_allows(size_t bytes)
{
    (void)bytes;
    return !memory_is_short;
}

uint64_t clock_wall_ns(void)
{
    return 0;
}

void kernel_panic(const char *format, ...)
{
    fail_msg("%s", format);
    abort();
}

/* One task, which never waits. */
struct task *task_current(void)
{
    static int me;

    return (struct task *)&me;
}

void wait_queue_wait(struct wait_queue *queue)
{
    (void)queue;
    fail_msg("a wait");
}

void wait_queue_wake_one(struct wait_queue *queue)
{
    (void)queue;
}

/* A file system of one file, /file, whose text comes three bytes at a time. */
static const char text[] = "some text";
static char last_path[FILE_PATH_MAX];
static int opened, unmounted;

static int other_open(struct file_system *fs, const char *path, int flags, void **file)
{
    (void)fs;
    (void)flags;
    strcpy(last_path, path);
    if (strcmp(path, "/file") != 0)
        return -ENOENT;
    opened++;
    *file = &opened;
    return 0;
}

static void other_close(struct file_system *fs, void *file)
{
    (void)fs;
    (void)file;
    opened--;
}

static int other_read(struct file_system *fs, void *file, uint64_t at, void *data, size_t size,
                      size_t *done)
{
    size_t left = sizeof(text) - at;

    (void)fs;
    (void)file;
    *done = size < 3 ? size : 3;
    *done = *done < left ? *done : left;
    memcpy(data, text + at, *done);
    return 0;
}

static int other_status(struct file_system *fs, const char *path, struct file_status *status)
{
    (void)fs;
    strcpy(last_path, path);
    *status =
        (struct file_status){ .is_directory = strcmp(path, "/file") != 0, .size = sizeof(text) };
    return 0;
}

static int other_file_status(struct file_system *fs, void *file, struct file_status *status)
{
    (void)file;
    return other_status(fs, "/file", status);
}

static void other_usage(struct file_system *fs, struct file_system_usage *usage)
{
    (void)fs;
    usage->bytes = 1;
}

static int other_unmount(struct file_system *fs)
{
    (void)fs;
    unmounted++;
    return 0;
}

static const struct file_system_operations other_operations = { .open = other_open,
                                                                .close = other_close,
                                                                .read = other_read,
                                                                .status = other_status,
                                                                .file_status = other_file_status,
                                                                .usage = other_usage,
                                                                .unmount = other_unmount };
static struct file_system other = { .operations = &other_operations, .type = "other" };
static struct file_system another = { .operations = &other_operations, .type = "other" };

static int start(void **state)
{
    static bool started;

    (void)state;
    if (!started)
        files_start(&ram_files);
    started = true;
    return files_make_directories("/mnt/deep/er") || files_make_directories("/mnt2");
}

static void leads_to(const char *path, const struct file_system *fs, const char *within)
{
    struct file_place place;

    assert_int_equal(file_place_find(path, &place), 0);
    assert_ptr_equal(place.mount->fs, fs);
    assert_string_equal(place.path, within);
    file_place_leave(&place);
}

static void paths_lead_to_the_deepest_mount(void **state)
{
    (void)state;
    assert_int_equal(files_mount(&other, "/mnt/"), 0);
    leads_to("/", &ram_files, "/");
    leads_to("", &ram_files, "/");
    leads_to("/../..", &ram_files, "/");
    leads_to("/mnt2/x", &ram_files, "/mnt2/x");
    leads_to("mnt", &other, "/");
    leads_to("/mnt/", &other, "/");
    leads_to("//mnt//a/./b/../c/", &other, "/a/c");
    leads_to("/mnt/a/../../mnt2", &ram_files, "/mnt2");
    assert_int_equal(files_mount(&another, "/mnt/deep"), 0);
    leads_to("/mnt/deep/x", &another, "/x");
    leads_to("/mnt/deeper", &other, "/deeper");
    assert_int_equal(files_unmount("/mnt"), -EBUSY);
    assert_int_equal(files_unmount("/mnt/deep"), 0);
    assert_int_equal(files_unmount("/mnt"), 0);
    assert_int_equal(unmounted, 2);
    leads_to("/mnt/deep/x", &ram_files, "/mnt/deep/x");
}

static void mounts_are_refused_where_there_is_no_place(void **state)
{
    uint64_t at = 0;
    size_t done;
    void *file;

    (void)state;
    assert_int_equal(ram_files.operations->open(&ram_files, "/plain", O_CREAT | O_WRONLY, &file),
                     0);
    assert_int_equal(ram_files.operations->write(&ram_files, file, &at, "x", 1, &done), 0);
    ram_files.operations->close(&ram_files, file);
    assert_int_equal(files_mount(&other, "/plain"), -ENOTDIR);
    assert_int_equal(files_mount(&other, "/nowhere"), -ENOENT);
    assert_int_equal(files_mount(&other, "/"), -EBUSY);
    assert_int_equal(files_mount(&other, "/mnt"), 0);
    assert_int_equal(files_mount(&another, "/mnt"), -EBUSY);
    assert_int_equal(files_remove_directory("/mnt"), -EBUSY);
    assert_int_equal(files_unmount("/mnt2"), -EINVAL);
    assert_int_equal(files_unmount("/"), -EBUSY);
    assert_int_equal(files_unmount("/mnt"), 0);
}

static void files_are_pinned(void **state)
{
    struct file_pin pin, in_place;

    (void)state;
    assert_int_equal(files_mount(&other, "/mnt"), 0);
    assert_int_equal(files_pin("/mnt/file", &pin), 0);
    assert_int_equal(pin.size, sizeof(text));
    assert_string_equal(pin.data, text);
    assert_int_equal(opened, 0);
    assert_int_equal(files_unmount("/mnt"), 0); /* a copy does not hold it */
    files_unpin(&pin);
    assert_int_equal(files_mount(&other, "/mnt"), 0);
    memory_is_short = true;
    assert_int_equal(files_pin("/mnt/file", &pin), -ENOMEM);
    memory_is_short = false;
    assert_int_equal(opened, 0);
    assert_int_equal(files_pin("/mnt/none", &pin), -ENOENT);
    assert_int_equal(files_pin("/plain", &in_place), 0);
    assert_int_equal(in_place.size, 1);
    files_unpin(&in_place);
    assert_int_equal(files_unmount("/mnt"), 0);
}

static void open_files_hold_their_mount(void **state)
{
    struct file_place place;

    (void)state;
    assert_int_equal(files_mount(&other, "/mnt"), 0);
    assert_int_equal(file_place_find("/mnt/file", &place), 0);
    assert_int_equal(files_unmount("/mnt"), -EBUSY);
    file_place_leave(&place);
    assert_int_equal(files_unmount("/mnt"), 0);
}

static void names_have_an_end(void **state)
{
    static char path[4 * FILE_PATH_MAX];
    struct file_place place;

    (void)state;
    memset(path, 'a', FILE_NAME_MAX + 1);
    assert_int_equal(file_place_find(path, &place), -ENAMETOOLONG);
    for (size_t i = 0; i < sizeof(path) - 1; i++)
        path[i] = "ab/"[i % 3];
    assert_int_equal(file_place_find(path, &place), -ENAMETOOLONG);
    assert_true(files_same("/a/../b", "b/."));
    assert_false(files_same("/a", "/b"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(paths_lead_to_the_deepest_mount, start),
        cmocka_unit_test(mounts_are_refused_where_there_is_no_place),
        cmocka_unit_test(files_are_pinned),
        cmocka_unit_test(open_files_hold_their_mount),
        cmocka_unit_test(names_have_an_end),
    };

    return cmocka_run_group_tests_name("files", tests, NULL, NULL);
}
