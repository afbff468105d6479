/*
 * A disk in memory for the files of dom0/storage, and what they stand on: one task, a clock that
 * stands still, frames from malloc.
 *
 * The disk has a cache like a real one: what was written since the last flush is lost when the
 * power is cut, each sector of it or not, as the dice fall.  It is cut after so many writes.
 */
#ifndef EXT_WORLD_H
#define EXT_WORLD_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifndef EXT_WORLD_FUZZ
#include <cmocka.h>
#endif

#include "devices/block-device.h"
#include "libc/libc.h"
#include "pv-kernel/clock.h"
#include "pv-kernel/frames.h"
#include "storage/ext-mount.h"
#include "tasks/mutex.h"

/* What the disk writes as a whole or not at all: no less than the superblock, which Linux, too,
 * writes in place and trusts to be whole. */
#define SECTOR 1024u

struct unwritten {
    uint64_t sector;
    uint8_t data[SECTOR];
};

static struct world {
    uint8_t *seen, *stable; /* what reads see, and what is there after a cut */
    size_t bytes;
    struct unwritten *cache;
    size_t cached, cache_room;
    uint64_t writes_left; /* before the power is cut */
    bool dead;
    bool memory_is_short;
    uint64_t reads, writes, flushes;
} world;

static struct block_device disk = { .name = "vda1",
                                    .limits = { .sector_size = 512, .flush = true } };

static uint64_t dice_state = 1;

static inline uint32_t dice(uint32_t sides)
{
    dice_state ^= dice_state << 13;
    dice_state ^= dice_state >> 7;
    dice_state ^= dice_state << 17;
    return (uint32_t)(dice_state >> 33) % sides;
}

int block_device_read(struct block_device *device, uint64_t sector, void *buffer, size_t bytes)
{
    (void)device;
    if (sector * 512 + bytes > world.bytes)
        return -EINVAL;
    world.reads++;
    memcpy(buffer, world.seen + sector * 512, bytes);
    return 0;
}

int block_device_write(struct block_device *device, uint64_t sector, const void *buffer,
                       size_t bytes)
{
    (void)device;
    if (sector * 512 + bytes > world.bytes || sector % 2 || bytes % SECTOR)
        return -EINVAL;
    world.writes++;
    sector /= 2;
    for (size_t at = 0; at < bytes; at += SECTOR, sector++) {
        if (world.dead || !world.writes_left) {
            world.dead = true;
            return -EIO;
        }
        if (world.cached == world.cache_room) {
            world.cache_room = world.cache_room ? 2 * world.cache_room : 1024;
            world.cache = realloc(world.cache, world.cache_room * sizeof(*world.cache));
        }
        world.cache[world.cached].sector = sector;
        memcpy(world.cache[world.cached++].data, (const char *)buffer + at, SECTOR);
        memcpy(world.seen + sector * SECTOR, (const char *)buffer + at, SECTOR);
    }
    world.writes_left--;
    return 0;
}

int block_device_flush(struct block_device *device)
{
    (void)device;
    if (world.dead || !world.writes_left) {
        world.dead = true;
        return -EIO;
    }
    world.flushes++;
    for (size_t i = 0; i < world.cached; i++)
        memcpy(world.stable + world.cache[i].sector * SECTOR, world.cache[i].data, SECTOR);
    world.cached = 0;
    return 0;
}

int block_device_claim(struct block_device *device, bool writable)
{
    if (device->writers || (writable && device->readers))
        return -EBUSY;
    *(writable ? &device->writers : &device->readers) += 1;
    return 0;
}

void block_device_release(struct block_device *device, bool writable)
{
    *(writable ? &device->writers : &device->readers) -= 1;
}

void *frames_alloc(unsigned int order)
{
    return aligned_alloc(4096, (size_t)4096 << order);
}

void frames_free(void *frames, unsigned int order)
{
    (void)order;
    free(frames);
}

bool libc_memory_allows(size_t bytes)
{
    return !world.memory_is_short && bytes < 256u << 20;
}

uint64_t clock_monotonic_ns(void)
{
    return 0;
}

uint64_t clock_wall_ns(void)
{
    return 1700000000ULL * 1000000000;
}

void task_yield(void)
{
}

struct task *task_current(void)
{
    return (struct task *)&world;
}

