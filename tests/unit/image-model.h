/*
 * What should be in a guest's disk that is a file: each sector has the number of what was written
 * there last, and the one that must survive a power cut; and requests that look.
 */
#ifndef TESTS_UNIT_IMAGE_MODEL_H
#define TESTS_UNIT_IMAGE_MODEL_H

#include "image-world.h"

#define FILE_SECTORS 6003u /* its last block is not whole */
#define UNKNOWN      UINT32_MAX
#define AT_ONCE      5u
#define STEPS        400u
#define MOST         96u /* sectors of a request */

/* What should be in the file: of each sector its newest number, and the one that must survive. */
static struct {
    uint32_t number, settled;
    uint32_t submitted, done; /* when */
} sectors[FILE_SECTORS];
static uint32_t now, next_number;

static struct asked {
    struct block_request request; /* first */
    struct block_segment segments[MOST];
    char *memory;
    bool busy, given;
    uint32_t since;
} asked[AT_ONCE];

static void sector_fill(char *data, uint32_t sector, uint32_t number)
{
    uint32_t words[128];

    for (uint32_t i = 0; i < 128; i++)
        words[i] = number ? number * 2654435761u + sector * 97 + i : 0;
    words[0] = number;
    memcpy(data, words, 512);
}

static void sector_is(const char *data, uint32_t sector, uint32_t number)
{
    char right[512];

    if (number == UNKNOWN)
        number = *(const uint32_t *)data; /* anything that was once written there */
    sector_fill(right, sector, number);
    if (memcmp(data, right, 512) != 0)
        fail_msg("sector %u is not number %u but %u", sector, number, *(const uint32_t *)data);
}

static int ask_copy(struct block_request *request, uint64_t offset, void *buffer, size_t bytes,
                    bool to_buffer)
{
    char *ours = ((struct asked *)request)->memory + offset;

    assert_in_range(bytes, 1, 4096);
    memcpy(to_buffer ? buffer : ours, to_buffer ? ours : buffer, bytes);
    return 0;
}

static void settle(const struct asked *flush)
{
    for (uint32_t i = 0; i < FILE_SECTORS; i++)
        if (sectors[i].done > sectors[i].submitted && sectors[i].done < flush->since)
            sectors[i].settled = sectors[i].number;
}

static void ask_done(struct block_request *request, int error)
{
    struct asked *ask = (struct asked *)request;
    uint32_t first = (uint32_t)request->sector, count = (uint32_t)request->sectors;

    assert_true(ask->busy);
    ask->busy = false;
    now++;
    if (error) {
        assert_true(world.dead);
        for (uint32_t i = 0; i < count && request->operation == BLOCK_WRITE; i++)
            sectors[first + i].number = UNKNOWN;
        return;
    }
    if (request->operation == BLOCK_FLUSH)
        settle(ask);
    for (uint32_t i = 0; i < count; i++)
        if (request->operation == BLOCK_READ)
            sector_is(ask->memory + i * 512, first + i, sectors[first + i].number);
        else {
            sectors[first + i].done = now;
            if (request->fua)
                sectors[first + i].settled = sectors[first + i].number;
        }
}

static bool meets_another(uint64_t sector, uint64_t count)
{
    for (unsigned int i = 0; i < AT_ONCE; i++)
        if (asked[i].busy && sector < asked[i].request.sector + asked[i].request.sectors &&
            asked[i].request.sector < sector + count)
            return true;
    return false;
}

static void ask_fill(struct asked *ask)
{
    struct block_request *request = &ask->request;
    uint32_t left = (uint32_t)request->sectors * 512, at = 0;

    for (request->segment_count = 0; left; request->segment_count++) {
        uint32_t bytes = 512 * (1 + dice(8));

        bytes = bytes < left ? bytes : left;
        ask->segments[request->segment_count] =
            (struct block_segment){ (uint64_t)(uintptr_t)ask->memory + at, bytes };
        at += bytes;
        left -= bytes;
    }
    if (request->operation != BLOCK_WRITE)
        return;
    for (uint32_t i = 0; i < request->sectors; i++) {
        uint32_t sector = (uint32_t)request->sector + i;

        sectors[sector].number = ++next_number;
        sectors[sector].submitted = now;
        sectors[sector].settled = UNKNOWN;
        sector_fill(ask->memory + i * 512, sector, next_number);
    }
}

static void ask_make(struct asked *ask)
{
    static const enum block_operation kinds[] = { BLOCK_READ, BLOCK_WRITE, BLOCK_WRITE,
                                                  BLOCK_FLUSH };
    struct block_request *request = &ask->request;
    uint64_t count = 1 + dice(dice(2) ? 8 : MOST), sector = dice((uint32_t)(FILE_SECTORS - count));

    if (meets_another(sector, count))
        return;
    *request = (struct block_request){ .operation = kinds[dice(dice(4) ? 3 : 4)],
                                       .sector = sector,
                                       .sectors = count,
                                       .segments = ask->segments,
                                       .copy = ask_copy,
                                       .done = ask_done };
    request->fua = request->operation == BLOCK_WRITE && !dice(8);
    if (request->operation == BLOCK_FLUSH)
        request->sector = request->sectors = 0;
    ask->busy = true;
    ask->given = false;
    ask->since = ++now;
    ask_fill(ask);
}

static void ask_give(struct asked *ask)
{
    int error = device->driver->submit(device, &ask->request);

    if (error && error != -EAGAIN) {
        assert_true(world.dead);
        ask->busy = false;
    }
    ask->given = !error;
}

