/*
 * Power cuts: files are made, written, cut off, renamed and removed at random on a file system of
 * the ext family until the disk's power goes, before any write or flush.  What is on the disk then
 * must be whole once the journal is replayed, by us or by e2fsck, and hold all that had been
 * synced.
 *
 * EXT_CUTS=300 makes it longer; EXT_SEED=n chooses the dice.
 *
 * Sources: dom0/storage/ext-disk.c dom0/storage/ext-io.c dom0/storage/ext-journal.c
 *   dom0/storage/ext-replay.c dom0/storage/ext-transaction.c dom0/storage/ext-inodes.c
 *   dom0/storage/ext-names.c dom0/storage/ext-files.c dom0/storage/ext-mount.c
 *   dom0/storage/ext-bitmaps.c dom0/storage/ext-claims.c
 * Ext: yes
 */
#include "ext-world.h"

#include <fcntl.h>

#define FILES      24
#define CHANGED    8 /* of them are written in place; the others only replaced as a whole */
#define SIZE_MOST  60000u
#define OPERATIONS 400

/* What a file may hold after a cut: what was synced, or anything it was since. */
struct expected {
    uint32_t seeds[64]; /* 0: it is not there */
    size_t count;
    bool changed; /* in place, since: it may hold anything */
};

static struct expected expected[FILES];
static uint32_t next_seed;
static struct file_system *fs;

static size_t size_for(uint32_t seed)
{
    return seed * 2654435761u % SIZE_MOST;
}

static void fill(uint8_t *data, uint32_t seed)
{
    uint32_t state = seed;

    for (size_t i = 0; i < size_for(seed); i++) {
        state = state * 1664525 + 1013904223;
        data[i] = (uint8_t)(state >> 24);
    }
}

static const char *path_of(size_t file)
{
    static char path[2][32];
    static int which;

    which = !which;
    snprintf(path[which], sizeof(path[which]), "/%s%zu", file % 3 ? "folder/f" : "f", file);
    return path[which];
}

/* Writes a file as a whole; false: the power is gone, or the disk is full. */
static bool write_file(const char *path, uint32_t seed)
{
    uint8_t data[SIZE_MOST];
    uint64_t at = 0;
    size_t done = 0;
    void *file;

    fill(data, seed);
    if (fs->operations->open(fs, path, O_WRONLY | O_CREAT | O_TRUNC, &file))
        return false;
    int error = fs->operations->write(fs, file, &at, data, size_for(seed), &done);

    fs->operations->close(fs, file);
    return !error && done == size_for(seed);
}

static void may_be(size_t file, uint32_t seed)
{
    struct expected *now = &expected[file];

    if (now->count == 64)
        now->changed = true;
    else
        now->seeds[now->count++] = seed;
}

static bool sync_all(void)
{
    if (fs->operations->sync(fs))
        return false;
    for (size_t i = 0; i < FILES; i++) {
        struct expected *now = &expected[i];

        now->seeds[0] = now->seeds[now->count - 1];
        now->count = 1;
    }
    return true;
}

/* As programs replace a file that matters: its new contents are safe before they have its name. */
static bool replace(size_t file)
{
    uint32_t seed = ++next_seed;

    if (!write_file("/new", seed) || !sync_all())
        return false;
    may_be(file, seed);
    return !fs->operations->rename(fs, "/new", path_of(file));
}

static bool change_in_place(size_t file)
{
    uint64_t at = dice(2) ? dice(SIZE_MOST) : FILE_END;
    uint8_t data[9000];
    size_t done;
    void *opened;
    int error;

    if (fs->operations->open(fs, path_of(file), O_RDWR | O_CREAT, &opened))
        return false;
    memset(data, 'x', sizeof(data));
    if (dice(3))
        error = fs->operations->write(fs, opened, &at, data, dice(sizeof(data)), &done);
    else
        error = fs->operations->truncate(fs, opened, dice(SIZE_MOST));
    if (!dice(4)) {
        expected[file].changed = true;
        error = fs->operations->remove(fs, path_of(file), false);
    }
    fs->operations->close(fs, opened);
    return !error;
}

static bool remove_file(size_t file)
{
    int error = fs->operations->remove(fs, path_of(file), false);

    if (!error || error == -EIO)
        may_be(file, 0);
    return !error || error == -ENOENT;
}

static bool shuffle_folders(void)
{
    static const char *const names[] = { "/one", "/two", "/folder/one", "/one/three", "/two/one" };
    const char *from = names[dice(5)], *to = names[dice(5)];
    int error = dice(3)   ? fs->operations->make_directory(fs, from)
                : dice(2) ? fs->operations->remove(fs, from, true)
                          : fs->operations->rename(fs, from, to);

    return error != -EIO && error != -EROFS;
}

