/*
 * The ends of things: a disk that is full, folders of thousands, files with holes and of sizes that
 * take several transactions to free, files without a name, memory that is short; on each kind of
 * file system.  e2fsck has the last word.
 *
 * Sources: dom0/storage/ext-disk.c dom0/storage/ext-io.c dom0/storage/ext-journal.c
 *   dom0/storage/ext-replay.c dom0/storage/ext-transaction.c dom0/storage/ext-inodes.c
 *   dom0/storage/ext-names.c dom0/storage/ext-files.c dom0/storage/ext-mount.c
 *   dom0/storage/ext-bitmaps.c dom0/storage/ext-claims.c
 * Ext: yes
 */
#include "ext-world.h"

#include <fcntl.h>

static struct file_system *fs;
static uint8_t data[1u << 20];

static void mount(void)
{
    const char *why = NULL;

    assert_int_equal(ext_mount(&disk, false, &fs, &why), 0);
    assert_null(why);
}

static void unmount_clean(void)
{
    assert_int_equal(fs->operations->unmount(fs), 0);
    assert_int_equal(world_check("-fn"), 0);
}

static void *create(const char *path)
{
    void *file;

    assert_int_equal(fs->operations->open(fs, path, O_RDWR | O_CREAT, &file), 0);
    return file;
}

static uint64_t room(void)
{
    struct file_system_usage usage;

    fs->operations->usage(fs, &usage);
    return usage.free_bytes;
}

static int append(void *file, size_t size)
{
    uint64_t at = FILE_END;
    size_t done;

    return fs->operations->write(fs, file, &at, data, size, &done);
}

static void full(const char *options)
{
    char path[32];
    void *file;
    uint64_t before;
    int error = 0;

    world_make(options, 8);
    mount();
    assert_int_equal(fs->operations->sync(fs), 0);
    before = room();
    for (int i = 0; i < 10000 && !error; i++) {
        snprintf(path, sizeof(path), "/f%d", i);
        error = fs->operations->open(fs, path, O_RDWR | O_CREAT, &file);
        if (error)
            break;
        error = append(file, (size_t)i * 300);
        fs->operations->close(fs, file);
    }
    assert_int_equal(error, -ENOSPC);
    snprintf(path, sizeof(path), "/more");
    for (int i = 0; i < 1000 && !(error = fs->operations->make_directory(fs, path)); i++)
        snprintf(path, sizeof(path), "/more%d", i);
    assert_int_equal(error, -ENOSPC);
    assert_false(fs->read_only);
    unmount_clean();
    mount();
    for (int i = 0; i < 10000; i++) {
        snprintf(path, sizeof(path), "/f%d", i);
        if (fs->operations->remove(fs, path, false))
            break;
    }
    for (int i = -1; i < 1000; i++) {
        snprintf(path, sizeof(path), i < 0 ? "/more" : "/more%d", i);
        if (fs->operations->remove(fs, path, true) && i >= 0)
            break;
    }
    /* The folder has grown, and stays so. */
    assert_in_range(room(), before - 65536, before);
    unmount_clean();
    world_end();
}

static void a_full_disk(void **state)
{
    (void)state;
    full("-t ext4 -b 1024");
    full("-t ext4 -b 4096 -O ^has_journal");
    full("-t ext3 -b 1024 -N 64");
    full("-t ext2 -b 1024");
}

#define COUNT 1200

static void many(const char *options)
{
    char path[64];

    world_make(options, 24);
    mount();
    for (int i = 0; i < COUNT; i++) {
        if (i == COUNT / 4) { /* e2fsck makes hashed trees of large folders */
            assert_int_equal(fs->operations->unmount(fs), 0);
            world_check("-fyD >/dev/null");
            world_load(world.seen, world.bytes);
            mount();
        }
        snprintf(path, sizeof(path), "/a-rather-long-name-of-which-few-fit-%d", i);
        fs->operations->close(fs, create(path));
    }
    for (int i = 0; i < COUNT; i += 3) {
        snprintf(path, sizeof(path), "/a-rather-long-name-of-which-few-fit-%d", i);
        assert_int_equal(fs->operations->remove(fs, path, false), 0);
    }
    unmount_clean();
    world_end();
}

static void folders_of_thousands(void **state)
{
    (void)state;
    many("-t ext4 -b 1024 -N 4096");
    many("-t ext3 -b 1024 -N 4096");
}

