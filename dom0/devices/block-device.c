/*
 * Block devices: the registry, claims, range checks, partitions' offsets, and the sleeping
 * helpers built on the asynchronous interface.
 */
#include "devices/block-device.h"
#include "pv-kernel/frames.h"
#include "tasks/wait-queue.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct block_device *first_device, **last_device = &first_device;

struct block_device *block_devices_first(void)
{
    return first_device;
}

int block_device_register(struct block_device *device)
{
    for (struct block_device *other = first_device; other; other = other->next)
        if (!strcmp(other->name, device->name))
            return -EEXIST;
    *last_device = device;
    last_device = &device->next;
    return 0;
}

bool block_devices_overlap(const struct block_device *a, const struct block_device *b)
{
    if ((a->parent ? a->parent : a) != (b->parent ? b->parent : b))
        return false;
    return a == b || (a->first_sector < b->first_sector + b->sectors &&
                      b->first_sector < a->first_sector + a->sectors);
}

int block_device_claim(struct block_device *device, bool writable)
{
    if (writable && device->read_only)
        return -EROFS;
    for (struct block_device *other = first_device; other; other = other->next)
        if (block_devices_overlap(device, other) &&
            (other->writers || (writable && other->readers)))
            return -EBUSY;
    if (writable)
        device->writers++;
    else
        device->readers++;
    return 0;
}

void block_device_release(struct block_device *device, bool writable)
{
    if (writable)
        device->writers--;
    else
        device->readers--;
}

static uint64_t request_sectors(const struct block_request *request)
{
    uint64_t bytes = 0;

    for (unsigned int i = 0; i < request->segment_count; i++)
        bytes += request->segments[i].bytes;
    return bytes / BLOCK_SECTOR_SIZE;
}

static bool whole_sectors(const struct block_device *device, const struct block_request *request,
                          uint64_t sectors)
{
    uint32_t own = device->sector_size / BLOCK_SECTOR_SIZE;

    return !(request->sector % own) && !(sectors % own);
}

static struct block_device *disk_of(struct block_device *device)
{
    return device->parent ? device->parent : device;
}

/* What a request counts for at least: moving the disk's arm, or flushing, is no less work. */
#define COST_LEAST 4096u

/* Takes a slot of the disk's queue if it is this user's turn and there is one. */
static int submit_in_turn(struct block_device *disk, struct block_request *request, uint64_t bytes,
                          struct turn *turn)
{
    uint64_t cost = bytes < COST_LEAST ? COST_LEAST : bytes;
    int error;

    if (!turns_take(&disk->turns, turn, cost))
        return -EAGAIN;
    error = disk->driver->submit(disk, request);
    if (error == -EAGAIN)
        turns_none_left(&disk->turns, turn, cost);
    return error;
}

int block_device_submit(struct block_device *device, struct block_request *request,
                        struct turn *turn)
{
    uint64_t sectors = request_sectors(request);

    if (request->segment_count > BLOCK_MAX_SEGMENTS)
        return -EINVAL;
    if (request->operation != BLOCK_READ && device->read_only)
        return -EROFS;
    if (request->operation != BLOCK_FLUSH) {
        if (!sectors || request->sector > device->sectors ||
            sectors > device->sectors - request->sector || !whole_sectors(device, request, sectors))
            return -EINVAL;
        request->sector += device->first_sector;
    }
    int error = submit_in_turn(disk_of(device), request, sectors * BLOCK_SECTOR_SIZE, turn);

    if (error && request->operation != BLOCK_FLUSH)
        request->sector -= device->first_sector; /* so that it can be submitted again */
    return error;
}

void block_device_leave(struct block_device *device, struct turn *turn)
{
    turns_leave(&disk_of(device)->turns, turn);
}

void block_device_room(struct block_device *disk)
{
    turns_more(&disk->turns);
}

void block_device_kick(struct block_device *device)
{
    struct block_device *disk = disk_of(device);

    disk->driver->kick(disk);
}

struct sleeper {
    struct turn turn; /* first */
    struct wait_queue queue;
    bool our_turn, done;
    int error;
};

static void sleeper_come(struct turn *turn)
{
    struct sleeper *sleeper = (struct sleeper *)turn;

    sleeper->our_turn = true;
    wait_queue_wake_all(&sleeper->queue);
}

static void wake_sleeper(struct block_request *request, int error)
{
    struct sleeper *sleeper = request->owner;

    sleeper->error = error;
    sleeper->done = true;
    wait_queue_wake_all(&sleeper->queue);
}

static int submit_and_sleep(struct block_device *device, struct block_request *request)
{
    struct sleeper sleeper = { .turn.come = sleeper_come, .queue = WAIT_QUEUE_INIT };
    int error;

    request->done = wake_sleeper;
    request->owner = &sleeper;
    while ((error = block_device_submit(device, request, &sleeper.turn)) == -EAGAIN) {
        while (!sleeper.our_turn)
            wait_queue_wait(&sleeper.queue);
        sleeper.our_turn = false;
    }
    block_device_leave(device, &sleeper.turn); /* it lives on this stack */
    if (error) {
        request->owner = NULL;
        return error;
    }
    block_device_kick(device);
    while (!sleeper.done)
        wait_queue_wait(&sleeper.queue);
    request->owner = NULL;
    return sleeper.error;
}

static int transfer(struct block_device *device, enum block_operation operation, uint64_t sector,
                    void *buffer, size_t bytes)
{
    char *at = buffer;

    if (bytes % BLOCK_SECTOR_SIZE || (uintptr_t)buffer % BLOCK_SECTOR_SIZE)
        return -EINVAL;
    while (bytes) {
        struct block_request request = { .operation = operation, .sector = sector };
        size_t piece_total = 0;
        int error;

        while (bytes && request.segment_count < BLOCK_MAX_SEGMENTS) {
            size_t piece = PAGE_SIZE - ((uintptr_t)at & (PAGE_SIZE - 1));

            if (piece > bytes)
                piece = bytes;
            request.segments[request.segment_count++] =
                (struct block_segment){ .machine = frames_virt_to_machine(at),
                                        .bytes = (uint32_t)piece };
            at += piece;
            bytes -= piece;
            piece_total += piece;
        }
        error = submit_and_sleep(device, &request);
        if (error)
            return error;
        sector += piece_total / BLOCK_SECTOR_SIZE;
    }
    return 0;
}

int block_device_read(struct block_device *device, uint64_t sector, void *buffer, size_t bytes)
{
    return transfer(device, BLOCK_READ, sector, buffer, bytes);
}

int block_device_write(struct block_device *device, uint64_t sector, const void *buffer,
                       size_t bytes)
{
    return transfer(device, BLOCK_WRITE, sector, (void *)(uintptr_t)buffer, bytes);
}

int block_device_flush(struct block_device *device)
{
    struct block_request request = { .operation = BLOCK_FLUSH };

    return submit_and_sleep(device, &request);
}