static bool do_something(void)
{
    size_t file = dice(FILES);

    switch (dice(8)) {
    case 0:
        return sync_all();
    case 1:
        return remove_file(file);
    case 2:
        return shuffle_folders();
    case 3:
    case 4:
        return change_in_place(dice(CHANGED));
    default:
        if (file >= CHANGED)
            return replace(file);
        expected[file].changed = true;
        return write_file(path_of(file), ++next_seed);
    }
}

static bool holds(void *file, uint64_t size, uint32_t seed)
{
    uint8_t data[SIZE_MOST], found[SIZE_MOST];
    size_t done;

    if (size != size_for(seed))
        return false;
    fill(data, seed);
    return !fs->operations->read(fs, file, 0, found, sizeof(found), &done) && done == size &&
           !memcmp(data, found, size);
}

static void check_file(size_t number)
{
    const struct expected *now = &expected[number];
    struct file_status status;
    bool good = false;
    void *file;
    int error = fs->operations->open(fs, path_of(number), O_RDONLY, &file);

    if (now->changed || number < CHANGED)
        good = !error || error == -ENOENT;
    else if (error)
        for (size_t i = 0; i < now->count; i++)
            good |= !now->seeds[i];
    else if (!fs->operations->file_status(fs, file, &status))
        for (size_t i = 0; i < now->count; i++)
            good |= now->seeds[i] && holds(file, status.size, now->seeds[i]);
    if (!error)
        fs->operations->close(fs, file);
    if (!good)
        fail_msg("file %zu is neither as it was synced nor as it was later (%d)", number, error);
}

static void mount(void)
{
    const char *why = NULL;
    int error = ext_mount(&disk, false, &fs, &why);

    if (error || why)
        fail_msg("mount: %d, %s", error, why ? why : "no reason");
    assert_false(fs->read_only);
}

/* One life of a disk: operations, the cut, and what is left. */
static void live_and_die(const void *image, size_t bytes, uint32_t writes)
{
    bool alive = true;

    world_load(image, bytes);
    memset(expected, 0, sizeof(expected));
    for (size_t i = 0; i < FILES; i++)
        expected[i].count = 1; /* it is not there */
    mount();
    fs->operations->make_directory(fs, "/folder");
    alive = sync_all();
    world.writes_left = writes;
    for (int i = 0; i < OPERATIONS && alive; i++)
        alive = do_something() || !world.dead;
    world.dead = true;
    fs->operations->unmount(fs);
    world_cut();
}

/* Mounts what is there, and looks at every file. */
static void check_files(void)
{
    mount();
    for (size_t i = 0; i < FILES; i++)
        check_file(i);
    assert_int_equal(fs->operations->unmount(fs), 0);
    assert_int_equal(world_check("-fn"), 0);
}

static void look_after(void)
{
    uint8_t *left = malloc(world.bytes);

    memcpy(left, world.seen, world.bytes);
    assert_int_equal(world_check("-p"), 0); /* e2fsck replays, and finds nothing to repair */
    assert_int_equal(world_check("-fn"), 0);
    world_load(world.seen, world.bytes);
    check_files();
    world_load(left, world.bytes); /* once more, with a replay of our own */
    free(left);
    check_files();
}

static unsigned int number(const char *name, unsigned int otherwise)
{
    const char *value = getenv(name);

    return value ? (unsigned int)strtoul(value, NULL, 10) : otherwise;
}

static void cuts(const char *options, unsigned int mib, unsigned int share)
{
    unsigned int count = number("EXT_CUTS", 48) / share;
    uint8_t *image;
    size_t bytes;

    dice_state = number("EXT_SEED", 1) * 0x9e3779b97f4a7c15ULL + share;
    world_make(options, mib);
    bytes = world.bytes;
    image = malloc(bytes);
    memcpy(image, world.seen, bytes);
    for (unsigned int i = 0; i < count; i++) {
        live_and_die(image, bytes, 1 + dice(i % 2 ? 400 : 60));
        look_after();
    }
    free(image);
    world_end();
}

static void ext4_as_debian_makes_it(void **state)
{
    (void)state;
    cuts("-t ext4 -b 4096", 16, 2);
}

static void ext4_of_small_blocks(void **state)
{
    (void)state;
    cuts("-t ext4 -b 1024", 8, 4);
}

static void ext3(void **state)
{
    (void)state;
    cuts("-t ext3 -b 1024", 8, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ext4_as_debian_makes_it),
        cmocka_unit_test(ext4_of_small_blocks),
        cmocka_unit_test(ext3),
    };

    return cmocka_run_group_tests_name("ext-power", tests, NULL, NULL);
}