#ifndef EXT_WORLD_TASKS /* the test has its own */
void wait_queue_wait(struct wait_queue *queue)
{
    (void)queue;
    abort(); /* a mutex is held that nobody else can have */
}

void wait_queue_wake_one(struct wait_queue *queue)
{
    (void)queue;
}
#endif

/* Puts an image into the disk, which has power from now on. */
static inline void world_load(const void *image, size_t bytes)
{
    if (bytes != world.bytes) {
        free(world.seen);
        free(world.stable);
        world.seen = malloc(bytes);
        world.stable = malloc(bytes);
    }
    world.bytes = bytes;
    memmove(world.seen, image, bytes);
    memcpy(world.stable, image, bytes);
    world.cached = 0;
    world.writes_left = UINT64_MAX;
    world.dead = false;
    disk.sectors = bytes / 512;
    disk.readers = disk.writers = 0;
}

/* The power is gone: what lay in the disk's cache is there or not. */
static inline void world_cut(void)
{
    uint32_t most = dice(5); /* of four, are written: sometimes all, sometimes none */

    for (size_t i = 0; i < world.cached; i++)
        if (dice(4) < most)
            memcpy(world.stable + world.cache[i].sector * SECTOR, world.cache[i].data, SECTOR);
    memcpy(world.seen, world.stable, world.bytes);
    world.cached = 0;
    world.writes_left = UINT64_MAX;
    world.dead = false;
}

static inline void world_end(void)
{
    free(world.seen);
    free(world.stable);
    free(world.cache);
    memset(&world, 0, sizeof(world));
}

#ifndef EXT_WORLD_FUZZ
static char image_path[128];

static inline const char *image_file(void)
{
    snprintf(image_path, sizeof(image_path), "/tmp/paravane-ext-%d.img", (int)getpid());
    return image_path;
}

/* What mke2fs makes with these options, on a disk of so many MiB. */
static inline void world_make(const char *options, unsigned int mib)
{
    size_t bytes = (size_t)mib << 20;
    uint8_t *image = calloc(1, bytes);
    char command[1024];
    FILE *file = fopen(image_file(), "wb");

    assert_non_null(file);
    assert_int_equal(ftruncate(fileno(file), (off_t)bytes), 0);
    fclose(file);
    snprintf(command, sizeof(command), "/sbin/mke2fs -q -F %s %s", options, image_path);
    assert_int_equal(system(command), 0);
    file = fopen(image_path, "rb");
    assert_int_equal(fread(image, 1, bytes, file), bytes);
    fclose(file);
    unlink(image_path);
    world_load(image, bytes);
    free(image);
}

/* Has debugfs change what is on the disk. */
static inline void world_change(const char *request)
{
    FILE *file = fopen(image_file(), "wb");
    char command[1024];

    assert_non_null(file);
    assert_int_equal(fwrite(world.seen, 1, world.bytes, file), world.bytes);
    fclose(file);
    snprintf(command, sizeof(command), "/sbin/debugfs -w -R '%s' %s > /dev/null 2>&1", request,
             image_path);
    assert_int_equal(system(command), 0);
    file = fopen(image_path, "rb");
    assert_int_equal(fread(world.seen, 1, world.bytes, file), world.bytes);
    fclose(file);
    memcpy(world.stable, world.seen, world.bytes);
    unlink(image_path);
}

/* Runs e2fsck with these options over what is on the disk; its exit status. */
static inline int world_check(const char *options)
{
    FILE *file = fopen(image_file(), "wb");
    char command[1024];
    int status;

    assert_non_null(file);
    assert_int_equal(fwrite(world.seen, 1, world.bytes, file), world.bytes);
    fclose(file);
    snprintf(command, sizeof(command), "/sbin/e2fsck %s %s > %s.log 2>&1", options, image_path,
             image_path);
    status = system(command);
    if (status) {
        snprintf(command, sizeof(command), "cat %s.log >&2", image_path);
        if (system(command))
            status = -1;
    }
    file = fopen(image_path, "rb");
    assert_int_equal(fread(world.seen, 1, world.bytes, file), world.bytes);
    fclose(file);
    unlink(image_path);
    snprintf(command, sizeof(command), "%s.log", image_path);
    unlink(command);
    return status;
}
#endif

#endif
