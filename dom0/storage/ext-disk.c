/*
 * Ext disk: the cache of blocks, and runs to and from the device.  See ext-disk.h.
 *
 * Blocks lie in malloc's memory; the device moves frames, so everything goes through one run of
 * them.  Clean blocks are kept up to CLEAN_MOST; changed ones as long as their owner wants, who
 * bounds them.  The room to sort them is made as they come: writing them back needs no memory.
 */
#include "storage/ext-disk.h"
#include "libc/libc.h"
#include "pv-kernel/clock.h"
#include "pv-kernel/frames.h"
#include "tasks/task.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define RUN_ORDER   4
#define CLEAN_MOST  1024u
#define BUDGET      (1u << 21)
#define RUN_NS_MOST 2000000u

_Static_assert((PAGE_SIZE << RUN_ORDER) == EXT_RUN_BYTES, "the run is frames of this order");

int ext_disk_open(struct ext_disk *disk, struct block_device *device, uint32_t block_size)
{
    memset(disk, 0, sizeof(*disk));
    if (block_size > EXT_BLOCK_MAX || block_size < device->limits.sector_size)
        return -EINVAL;
    disk->run = frames_alloc(RUN_ORDER);
    if (!disk->run)
        return -ENOMEM;
    disk->device = device;
    disk->block_size = block_size;
    disk->blocks = device->sectors / (block_size / BLOCK_SECTOR_SIZE);
    ext_disk_begin(disk);
    return 0;
}

void ext_disk_close(struct ext_disk *disk)
{
    for (size_t i = 0; i < EXT_HASH; i++)
        while (disk->hash[i]) {
            struct ext_block *block = disk->hash[i];

            disk->hash[i] = block->same_hash;
            free(block);
        }
    free(disk->sorted);
    if (disk->run)
        frames_free(disk->run, RUN_ORDER);
    disk->run = NULL;
}

void ext_disk_begin(struct ext_disk *disk)
{
    disk->budget = BUDGET;
    disk->ran_from = clock_monotonic_ns();
}

void ext_disk_pause(struct ext_disk *disk)
{
    if (clock_monotonic_ns() - disk->ran_from < RUN_NS_MOST)
        return;
    task_yield();
    disk->ran_from = clock_monotonic_ns();
}

static struct ext_block **place_of(struct ext_disk *disk, uint64_t number)
{
    struct ext_block **at = &disk->hash[number % EXT_HASH];

    while (*at && (*at)->number != number)
        at = &(*at)->same_hash;
    return at;
}

static void leave_clean(struct ext_disk *disk, struct ext_block *block)
{
    *(block->older ? &block->older->newer : &disk->oldest) = block->newer;
    *(block->newer ? &block->newer->older : &disk->newest) = block->older;
}

static void join_clean(struct ext_disk *disk, struct ext_block *block)
{
    block->newer = NULL;
    block->older = disk->newest;
    *(disk->newest ? &disk->newest->newer : &disk->oldest) = block;
    disk->newest = block;
}

static void set_state(struct ext_disk *disk, struct ext_block *block, enum ext_block_state state)
{
    if (block->state == EXT_CLEAN)
        leave_clean(disk, block);
    disk->count[block->state]--;
    block->state = state;
    disk->count[state]++;
    if (state == EXT_CLEAN)
        join_clean(disk, block);
}

static void drop(struct ext_disk *disk, struct ext_block *block)
{
    *place_of(disk, block->number) = block->same_hash;
    if (block->state == EXT_CLEAN)
        leave_clean(disk, block);
    disk->count[block->state]--;
    free(block);
}

/* Forgets the oldest clean blocks until there are no more than `most`. */
static void keep_at_most(struct ext_disk *disk, size_t most)
{
    struct ext_block *block, *newer;

    for (block = disk->oldest; block && disk->count[EXT_CLEAN] > most; block = newer) {
        newer = block->newer;
        drop(disk, block);
    }
}

/* A clean block, whose contents the caller fills in; the oldest goes for it. */
static struct ext_block *add(struct ext_disk *disk, uint64_t number)
{
    struct ext_block *block;

    keep_at_most(disk, CLEAN_MOST - 1);
    block = malloc(sizeof(*block) + disk->block_size);
    if (!block)
        return NULL;
    *block = (struct ext_block){ .number = number, .same_hash = disk->hash[number % EXT_HASH] };
    disk->hash[number % EXT_HASH] = block;
    disk->count[EXT_CLEAN]++;
    join_clean(disk, block);
    return block;
}

static uint64_t sector_of(const struct ext_disk *disk, uint64_t block)
{
    return block * (disk->block_size / BLOCK_SECTOR_SIZE);
}

/* Keeps what of the run that was read is not kept yet. */
static int keep_run(struct ext_disk *disk, uint64_t first, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct ext_block *block;

        if (*place_of(disk, first + i))
            continue;
        block = add(disk, first + i);
        if (!block)
            return -ENOMEM;
        memcpy(block->data, disk->run + (size_t)i * disk->block_size, disk->block_size);
    }
    return 0;
}

int ext_disk_prefetch(struct ext_disk *disk, uint64_t block, uint32_t count)
{
    int error;

    while (count && *place_of(disk, block)) { /* those at the front are there */
        block++;
        count--;
    }
    if (!count)
        return 0;
    if (count > EXT_RUN_BYTES / disk->block_size || block >= disk->blocks ||
        count > disk->blocks - block)
        return -EIO;
    error = block_device_read(disk->device, sector_of(disk, block), disk->run,
                              (size_t)count * disk->block_size);
    disk->ran_from = clock_monotonic_ns();
    return error ? error : keep_run(disk, block, count);
}

