/*
 * A test guest for block backends: the block frontend with dom0's block layer on it, on pv-kernel.
 * tests/system/test_block_front.py and tests/matrix speak to it.
 *
 * Command line: blkfront= (block-front.h); and what is done with the first disk, in this order:
 *
 *     fill=N     N times: many requests at once, of all sizes, at many places, aligned or not, are
 *                written, flushed and read back, the second half of them after others' writes
 *     discard    a part of it is discarded, and what lies around it is still there
 *     read       the first MiB is read, and its SHA-256 told
 *     endless    as fill, without an end, until a 'q' is typed; requests that fail are counted
 *
 * A 'c' there shows the counts once two turns have done what they were to do.
 *
 * What is written depends on the sector's number, the turn and `seed=N` only, so each sector read
 * tells whether it is the right one.
 */
#include "devices/block-device.h"
#include "libc/libc.h"
#include "pv-kernel/frames.h"
#include "pv-kernel/kernel.h"
#include "split-drivers/block/front/block-front.h"
#include "tasks/console-input.h"
#include "tasks/task.h"
#include "tasks/wait-queue.h"
#include <errno.h>
#include <sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REQUESTS       12u
#define PAGES          (1u << 8) /* of one request's memory: 1 MiB */
#define SECTOR_BYTES   512u
#define SECTORS_OF(of) ((of) * (PAGE_SIZE / SECTOR_BYTES))
#define SPAN           4096u /* sectors that each request has to itself */
#define BIG_MIB        1u

/* One of those that are under way at once, with its memory and its part of the disk. */
struct work {
    struct block_request request;
    struct turn turn;
    struct block_segment segments[BLOCK_MAX_SEGMENTS];
    char *memory;
    uint32_t offset; /* of its data in the memory */
    uint64_t sector, sectors;
    bool busy, our_turn;
    int error;
};

static struct block_device *disk;
static struct work works[REQUESTS];
static struct wait_queue moved = WAIT_QUEUE_INIT;
static uint32_t seed = 1, chance = 1;
static unsigned int good_wanted; /* turns, before the counts are shown */
static bool stopped;
static struct {
    unsigned long written, read, sectors, flushes, failed, wrong;
} counts;

static void must(int error, const char *what)
{
    if (error)
        kernel_panic("%s: %s", what, strerror(-error));
}

/* The number behind "name=" on the command line. */
static unsigned int number_of(const char *command_line, const char *name, unsigned int otherwise)
{
    const char *at = strstr(command_line, name);

    return at ? (unsigned int)strtoul(at + strlen(name), NULL, 10) : otherwise;
}

/* Marsaglia's xorshift: places and sizes. */
static uint32_t any(uint32_t below)
{
    chance ^= chance << 13;
    chance ^= chance >> 17;
    chance ^= chance << 5;
    return chance % below;
}

static void sector_fill(uint64_t *words, uint64_t sector, uint32_t turn)
{
    uint64_t x = sector * 0x9e3779b97f4a7c15ull + ((uint64_t)seed << 32) + turn;

    words[0] = sector;
    words[1] = turn;
    for (unsigned int i = 2; i < SECTOR_BYTES / 8; i++)
        words[i] = x += 0x2545f4914f6cdd1dull;
}

static bool sector_right(const uint64_t *words, uint64_t sector, uint32_t turn)
{
    uint64_t wanted[SECTOR_BYTES / 8];

    sector_fill(wanted, sector, turn);
    return !memcmp(words, wanted, sizeof(wanted));
}

static void come(struct turn *turn)
{
    ((struct work *)((char *)turn - offsetof(struct work, turn)))->our_turn = true;
    wait_queue_wake_all(&moved);
}

static void done(struct block_request *request, int error)
{
    struct work *work = request->owner;

    work->error = error;
    work->busy = false;
    wait_queue_wake_all(&moved);
}

static int copy(struct block_request *request, uint64_t offset, void *buffer, size_t bytes,
                bool to_buffer)
{
    const struct work *work = request->owner;
    char *ours = work->memory + work->offset + offset;

    memcpy(to_buffer ? buffer : ours, to_buffer ? ours : buffer, bytes);
    return 0;
}

