/*
 * Requests at a disk: which commands they become, in which slots, and when they are done.
 * See disk.h.
 */
#include "devices/disk.h"
#include "pv-kernel/clock.h"
#include "pv-kernel/frames.h"
#include <errno.h>
#include <stdlib.h>

#define TRIES_MAX 3u /* of a command whose controller was reset meanwhile */

/* Used between two sleeps only. */
static struct block_segment segments[BLOCK_MAX_SEGMENTS];

static void command_issue(struct disk *disk, unsigned int slot, unsigned int count)
{
    struct disk_command *command = &disk->commands[slot];

    if (disk->controller->health != DISKS_WORK)
        return; /* disk_commands_again does it */
    command->tries++;
    disk->controller->kick_needed = true;
    disk->controller->driver->issue(disk, slot, segments, count);
}

static void bounce_segment(const struct disk *disk, uint64_t bytes)
{
    segments[0] = (struct block_segment){ .machine = frames_virt_to_machine(disk->bounce),
                                          .bytes = (uint32_t)bytes };
}

/* The request's next page or less goes through ours.  -EAGAIN: another is on it; -EIO. */
static int bounce_start(struct disk *disk, struct disk_command *command, uint32_t *bytes)
{
    struct block_request *request = command->request;
    uint64_t left = request->sectors_left * BLOCK_SECTOR_SIZE, most = disk->block.limits.bytes;
    int error = 0;

    if (!request->copy || !disk->bounce)
        return -EIO;
    if (disk->bounce_used)
        return -EAGAIN;
    if (most > PAGE_SIZE)
        most = PAGE_SIZE;
    *bytes = (uint32_t)(left < most ? left : most);
    if (command->operation == BLOCK_WRITE)
        error = request->copy(request, command->from.bytes, disk->bounce, *bytes, true);
    if (error)
        return -EIO;
    disk_cursor_skip(request, &request->cursor, *bytes);
    bounce_segment(disk, *bytes);
    disk->bounce_used = command->bounced = true;
    return 0;
}

static int bounce_end(struct disk *disk, const struct disk_command *command, int error)
{
    struct block_request *request = command->request;

    disk->bounce_used = false;
    if (error || command->operation != BLOCK_READ)
        return error;
    return request->copy(request, command->from.bytes, disk->bounce,
                         command->sectors * BLOCK_SECTOR_SIZE, false)
               ? -EIO
               : 0;
}

/* How many sectors of data the command takes, as so many segments; 0 or -errno. */
static int take_data(struct disk *disk, struct disk_command *command, unsigned int *count)
{
    struct block_request *request = command->request;
    uint32_t bytes;
    int error = 0;

    *count = disk_cut(&disk->block.limits, request, &request->cursor,
                      request->sectors_left * BLOCK_SECTOR_SIZE, segments, &bytes);
    if (!*count) {
        error = bounce_start(disk, command, &bytes);
        *count = 1;
    }
    if (!error)
        command->sectors = bytes / BLOCK_SECTOR_SIZE;
    return error;
}

static void take_range(const struct disk *disk, struct disk_command *command)
{
    struct block_request *request = command->request;
    uint64_t most = command->operation == BLOCK_DISCARD ? disk->block.limits.discard_sectors
                                                        : disk->block.limits.zeroes_sectors;

    command->sectors = request->sectors_left < most ? request->sectors_left : most;
    request->cursor.bytes += command->sectors * BLOCK_SECTOR_SIZE;
}

/* The request's next piece becomes a command.  -EAGAIN: it has to wait. */
static int command_give(struct disk *disk, struct block_request *request)
{
    struct disk_command command = { .request = request,
                                    .operation = request->operation,
                                    .fua = request->fua && disk->block.limits.fua,
                                    .from = request->cursor,
                                    .issued = clock_monotonic_ns() };
    unsigned int slot, count = 0;
    int error = 0;

    if (!disk->free_count)
        return -EAGAIN;
    slot = disk->free_slots[disk->free_count - 1];
    command.sector = request->sector + request->cursor.bytes / BLOCK_SECTOR_SIZE;
    if (request->bare == BARE_LEFT) {
        command.operation = BLOCK_FLUSH;
        request->bare = BARE_GIVEN;
    } else if (request->segment_count)
        error = take_data(disk, &command, &count);
    else
        take_range(disk, &command);
    if (error)
        return error;
    request->sectors_left -= command.sectors;
    request->commands++;
    disk->free_count--;
    disk->commands[slot] = command;
    command_issue(disk, slot, count);
    return 0;
}

static bool all_given(const struct block_request *request)
{
    return !request->sectors_left && request->bare != BARE_LEFT;
}

/* What is not given yet never will be. */
static void request_fail(struct block_request *request, int error)
{
    if (!request->error)
        request->error = error;
    request->sectors_left = 0;
    request->bare = BARE_GIVEN;
}

static void request_go_on(struct disk *disk, struct block_request *request)
{
    int error = 0;

    while (!error && !all_given(request))
        error = command_give(disk, request);
    if (error && error != -EAGAIN)
        request_fail(request, error);
    if (!all_given(request))
        disk->partly = request;
    else if (disk->partly == request)
        disk->partly = NULL;
}

/* A write that has to be stable, on a disk that cannot be told so with it. */
static bool wants_flush(const struct disk *disk, const struct block_request *request)
{
    return !request->error && request->operation == BLOCK_WRITE && request->fua &&
           request->bare == BARE_NONE && disk->block.limits.flush && !disk->block.limits.fua;
}