static void holes(const char *options, uint64_t far, bool too_far)
{
    uint64_t at = far, none = 0;
    struct file_status status;
    uint8_t found[100];
    size_t done;
    void *file;

    world_make(options, 16);
    mount();
    file = create("/holes");
    memset(data, 'y', sizeof(data));
    assert_int_equal(fs->operations->write(fs, file, &at, data, 5000, &done), 0);
    assert_int_equal(fs->operations->truncate(fs, file, far + 100), 0);
    assert_int_equal(fs->operations->truncate(fs, file, far + 9000), 0);
    assert_int_equal(fs->operations->read(fs, file, far + 50, found, 100, &done), 0);
    assert_int_equal(done, 100);
    for (size_t i = 0; i < 100; i++)
        assert_int_equal(found[i], i < 50 ? 'y' : 0); /* what was cut off is gone */
    assert_int_equal(fs->operations->read(fs, file, far / 2, found, 100, &done), 0);
    assert_int_equal(found[99], 0);
    at = 1ULL << 45;
    assert_int_equal(fs->operations->write(fs, file, &at, data, 1, &done), -EFBIG);
    assert_int_equal(fs->operations->truncate(fs, file, 1ULL << 45), -EFBIG);
    if (too_far)
        assert_int_equal(fs->operations->truncate(fs, file, 1ULL << 40), -EFBIG);
    assert_int_equal(fs->operations->file_status(fs, file, &status), 0);
    assert_int_equal(status.size, far + 9000);
    assert_int_equal(fs->operations->truncate(fs, file, none), 0);
    fs->operations->close(fs, file);
    unmount_clean();
    world_end();
}

static void files_with_holes(void **state)
{
    (void)state;
    holes("-t ext4 -b 1024", 3ULL << 40, false);
    holes("-t ext4 -b 4096", 3ULL << 40, false);
    holes("-t ext2 -b 1024", 5ULL << 30, true);
}

/* More blocks than one transaction frees, and the power goes meanwhile. */
static void large_files(void **state)
{
    uint64_t before;
    void *file;

    (void)state;
    world_make("-t ext4 -b 1024", 160);
    mount();
    assert_int_equal(fs->operations->sync(fs), 0);
    before = room();
    file = create("/large");
    for (int i = 0; i < 140; i++)
        assert_int_equal(append(file, sizeof(data)), 0);
    assert_int_equal(fs->operations->sync(fs), 0);
    assert_int_equal(fs->operations->truncate(fs, file, 139u << 20), 0);
    assert_int_equal(fs->operations->remove(fs, "/large", false), 0);
    assert_int_equal(append(file, 1000), 0); /* it is still open */
    fs->operations->sync(fs);
    world.writes_left = 3;
    fs->operations->close(fs, file);
    fs->operations->sync(fs);
    world.dead = true;
    fs->operations->unmount(fs);
    world_cut();
    mount();
    fs->operations->sync(fs);
    assert_int_equal(room(), before);
    unmount_clean();
    world_end();
}

static void files_without_a_name(void **state)
{
    uint64_t before, at = 0;
    size_t done;
    void *files[5];
    char path[8];

    (void)state;
    world_make("-t ext4 -b 1024", 8);
    mount();
    assert_int_equal(fs->operations->sync(fs), 0);
    before = room();
    for (size_t i = 0; i < 5; i++) {
        snprintf(path, sizeof(path), "/%zu", i);
        files[i] = create(path);
        assert_int_equal(append(files[i], 10000), 0);
        assert_int_equal(fs->operations->remove(fs, path, false), 0);
    }
    assert_int_equal(fs->operations->read(fs, files[2], at, data, 10000, &done), 0);
    assert_int_equal(done, 10000);
    fs->operations->close(fs, files[2]); /* from the middle of the list */
    fs->operations->close(fs, files[0]);
    assert_int_equal(fs->operations->sync(fs), 0);
    for (size_t i = 1; i < 5; i += i == 1 ? 2 : 1) {
        world.dead = i == 4; /* with two of them the power goes */
        if (i < 3)
            fs->operations->close(fs, files[i]);
    }
    fs->operations->sync(fs);
    fs->operations->close(fs, files[3]);
    fs->operations->close(fs, files[4]);
    fs->operations->unmount(fs);
    world_cut();
    mount();
    assert_int_equal(fs->operations->sync(fs), 0);
    assert_int_equal(room(), before);
    unmount_clean();
    world_end();
}

static void memory_that_is_short(void **state)
{
    const char *why;
    void *file;

    (void)state;
    world_make("-t ext4 -b 1024", 8);
    mount();
    file = create("/file");
    world.memory_is_short = true;
    assert_int_equal(append(file, 1000), -ENOMEM);
    assert_int_equal(fs->operations->make_directory(fs, "/folder"), -ENOMEM);
    assert_int_equal(fs->operations->sync(fs), 0);
    assert_false(fs->read_only);
    world.memory_is_short = false;
    assert_int_equal(append(file, 1000), 0);
    fs->operations->close(fs, file);
    unmount_clean();
    world.memory_is_short = true;
    assert_int_equal(ext_mount(&disk, false, &fs, &why), -ENOMEM);
    assert_int_equal(disk.readers + disk.writers, 0);
    world_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_disk),          cmocka_unit_test(folders_of_thousands),
        cmocka_unit_test(files_with_holes),     cmocka_unit_test(large_files),
        cmocka_unit_test(files_without_a_name), cmocka_unit_test(memory_that_is_short),
    };

    return cmocka_run_group_tests_name("ext-limits", tests, NULL, NULL);
}
