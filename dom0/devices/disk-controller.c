/*
 * Disk controllers: the task that takes what is finished and looks after disks at work.
 *
 * A controller that says so, or one of whose commands has no answer for TIMEOUT_NS, is stopped by
 * its task: what had no answer for so long ends with -EIO, and once it works again the rest is
 * issued again, since what its other users asked for is not at fault.  If it does not start again,
 * or all too often, it is dead and everything ends with -EIO.  Other controllers do not notice.
 */
#include "devices/disk.h"
#include "pv-kernel/clock.h"
#include "pv-kernel/event-ports.h"
#include "pv-kernel/frames.h"
#include "tasks/task.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define TIMEOUT_NS 30000000000ULL
#define LOOK_NS    1000000000ULL /* how often a controller at work is looked at */
#define RESETS_MAX 3u            /* without an answer in between */

void disk_controller_wake(struct disk_controller *controller)
{
    controller->woken = true;
    wait_queue_wake_all(&controller->work);
}

void disk_controller_look_now(struct disk_controller *controller)
{
    controller->looked_after = true;
    controller->next_look = clock_monotonic_ns();
    disk_controller_wake(controller);
}

void disk_controller_kick(struct disk_controller *controller)
{
    if (!controller->kick_needed)
        return;
    controller->kick_needed = false;
    controller->driver->kick(controller);
    if (controller->looked_after)
        return;
    controller->looked_after = true;
    controller->next_look = clock_monotonic_ns() + LOOK_NS;
    wait_queue_wake_all(&controller->work);
}

/* Sleeps until it calls, or it is time to look after it (true). */
static bool wait_for_work(struct disk_controller *controller)
{
    bool was = events_mask_save();

    if (controller->woken) {
        events_mask_restore(was);
        task_yield(); /* a device that always has something to say keeps nobody out */
        was = events_mask_save();
    }
    while (!controller->woken && !controller->looked_after)
        wait_queue_wait(&controller->work);
    if (!controller->woken)
        wait_queue_wait_until(&controller->work, controller->next_look);
    controller->woken = false;
    events_mask_restore(was);
    if (!controller->looked_after || clock_monotonic_ns() < controller->next_look)
        return false;
    controller->next_look += LOOK_NS;
    return true;
}

/* 0, or what is wrong with it. */
static int health_look(struct disk_controller *controller)
{
    for (struct disk *disk = controller->disks; disk && !controller->driver->patient;
         disk = disk->next)
        if (disk_hangs(disk, TIMEOUT_NS))
            return -ETIMEDOUT;
    return controller->driver->look(controller);
}

static void commands_end(struct disk_controller *controller, bool dead)
{
    uint64_t ns = controller->driver->patient ? UINT64_MAX : TIMEOUT_NS;

    for (struct disk *disk = controller->disks; disk; disk = disk->next)
        disk_commands_end(disk, ns, dead);
}

static bool resets_too_often(struct disk_controller *controller)
{
    return !controller->driver->patient && ++controller->resets > RESETS_MAX;
}

static void fault_print(const struct disk_controller *controller, int fault)
{
    if (controller->driver->patient)
        return;
    printf("%s: %s\n", controller->name,
           fault == -ENODEV      ? "the controller is gone"
           : fault == -ETIMEDOUT ? "no answer: reset"
                                 : "it asks for a reset");
}

/* Sleeps while it resets. */
static void reset(struct disk_controller *controller, int fault)
{
    int error;

    fault_print(controller, fault);
    controller->health = DISKS_RESET;
    controller->kick_needed = false;
    error = controller->driver->stop(controller); /* from here on it touches no memory */
    controller->driver->take(controller);
    commands_end(controller, false);
    if (!error && (fault == -ENODEV || resets_too_often(controller)))
        error = fault == -ENODEV ? fault : -EIO;
    if (!error)
        error = controller->driver->restart(controller);
    controller->health = error ? DISKS_DEAD : DISKS_WORK;
    if (error) {
        printf("%s: it is dead: %s\n", controller->name, strerror(-error));
        commands_end(controller, true);
        return;
    }
    for (struct disk *disk = controller->disks; disk; disk = disk->next)
        disk_commands_again(disk);
}

/* A dead one may be there again. */
static void revive(struct disk_controller *controller)
{
    int error = controller->driver->stop(controller);

    if (!error)
        error = controller->driver->restart(controller);
    if (!error)
        controller->health = DISKS_WORK;
}

static bool is_idle(const struct disk_controller *controller)
{
    for (const struct disk *disk = controller->disks; disk; disk = disk->next)
        if (!disk_is_idle(disk))
            return false;
    return true;
}

static void controller_task(void *arg)
{
    struct disk_controller *controller = arg;

    for (;;) {
        bool look = wait_for_work(controller);
        int fault = 0;

        if (controller->health != DISKS_DEAD) {
            controller->driver->take(controller);
            fault = look ? health_look(controller) : 0;
        } else if (look && controller->driver->patient) {
            revive(controller);
        }
        if (fault)
            reset(controller, fault);
        for (struct disk *disk = controller->disks; disk; disk = disk->next)
            disk_commands_go_on(disk);
        disk_controller_kick(controller);
        if (look && is_idle(controller))
            controller->looked_after = false; /* until the next request */
    }
}

int disk_controller_start(struct disk_controller *controller)
{
    return task_spawn(controller->name, controller_task, controller, 0) ? 0 : -ENOMEM;
}

static bool is_power_of_2(uint32_t n)
{
    return n && !(n & (n - 1));
}

static bool limits_good(const struct disk *disk)
{
    const struct block_limits *limits = &disk->block.limits;
    uint32_t size = limits->sector_size;

    return size >= BLOCK_SECTOR_SIZE && size <= PAGE_SIZE && is_power_of_2(size) &&
           limits->bytes >= size && !(limits->bytes % size) && limits->segments &&
           limits->segments <= BLOCK_MAX_SEGMENTS && disk->slots && disk->slots <= DISK_SLOTS_MAX;
}

/* The driver's disk, with all that it takes to be one.  -EINVAL, -ENOMEM, -EEXIST. */
static int disk_make(struct disk *disk, struct disk_controller *controller)
{
    struct block_device *block = &disk->block;
    int error;

    if (!limits_good(disk))
        return -EINVAL;
    block->sectors -= block->sectors % (block->limits.sector_size / BLOCK_SECTOR_SIZE);
    block->driver = &disk_requests;
    disk->controller = controller;
    error = disk_commands_make(disk);
    if (error)
        return error;
    error = block_device_register(block);
    if (error)
        disk_commands_free(disk);
    return error;
}

int disk_register(struct disk *disk, struct disk_controller *controller)
{
    struct block_device *block = &disk->block;
    struct disk **end = &controller->disks;
    int error = disk_make(disk, controller);

    if (error) {
        disk->slots = 0; /* whatever the device says of them */
        return error;
    }
    while (*end)
        end = &(*end)->next;
    *end = disk;
    error = partitions_scan(block);
    if (error)
        printf("%s: its partitions cannot be read: %s\n", block->name, strerror(-error));
    return 0;
}