static void request_end(struct disk *disk, struct block_request *request)
{
    if (request->commands || !all_given(request))
        return;
    if (wants_flush(disk, request)) {
        request->bare = BARE_LEFT;
        command_give(disk, request); /* in the slot that has just become free */
        return;
    }
    request->done(request, request->error);
}

static int submit(struct block_device *block, struct block_request *request)
{
    struct disk *disk = (struct disk *)block;

    if (disk->controller->health == DISKS_DEAD)
        return -EIO;
    if (disk->controller->health == DISKS_RESET || disk->partly || !disk->free_count)
        return -EAGAIN;
    request->cursor = (struct block_cursor){ 0 };
    request->sectors_left = request->sectors;
    request->commands = 0;
    request->bare = request->operation == BLOCK_FLUSH ? BARE_LEFT : BARE_NONE;
    request->error = 0;
    request_go_on(disk, request);
    /* What is in flight ends it; else nothing was begun, unless it waits for the page. */
    return request->commands ? 0 : request->error;
}

static void kick(struct block_device *block)
{
    struct disk_controller *controller = ((struct disk *)block)->controller;

    disk_controller_kick(controller);
}

const struct block_driver disk_requests = { .submit = submit, .kick = kick };

static void command_end(struct disk *disk, unsigned int slot, int error)
{
    struct disk_command *command = &disk->commands[slot];
    struct block_request *request = command->request;

    if (command->bounced)
        error = bounce_end(disk, command, error);
    command->request = NULL;
    disk->free_slots[disk->free_count++] = (uint16_t)slot;
    request->commands--;
    if (error)
        request_fail(request, error);
    if (disk->partly == request && all_given(request))
        disk->partly = NULL;
    request_end(disk, request);
}

void disk_command_done(struct disk *disk, unsigned int slot, int error)
{
    if (slot >= disk->slots || !disk->commands[slot].request)
        return;                   /* the device names a command that it was not given */
    disk->controller->resets = 0; /* that a sector is bad is an answer, too */
    command_end(disk, slot, error);
}

void disk_commands_go_on(struct disk *disk)
{
    struct block_request *request = disk->partly;

    if (request && disk->controller->health == DISKS_WORK) {
        request_go_on(disk, request);
        request_end(disk, request);
    }
    block_device_room(&disk->block);
}

bool disk_is_idle(const struct disk *disk)
{
    return disk->free_count == disk->slots && !disk->partly;
}

static bool is_old(const struct disk_command *command, uint64_t ns)
{
    return command->request && clock_monotonic_ns() - command->issued > ns;
}

bool disk_hangs(const struct disk *disk, uint64_t ns)
{
    for (unsigned int slot = 0; slot < disk->slots; slot++)
        if (is_old(&disk->commands[slot], ns))
            return true;
    return false;
}

void disk_commands_end(struct disk *disk, uint64_t ns, bool dead)
{
    struct block_request *request = disk->partly;

    for (unsigned int slot = 0; slot < disk->slots; slot++) {
        const struct disk_command *command = &disk->commands[slot];

        if (command->request && (dead || is_old(command, ns) || command->tries >= TRIES_MAX))
            command_end(disk, slot, -EIO);
    }
    if (!dead || !request || disk->partly != request)
        return;
    disk->partly = NULL; /* nothing of it was in flight */
    request_fail(request, -EIO);
    request_end(disk, request);
}

void disk_commands_again(struct disk *disk)
{
    for (unsigned int slot = 0; slot < disk->slots; slot++) {
        struct disk_command *command = &disk->commands[slot];
        struct block_cursor from = command->from;
        uint64_t bytes = command->sectors * BLOCK_SECTOR_SIZE;
        unsigned int count = 0;
        uint32_t cut;

        if (!command->request)
            continue;
        if (command->bounced) {
            bounce_segment(disk, bytes);
            count = 1;
        } else if (command->operation == BLOCK_READ || command->operation == BLOCK_WRITE)
            count = disk_cut(&disk->block.limits, command->request, &from, bytes, segments, &cut);
        command->issued = clock_monotonic_ns();
        command_issue(disk, slot, count);
    }
}

static bool needs_page(const struct block_limits *limits)
{
    return limits->sector_size > BLOCK_SECTOR_SIZE || limits->address_end;
}

/* False: none that the disk reaches. */
static bool page_make(struct disk *disk)
{
    uint64_t end = disk->block.limits.address_end;

    if (!needs_page(&disk->block.limits))
        return true;
    disk->bounce = frames_alloc(0);
    return disk->bounce && (!end || frames_virt_to_machine(disk->bounce) + PAGE_SIZE <= end);
}

void disk_commands_free(struct disk *disk)
{
    free(disk->commands);
    free(disk->free_slots);
    if (disk->bounce)
        frames_free(disk->bounce, 0);
    disk->commands = NULL;
    disk->free_slots = NULL;
    disk->bounce = NULL;
}

int disk_commands_make(struct disk *disk)
{
    disk->commands = calloc(disk->slots, sizeof(*disk->commands));
    disk->free_slots = calloc(disk->slots, sizeof(*disk->free_slots));
    if (!disk->commands || !disk->free_slots || !page_make(disk)) {
        disk_commands_free(disk);
        return -ENOMEM;
    }
    for (unsigned int slot = disk->slots; slot-- > 0;)
        disk->free_slots[disk->free_count++] = (uint16_t)slot;
    return 0;
}