/* Its data as pieces within pages. */
static void pieces_make(struct work *work)
{
    char *at = work->memory + work->offset;
    uint64_t left = work->sectors * SECTOR_BYTES;
    unsigned int count = 0;

    while (left) {
        uint64_t piece = PAGE_SIZE - ((uintptr_t)at & (PAGE_SIZE - 1));

        piece = piece < left ? piece : left;
        work->segments[count++] = (struct block_segment){ .machine = frames_virt_to_machine(at),
                                                          .bytes = (uint32_t)piece };
        at += piece;
        left -= piece;
    }
    work->request.segments = work->segments;
    work->request.segment_count = count;
}

static void submit(struct work *work, enum block_operation operation)
{
    work->request = (struct block_request){ .operation = operation,
                                            .sector = work->sector,
                                            .sectors = work->sectors,
                                            .copy = copy,
                                            .done = done,
                                            .owner = work };
    if (operation == BLOCK_READ || operation == BLOCK_WRITE)
        pieces_make(work);
    for (;;) {
        work->our_turn = false;
        work->busy = true;
        work->error = block_device_submit(disk, &work->request, &work->turn);
        if (work->error != -EAGAIN)
            break;
        while (!work->our_turn)
            wait_queue_wait(&moved);
    }
    work->busy = !work->error;
}

/* Hands over what was submitted, and waits for all of it. */
static void finish(void)
{
    block_device_kick(disk);
    for (unsigned int i = 0; i < REQUESTS; i++) {
        while (works[i].busy)
            wait_queue_wait(&moved);
        counts.failed += works[i].error != 0;
    }
}

/* A size and place within the request's part of the disk; of the disk's own sectors. */
static void place(struct work *work, unsigned int number, unsigned int turn)
{
    static const uint16_t sizes[] = { 1, 2, 7, 8, 9, 16, 80, 88, 89, 96, 255, 256, 2040, 2048 };
    uint32_t own = disk->limits.sector_size / SECTOR_BYTES;
    uint64_t parts = disk->sectors / SPAN;

    work->sectors = any(2) ? sizes[any(sizeof(sizes) / sizeof(sizes[0]))] : 1 + any(2048);
    work->offset = any(2) ? 0 : any(8) * SECTOR_BYTES;
    if (SECTORS_OF(PAGES) - work->offset / SECTOR_BYTES < work->sectors)
        work->offset = 0;
    work->sectors -= work->sectors % own;
    if (!work->sectors)
        work->sectors = own;
    work->sector = (number + (uint64_t)turn * REQUESTS) % parts * SPAN;
    work->sector += any((uint32_t)(SPAN - work->sectors) / own + 1) * own;
}

static void data_fill(const struct work *work, uint32_t turn)
{
    for (uint64_t i = 0; i < work->sectors; i++)
        sector_fill((uint64_t *)(void *)(work->memory + work->offset + i * SECTOR_BYTES),
                    work->sector + i, turn);
}

static void data_check(const struct work *work, uint32_t turn)
{
    unsigned int wrong = 0;

    if (work->error)
        return;
    for (uint64_t i = 0; i < work->sectors; i++)
        wrong += !sector_right(
            (const uint64_t *)(const void *)(work->memory + work->offset + i * SECTOR_BYTES),
            work->sector + i, turn);
    if (wrong && !counts.wrong)
        printf("block-guest: %u of %llu sectors at %llu are wrong\n", wrong,
               (unsigned long long)work->sectors, (unsigned long long)work->sector);
    counts.wrong += wrong;
}

static void all_submit(enum block_operation operation, uint32_t turn)
{
    for (unsigned int i = 0; i < REQUESTS; i++) {
        struct work *work = &works[i];

        if (operation == BLOCK_WRITE)
            data_fill(work, turn);
        else
            memset(work->memory, 0xee, PAGES * PAGE_SIZE);
        submit(work, operation);
        counts.written += operation == BLOCK_WRITE;
        counts.read += operation == BLOCK_READ;
        counts.sectors += work->sectors;
    }
    finish();
}

static void flush(void)
{
    int error = block_device_flush(disk);

    counts.flushes++;
    counts.failed += error != 0;
}

static void turn_run(uint32_t turn)
{
    bool failed[REQUESTS];

    for (unsigned int i = 0; i < REQUESTS; i++)
        place(&works[i], i, turn);
    all_submit(BLOCK_WRITE, turn);
    for (unsigned int i = 0; i < REQUESTS; i++)
        failed[i] = works[i].error;
    flush();
    all_submit(BLOCK_READ, turn);
    for (unsigned int i = 0; i < REQUESTS; i++)
        if (!failed[i])
            data_check(&works[i], turn);
}

