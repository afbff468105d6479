/*
 * Block devices: the registry, claims, checks of requests, partitions' offsets and turns.
 */
#include "devices/block-device.h"
#include <errno.h>
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

/* The disk under a device, and where the device starts on it. */
static struct block_device *disk_of(const struct block_device *device, uint64_t *start)
{
    *start = 0;
    for (; device->parent; device = device->parent)
        *start += device->first_sector;
    return (struct block_device *)(uintptr_t)device;
}

bool block_devices_overlap(const struct block_device *a, const struct block_device *b)
{
    uint64_t a_start, b_start;

    if (disk_of(a, &a_start) != disk_of(b, &b_start))
        return false;
    return a == b || (a_start < b_start + b->sectors && b_start < a_start + a->sectors);
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

int block_device_claim_shared(struct block_device *device)
{
    if (device->read_only)
        return -EROFS;
    device->writers++;
    return 0;
}

void block_device_release(struct block_device *device, bool writable)
{
    if (writable)
        device->writers--;
    else
        device->readers--;
}

static uint64_t segments_sectors(const struct block_request *request)
{
    uint64_t bytes = 0;

    for (unsigned int i = 0; i < request->segment_count; i++)
        bytes += request->segments[i].bytes;
    return bytes / BLOCK_SECTOR_SIZE;
}

static bool supported(const struct block_device *device, enum block_operation operation)
{
    switch (operation) {
    case BLOCK_FLUSH:
        return device->limits.flush;
    case BLOCK_DISCARD:
        return device->limits.discard_sectors;
    case BLOCK_WRITE_ZEROES:
        return device->limits.zeroes_sectors;
    default:
        return true;
    }
}

/* 0 if the device can do it; then request->sectors are what it is about. */
static int request_check(const struct block_device *device, struct block_request *request)
{
    uint32_t own = device->limits.sector_size / BLOCK_SECTOR_SIZE;

    if (request->segment_count > BLOCK_MAX_SEGMENTS)
        return -EINVAL;
    if (request->operation != BLOCK_READ && device->read_only)
        return -EROFS;
    if (!supported(device, request->operation))
        return -EOPNOTSUPP;
    if (request->operation == BLOCK_FLUSH) {
        request->sectors = 0;
        return 0;
    }
    if (request->operation == BLOCK_READ || request->operation == BLOCK_WRITE)
        request->sectors = segments_sectors(request);
    if (!request->sectors || request->sector > device->sectors ||
        request->sectors > device->sectors - request->sector)
        return -EINVAL;
    return request->sector % own || request->sectors % own ? -EINVAL : 0;
}

/*
 * What a request counts for: its data; at least so much, as moving the disk's arm, or flushing, is
 * no less work, and no more where there is no data.
 */
#define COST_LEAST 4096u

static uint64_t cost_of(const struct block_request *request)
{
    uint64_t bytes = request->segment_count ? request->sectors * BLOCK_SECTOR_SIZE : 0;

    return bytes < COST_LEAST ? COST_LEAST : bytes;
}

/* Takes a slot of the disk's queue if it is this user's turn and there is one. */
static int submit_in_turn(struct block_device *disk, struct block_request *request,
                          struct turn *turn)
{
    uint64_t cost = cost_of(request);
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
    int error = request_check(device, request);
    struct block_device *disk;
    uint64_t start;

    if (error)
        return error;
    disk = disk_of(device, &start);
    request->sector += start;
    error = submit_in_turn(disk, request, turn);
    if (error)
        request->sector -= start; /* so that it can be submitted again */
    return error;
}

void block_device_leave(struct block_device *device, struct turn *turn)
{
    uint64_t start;
    struct block_device *disk = disk_of(device, &start);

    turns_leave(&disk->turns, turn);
    if (!disk->turns.first && disk->driver->nobody_waits)
        disk->driver->nobody_waits(disk);
}

void block_device_room(struct block_device *disk)
{
    turns_more(&disk->turns);
}

void block_device_kick(struct block_device *device)
{
    uint64_t start;
    struct block_device *disk = disk_of(device, &start);

    disk->driver->kick(disk);
}
