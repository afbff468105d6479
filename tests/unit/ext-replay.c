/*
 * Journals that somebody else has written (debugfs of e2fsprogs): what is in them is put where
 * e2fsck puts it, revoked blocks are left alone, a transaction without its end is not there, and
 * one that was damaged after it was whole is no reason to go on.
 *
 * Sources: dom0/storage/ext-disk.c dom0/storage/ext-io.c dom0/storage/ext-journal.c
 *   dom0/storage/ext-replay.c dom0/storage/ext-transaction.c dom0/storage/ext-inodes.c
 *   dom0/storage/ext-names.c dom0/storage/ext-files.c dom0/storage/ext-mount.c
 *   dom0/storage/ext-bitmaps.c dom0/storage/ext-claims.c
 * Ext: yes
 */
#include "ext-world.h"

#define FIRST  3000u /* blocks that belong to nobody */
#define BLOCKS 300u

static unsigned int block_size = 1024;

static void save(const char *path, const void *data, size_t bytes)
{
    FILE *file = fopen(path, "wb");

    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, bytes, file), bytes);
    fclose(file);
}

/* Runs debugfs's commands over the disk; %s in them is a file of random bytes. */
static void debugfs(const char *commands)
{
    static uint8_t data[BLOCKS * 4096];
    char path[160], command[1024], *text = NULL;

    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)dice(256);
    for (size_t i = 0; i < sizeof(data); i += 7 * 1024)
        memcpy(data + i, "\xc0\x3b\x39\x98", 4); /* must be escaped */
    save(image_file(), world.seen, world.bytes);
    snprintf(path, sizeof(path), "%s.data", image_path);
    save(path, data, BLOCKS * block_size);
    assert_true(asprintf(&text, commands, path, path, path, path) > 0);
    snprintf(path, sizeof(path), "%s.run", image_path);
    save(path, text, strlen(text));
    free(text);
    snprintf(command, sizeof(command), "/sbin/debugfs -w -f %s.run %s > %s.log 2>&1", image_path,
             image_path, image_path);
    assert_int_equal(system(command), 0);
    FILE *file = fopen(image_path, "rb");

    assert_int_equal(fread(world.seen, 1, world.bytes, file), world.bytes);
    fclose(file);
    snprintf(command, sizeof(command), "rm -f %s %s.data %s.run %s.log", image_path, image_path,
             image_path, image_path);
    assert_int_equal(system(command), 0);
    world_load(world.seen, world.bytes);
}

static int mount_and_unmount(const char **why)
{
    struct file_system *fs;
    int error = ext_mount(&disk, false, &fs, why);

    return error ? error : fs->operations->unmount(fs);
}

/* Ours against e2fsck's. */
static void same_as_e2fsck(const char *options, const char *commands)
{
    uint8_t *before, *ours = malloc(BLOCKS * block_size);
    const char *why = NULL;

    world_make(options, block_size == 1024 ? 12 : 16);
    before = malloc(world.bytes);
    memcpy(before, world.seen, world.bytes);
    debugfs(commands);
    uint8_t *with_journal = malloc(world.bytes);

    memcpy(with_journal, world.seen, world.bytes);
    assert_int_equal(mount_and_unmount(&why), 0);
    assert_null(why);
    memcpy(ours, world.seen + FIRST * block_size, BLOCKS * block_size);
    assert_int_equal(world_check("-fn"), 0);
    world_load(with_journal, world.bytes);
    assert_int_equal(world_check("-p"), 0);
    assert_memory_equal(ours, world.seen + FIRST * block_size, BLOCKS * block_size);
    assert_memory_not_equal(ours, before + FIRST * block_size, BLOCKS * block_size);
    free(before);
    free(with_journal);
    free(ours);
    world_end();
}

#define WRITES             \
    "jw -b 3000-3099 %s\n" \
    "jw -b 3050-3079 %s\n" \
    "jw -r 3010-3059\n"    \
    "jw -b 3200-3299 %s\n" \
    "jw -b 3020-3039 %s\n"

static void plain(void **state)
{
    (void)state;
    same_as_e2fsck("-t ext3 -b 1024", "jo\n" WRITES "jc\n");
}

static void with_sums(void **state)
{
    (void)state;
    same_as_e2fsck("-t ext4 -b 1024", "jo -c -v 3\n" WRITES "jc\n");
    same_as_e2fsck("-t ext4 -b 1024", "jo -c -v 2\n" WRITES "jc\n");
}

static void of_64_bits(void **state)
{
    (void)state;
    same_as_e2fsck("-t ext4 -b 1024 -O 64bit", "jo -c\n" WRITES "jc\n");
    same_as_e2fsck("-t ext4 -b 1024 -O 64bit,^metadata_csum", "jo\n" WRITES "jc\n");
    block_size = 4096;
    same_as_e2fsck("-t ext4 -b 4096 -N 64", "jo -c\n" WRITES "jc\n");
    block_size = 1024;
}

static void without_an_end(void **state)
{
    (void)state;
    same_as_e2fsck("-t ext4 -b 1024", "jo -c\njw -b 3000-3099 %s\njw -b 3000-3049 -c %s\njc\n");
}

/* A block of a transaction that has its end is not what it was. */
static void damaged(void **state)
{
    const char *why = NULL;
    size_t at;

    (void)state;
    world_make("-t ext4 -b 1024", 12);
    debugfs("jo -c\njw -b 3000-3099 %s\njw -b 3100-3199 %s\njc\n");
    for (at = 0; memcmp(world.seen + at, "\xc0\x3b\x39\x98\0\0\0\1", 8) != 0; at += 1024)
        assert_true(at + 1024 < world.bytes);
    world.seen[at + 10 * 1024 + 100] ^= 1; /* the log's first descriptor is at `at` */
    uint8_t *before = malloc(world.bytes);

    memcpy(before, world.seen, world.bytes);
    assert_int_equal(mount_and_unmount(&why), -EIO);
    assert_non_null(strstr(why, "journal is damaged"));
    assert_memory_equal(before, world.seen, world.bytes); /* nothing was written */
    free(before);
    world_end();
}

static void read_only(void **state)
{
    struct file_system *fs;
    const char *why = NULL;

    (void)state;
    world_make("-t ext4 -b 1024", 12);
    debugfs("jo -c\njw -b 3000-3099 %s\njc\n");
    assert_int_equal(ext_mount(&disk, true, &fs, &why), -EROFS);
    assert_non_null(strstr(why, "replayed first"));
    assert_int_equal(disk.readers + disk.writers, 0);
    world_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain),          cmocka_unit_test(with_sums), cmocka_unit_test(of_64_bits),
        cmocka_unit_test(without_an_end), cmocka_unit_test(damaged),   cmocka_unit_test(read_only),
    };

    return cmocka_run_group_tests_name("ext-replay", tests, NULL, NULL);
}