/* The beginning of each request's part, written before and after. */
static void discard(void)
{
    struct work *work = &works[0];

    if (!disk->limits.discard_sectors) {
        printf("block-guest: no discard\n");
        return;
    }
    for (unsigned int i = 0; i < REQUESTS; i++) {
        works[i].sector = i * SPAN;
        works[i].sectors = SECTORS_OF(PAGES);
        works[i].offset = 0;
    }
    all_submit(BLOCK_WRITE, 77);
    work->sectors = SPAN / 2;
    submit(work, BLOCK_DISCARD);
    finish();
    printf("block-guest: discard: %s\n", work->error ? strerror(-work->error) : "done");
    work->sector = SPAN / 2;
    work->sectors = SECTORS_OF(PAGES);
    all_submit(BLOCK_READ, 77);
    for (unsigned int i = 1; i < REQUESTS; i++)
        data_check(&works[i], 77);
}

static void beginning_print(void)
{
    char text[2 * SHA256_DIGEST_LENGTH + 1];
    uint8_t digest[SHA256_DIGEST_LENGTH];
    size_t bytes = BIG_MIB << 20;
    SHA2_CTX hash;
    int error;

    error = block_device_read(disk, 0, works[0].memory, bytes);
    SHA256Init(&hash);
    SHA256Update(&hash, (const uint8_t *)works[0].memory, bytes);
    SHA256Final(digest, &hash);
    for (unsigned int i = 0; i < sizeof(digest); i++)
        sprintf(text + 2 * i, "%02x", digest[i]);
    printf("block-guest: the beginning: %s\n", error ? strerror(-error) : text);
}

static void counts_print(const char *what)
{
    printf("block-guest: %s %lu written %lu read %lu sectors %lu flushes, %lu failed, "
           "%lu sectors wrong\n",
           what, counts.written, counts.read, counts.sectors, counts.flushes, counts.failed,
           counts.wrong);
}

static void turn_run_and_tell(uint32_t turn)
{
    unsigned long failed = counts.failed;

    turn_run(turn);
    if (counts.failed != failed)
        task_sleep_ns(20000000); /* what fails at once leaves nobody else a turn */
    else if (good_wanted && !--good_wanted)
        counts_print("so far");
}

static void stop_at_key(void *arg)
{
    (void)arg;
    for (;;) {
        int c = console_read_char();

        if (c == 'c')
            good_wanted = 2;
        if (c == 'q')
            stopped = true;
    }
}

static void disk_find(void)
{
    disk = block_devices_first();
    if (!disk)
        kernel_panic("there is no disk");
    printf("block-guest: %s %s, %llu sectors of %u and %u, %s, %u segments%s%s\n", disk->name,
           disk->model, (unsigned long long)disk->sectors, (unsigned int)disk->limits.sector_size,
           (unsigned int)disk->limits.physical_sector_size,
           disk->read_only ? "read-only" : "writable", disk->limits.segments,
           disk->limits.flush ? ", flush" : "", disk->limits.discard_sectors ? ", discard" : "");
    must(block_device_claim(disk, !disk->read_only), disk->name);
    for (unsigned int i = 0; i < REQUESTS; i++) {
        works[i].turn.come = come;
        works[i].memory = frames_alloc(8);
        if (!works[i].memory)
            kernel_panic("no memory");
    }
}

void guest_main(struct start_info *si)
{
    const char *command_line = (const char *)si->cmd_line;
    unsigned int fill = number_of(command_line, " fill=", 0), turn = 0;

    tasks_start();
    console_input_start();
    libc_start();
    seed = chance = number_of(command_line, " seed=", 1);
    must(block_front_start(command_line), "block frontend");
    disk_find();
    task_spawn("keys", stop_at_key, NULL, 0);
    printf("block-guest: ready\n");
    while (turn < fill)
        turn_run(turn++);
    if (strstr(command_line, " discard"))
        discard();
    if (strstr(command_line, " read"))
        beginning_print();
    while (strstr(command_line, " endless") && !stopped)
        turn_run_and_tell(turn++);
    counts_print("done");
}