int ext_disk_get(struct ext_disk *disk, uint64_t block, struct ext_block **found)
{
    int error;

    if (!disk->budget)
        return -EIO;
    disk->budget--;
    ext_disk_pause(disk);
    *found = *place_of(disk, block);
    if (!*found) {
        error = ext_disk_prefetch(disk, block, 1);
        if (error)
            return error;
        *found = *place_of(disk, block);
    } else if ((*found)->state == EXT_CLEAN) {
        leave_clean(disk, *found);
        join_clean(disk, *found);
    }
    return 0;
}

/* Room to sort all that is changed, and one block more. */
static int make_room(struct ext_disk *disk)
{
    size_t changed = disk->count[EXT_DATA] + disk->count[EXT_METADATA] + 1, room;
    struct ext_block **more;

    if (changed <= disk->sorted_room)
        return 0;
    room = disk->sorted_room ? 2 * disk->sorted_room : 256;
    if (!libc_memory_allows(room * (sizeof(*more) + disk->block_size)))
        return -ENOMEM;
    more = realloc(disk->sorted, room * sizeof(*more));
    if (!more)
        return -ENOMEM;
    disk->sorted = more;
    disk->sorted_room = room;
    return 0;
}

int ext_disk_write(struct ext_disk *disk, uint64_t number, size_t offset, const void *data,
                   size_t bytes, enum ext_block_state state)
{
    struct ext_block *block;
    int error = number < disk->blocks ? make_room(disk) : -EIO;

    if (error)
        return error;
    block = *place_of(disk, number);
    if (!block && bytes < disk->block_size) {
        error = ext_disk_get(disk, number, &block);
        if (error)
            return error;
    }
    if (!block)
        block = add(disk, number);
    else if (state == EXT_METADATA && block->state != EXT_DATA &&
             !memcmp(block->data + offset, data, bytes))
        return 0; /* bitmaps and descriptors are written as a whole, changed or not */
    if (!block)
        return -ENOMEM;
    memcpy(block->data + offset, data, bytes);
    if (block->state != state)
        set_state(disk, block, state);
    ext_disk_pause(disk);
    return 0;
}

void ext_disk_forget(struct ext_disk *disk, uint64_t number)
{
    struct ext_block *block = *place_of(disk, number);

    if (block)
        drop(disk, block);
}

void ext_disk_forget_clean(struct ext_disk *disk)
{
    keep_at_most(disk, 0);
}

void ext_disk_drop_changes(struct ext_disk *disk)
{
    for (enum ext_block_state state = EXT_DATA; state < EXT_STATES; state++) {
        size_t count = ext_disk_sort(disk, state);

        for (size_t i = 0; i < count; i++)
            drop(disk, disk->sorted[i]);
    }
}

static int by_number(const void *a, const void *b)
{
    uint64_t x = (*(struct ext_block *const *)a)->number;
    uint64_t y = (*(struct ext_block *const *)b)->number;

    return (x > y) - (x < y);
}

size_t ext_disk_sort(struct ext_disk *disk, enum ext_block_state state)
{
    size_t count = 0;

    if (!disk->count[state])
        return 0;
    for (size_t i = 0; i < EXT_HASH; i++)
        for (struct ext_block *block = disk->hash[i]; block; block = block->same_hash)
            if (block->state == state)
                disk->sorted[count++] = block;
    qsort(disk->sorted, count, sizeof(*disk->sorted), by_number);
    return count;
}

/* Writes the changed blocks of a kind, which are in disk->sorted then. */
static int write_out(struct ext_disk *disk, enum ext_block_state state, size_t *count)
{
    int error = 0;

    *count = ext_disk_sort(disk, state);
    for (size_t i = 0; i < *count && !error; i++)
        error = ext_disk_put(disk, disk->sorted[i]->number, disk->sorted[i]->data);
    return error ? error : ext_disk_put_end(disk);
}

int ext_disk_write_back(struct ext_disk *disk, enum ext_block_state state)
{
    size_t count;
    int error = write_out(disk, state, &count);

    if (error)
        return error;
    for (size_t i = 0; i < count; i++)
        set_state(disk, disk->sorted[i], EXT_CLEAN);
    keep_at_most(disk, CLEAN_MOST);
    return 0;
}

int ext_disk_write_away(struct ext_disk *disk, enum ext_block_state state)
{
    size_t count;
    int error = write_out(disk, state, &count);

    if (error)
        return error;
    for (size_t i = 0; i < count; i++)
        drop(disk, disk->sorted[i]);
    return 0;
}

int ext_disk_put_end(struct ext_disk *disk)
{
    uint32_t count = disk->run_count;
    int error;

    disk->run_count = 0;
    if (!count)
        return 0;
    error = block_device_write(disk->device, sector_of(disk, disk->run_block), disk->run,
                               (size_t)count * disk->block_size);
    disk->ran_from = clock_monotonic_ns();
    return error;
}

int ext_disk_put(struct ext_disk *disk, uint64_t block, const void *data)
{
    int error = 0;

    if (block >= disk->blocks)
        return -EIO;
    if (disk->run_count && (block != disk->run_block + disk->run_count ||
                            disk->run_count == EXT_RUN_BYTES / disk->block_size))
        error = ext_disk_put_end(disk);
    if (!disk->run_count)
        disk->run_block = block;
    memcpy(disk->run + (size_t)disk->run_count * disk->block_size, data, disk->block_size);
    disk->run_count++;
    return error;
}

int ext_disk_flush(struct ext_disk *disk)
{
    int error = disk->device->limits.flush ? block_device_flush(disk->device) : 0;

    disk->ran_from = clock_monotonic_ns();
    return error;
}
