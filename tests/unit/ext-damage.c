/*
 * Damaged and hostile file systems: bytes of images are changed at random, with and without
 * checksums over them, with and without something in the journal.  Whatever is done with them then
 * ends, with an error or without, in bounded time, and touches no memory but its own.
 *
 * EXT_ROUNDS=100000 makes it longer; EXT_SEED=n chooses the dice.
 *
 * Sources: dom0/storage/ext-disk.c dom0/storage/ext-io.c dom0/storage/ext-journal.c
 *   dom0/storage/ext-replay.c dom0/storage/ext-transaction.c dom0/storage/ext-inodes.c
 *   dom0/storage/ext-names.c dom0/storage/ext-files.c dom0/storage/ext-mount.c
 *   dom0/storage/ext-bitmaps.c dom0/storage/ext-claims.c
 * Ext: yes
 */
#include "ext-use.h"

static unsigned int number(const char *name, unsigned int otherwise)
{
    const char *value = getenv(name);

    return value ? (unsigned int)strtoul(value, NULL, 10) : otherwise;
}

/* Something of everything a file system has. */
static void populate(void)
{
    static uint8_t data[200000];
    const char *why = NULL;
    struct file_system *fs;
    char path[64];

    assert_int_equal(ext_mount(&disk, false, &fs, &why), 0);
    assert_int_equal(fs->operations->make_directory(fs, "/d"), 0);
    for (int i = 0; i < 60; i++) {
        snprintf(path, sizeof(path), "%s/a-name-of-some-length-%d", i % 4 ? "/d" : "", i);
        use_write(fs, path, data, i % 20 ? (size_t)i * 50 : sizeof(data), i % 7 ? 0 : 1u << 20);
        if (i % 5 == 4)
            fs->operations->remove(fs, path, false);
    }
    assert_int_equal(fs->operations->unmount(fs), 0);
}

/* Changes some bytes where there is something. */
static void damage(uint8_t *image, size_t bytes)
{
    unsigned int count = 1 + dice(1 + dice(40));

    for (unsigned int i = 0; i < count; i++) {
        size_t at;

        do
            at = dice((uint32_t)(dice(3) ? bytes / 8 : bytes)) & ~3u;
        while (at + 4 > bytes || (!image[at] && !image[at + 1] && dice(1000)));
        switch (dice(4)) {
        case 0:
            image[at + dice(4)] ^= (uint8_t)(1u << dice(8));
            break;
        case 1:
            image[at + dice(4)] = (uint8_t)dice(256);
            break;
        case 2:
            memset(image + at, dice(2) ? 0xff : 0, 4);
            break;
        default:
            memcpy(image + at, image + (dice((uint32_t)bytes - 4) & ~3u), 4);
        }
    }
}

static void damaged(const char *options, unsigned int mib, bool in_journal)
{
    unsigned int rounds = number("EXT_ROUNDS", 150);
    uint8_t *image;
    size_t bytes;

    dice_state = number("EXT_SEED", 1) * 0x9e3779b97f4a7c15ULL + mib;
    world_make(options, mib);
    populate();
    if (in_journal) { /* power fails between the commit and its place */
        struct file_system *fs;
        const char *why;

        assert_int_equal(ext_mount(&disk, false, &fs, &why), 0);
        fs->operations->make_directory(fs, "/in-journal");
        world.writes_left = 5;
        fs->operations->unmount(fs);
        world.dead = false;
    }
    bytes = world.bytes;
    image = malloc(bytes);
    memcpy(image, world.seen, bytes);
    for (unsigned int i = 0; i < rounds; i++) {
        world_load(image, bytes);
        damage(world.seen, bytes);
        use_all(dice(4) == 0);
    }
    free(image);
    world_end();
}

static void ext4_with_sums(void **state)
{
    (void)state;
    damaged("-t ext4 -b 1024", 4, false);
}

static void ext4_without_sums(void **state)
{
    (void)state;
    damaged("-t ext4 -b 1024 -O ^metadata_csum", 4, false);
}

static void ext4_with_a_full_journal(void **state)
{
    (void)state;
    damaged("-t ext4 -b 1024 -O ^metadata_csum", 5, true);
}

static void ext2(void **state)
{
    (void)state;
    damaged("-t ext2 -b 1024", 3, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ext4_with_sums),
        cmocka_unit_test(ext4_without_sums),
        cmocka_unit_test(ext4_with_a_full_journal),
        cmocka_unit_test(ext2),
    };

    return cmocka_run_group_tests_name("ext-damage", tests, NULL, NULL);
}