static inline void step(void)
{
    struct asked *ask = &asked[dice(AT_ONCE)];

    if (!ask->busy)
        ask_make(ask);
    else if (!ask->given)
        ask_give(ask);
    if (dice(2))
        task_runs();
    if (dice(2))
        one_is_done();
    if (!dice(100))
        fs->operations->sync(fs);
}

static bool all_done(void)
{
    for (unsigned int i = 0; i < AT_ONCE; i++)
        if (asked[i].busy) {
            if (!asked[i].given)
                ask_give(&asked[i]);
            return false;
        }
    return true;
}

static bool was_opened;

static void opened(void *owner, int error)
{
    (void)owner;
    assert_int_equal(error, 0);
    was_opened = true;
}

static void open_image(void)
{
    was_opened = false;
    assert_int_equal(image_open("/disk.img", FILE_CLAIM_WRITE, opened, NULL, &image), 0);
    device = image_device(image);
    task_runs();
    assert_true(was_opened);
    assert_int_equal(device->sectors, FILE_SECTORS);
}

/* Free blocks full of what others have left. */
static void fill_and_free(void)
{
    static char data[1 << 16];
    uint64_t at = 0;
    size_t done;
    void *file;

    memset(data, 0xaa, sizeof(data));
    assert_int_equal(fs->operations->open(fs, "/others", O_RDWR | O_CREAT, &file), 0);
    while (!fs->operations->write(fs, file, &at, data, sizeof(data), &done))
        continue;
    fs->operations->close(fs, file);
    assert_int_equal(fs->operations->remove(fs, "/others", false), 0);
}

static void make_long_file(void)
{
    void *file;

    assert_int_equal(fs->operations->open(fs, "/disk.img", O_RDWR | O_CREAT, &file), 0);
    assert_int_equal(fs->operations->truncate(fs, file, FILE_SECTORS * 512 + 100), 0);
    fs->operations->close(fs, file);
}

/* What was written by name may wait in memory, and be kept there. */
static void write_by_name(void)
{
    static char data[FILE_SECTORS * 512];
    size_t done;
    void *file;

    memset(sectors, 0, sizeof(sectors));
    assert_int_equal(fs->operations->open(fs, "/disk.img", O_RDWR, &file), 0);
    for (unsigned int i = 0; i < 20; i++) {
        uint32_t sector = dice(FILE_SECTORS);
        uint64_t at = sector * 512;

        sectors[sector].number = ++next_number;
        sector_fill(data, sector, next_number);
        assert_int_equal(fs->operations->write(fs, file, &at, data, 512, &done), 0);
    }
    if (dice(2))
        assert_int_equal(fs->operations->read(fs, file, 0, data, sizeof(data), &done), 0);
    fs->operations->close(fs, file);
    if (dice(2))
        assert_int_equal(fs->operations->sync(fs), 0);
    for (uint32_t i = 0; i < FILE_SECTORS; i++)
        sectors[i].settled = sectors[i].number;
}

/* A file with holes, some places that are set aside for it, and some that were written. */
static void prepare(const char *options)
{
    const char *why;

    world_make(options, 24);
    assert_int_equal(ext_mount(&disk, false, &fs, &why), 0);
    fill_and_free();
    make_long_file();
    assert_int_equal(fs->operations->unmount(fs), 0);
    if (strstr(options, "ext4") && !strstr(options, "^extents"))
        world_change("fallocate /disk.img 100 400");
    assert_int_equal(ext_mount(&disk, false, &fs, &why), 0);
    write_by_name();
}

static void close_image(void)
{
    image_close(image);
    task_runs();
    assert_true(task_ended);
    assert_int_equal(mount.users, 0);
}

/* By the file system's own reading; `number` says which of its numbers each sector must have. */
static inline void compare(bool after_cut)
{
    static char data[FILE_SECTORS * 512];
    size_t done;
    void *file;

    assert_int_equal(fs->operations->open(fs, "/disk.img", O_RDONLY, &file), 0);
    assert_int_equal(fs->operations->read(fs, file, 0, data, sizeof(data), &done), 0);
    assert_int_equal(done, sizeof(data));
    fs->operations->close(fs, file);
    for (uint32_t i = 0; i < FILE_SECTORS; i++) {
        const char *at = data + i * 512;

        if (!after_cut)
            sector_is(at, i, sectors[i].number);
        else
            sector_is(at, i, sectors[i].settled);
    }
}

static inline unsigned int number_of(const char *name, unsigned int otherwise)
{
    return getenv(name) ? (unsigned int)atoi(getenv(name)) : otherwise;
}

static const char *const kinds[] = { "-t ext4 -b 1024", "-t ext4 -b 4096", "-t ext3 -b 1024",
                                     "-t ext2 -b 4096", "-t ext4 -b 2048 -O ^extents,^64bit" };

static void begin(unsigned int round)
{
    dice_state = number_of("IMAGE_SEED", 1) + round * 7919;
    prepare(kinds[round % (sizeof(kinds) / sizeof(*kinds))]);
    for (unsigned int i = 0; i < AT_ONCE; i++) {
        asked[i].busy = false;
        if (!asked[i].memory)
            asked[i].memory = aligned_alloc(4096, MOST * 512);
    }
    open_image();
}

/* Asks for one thing and waits for it. */
static inline void ask_alone(enum block_operation operation, uint64_t sector, uint64_t count,
                             bool fua)
{
    struct asked *ask = &asked[0];

    ask->request = (struct block_request){ .operation = operation,
                                           .fua = fua,
                                           .sector = sector,
                                           .sectors = count,
                                           .segments = ask->segments,
                                           .copy = ask_copy,
                                           .done = ask_done };
    ask->busy = true;
    ask->given = false;
    ask->since = ++now;
    ask_fill(ask);
    while (!all_done()) {
        task_runs();
        one_is_done();
    }
}

#endif
