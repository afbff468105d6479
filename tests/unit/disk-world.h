/*
 * A model of a disk that takes only what it said it takes, its controller, and what the layer
 * between requests and drivers needs of dom0.
 */
#ifndef DISK_WORLD_H
#define DISK_WORLD_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "devices/disk.h"
#include "pv-kernel/clock.h"
#include "pv-kernel/event-ports.h"
#include "pv-kernel/frames.h"
#include "tasks/task.h"

#define SECOND  1000000000ULL
#define SECTORS 4096u
#define SLOTS   8u

/* Memory of users: what the disk's addresses are offsets in. */
#define MEMORY (1u << 20)
static uint8_t memory[MEMORY] __attribute__((aligned(4096)));
static uint8_t medium[SECTORS * 512];

static struct disk *disk, *other; /* of one controller */
static struct disk_controller *controller;
static uint64_t now;
static void (*task)(void *);
static jmp_buf idle;
static uint64_t until;

/* What was issued and is not answered. */
static struct {
    bool used;
    unsigned int count;
    struct block_segment segments[BLOCK_MAX_SEGMENTS];
} issued[2 * SLOTS];
static unsigned int issued_count, issues, kicks, stops, restarts, bounced_bytes;
static int look_says, stop_says, restart_says;
static int64_t bad_sector;

static uint8_t *at_address(uint64_t address)
{
    return (uint8_t *)(uintptr_t)address;
}

static void check_segments(const struct disk *of, const struct block_segment *segments,
                           unsigned int count, uint64_t bytes)
{
    const struct block_limits *limits = &of->block.limits;
    uint64_t total = 0;

    assert_in_range(count, 1, limits->segments);
    for (unsigned int i = 0; i < count; i++) {
        uint64_t end = segments[i].machine + segments[i].bytes;

        assert_true(segments[i].bytes);
        if (limits->address_end)
            assert_true(end <= limits->address_end);
        if (limits->boundary && i)
            assert_int_equal(segments[i].machine % limits->boundary, 0);
        if (limits->boundary && i + 1 < count)
            assert_int_equal(end % limits->boundary, 0);
        total += segments[i].bytes;
    }
    assert_int_equal(total, bytes);
    assert_int_equal(total % limits->sector_size, 0);
    assert_true(total <= limits->bytes);
}

static void issue(struct disk *of, unsigned int slot, const struct block_segment *segments,
                  unsigned int count)
{
    const struct disk_command *command = &of->commands[slot];
    unsigned int number = of->slot_base + slot;

    assert_true(slot < of->slots);
    assert_false(issued[number].used);
    if (command->operation == BLOCK_READ || command->operation == BLOCK_WRITE)
        check_segments(of, segments, count, command->sectors * 512);
    else
        assert_int_equal(count, 0);
    if (command->operation == BLOCK_DISCARD)
        assert_true(command->sectors <= of->block.limits.discard_sectors);
    if (command->fua)
        assert_true(of->block.limits.fua);
    issued[number].used = true;
    issued[number].count = count;
    memcpy(issued[number].segments, segments, count * sizeof(*segments));
    issued_count++;
    issues++;
}

static unsigned int flushes, zeroed, discarded, fuas;

static int command_runs(const struct disk *of, unsigned int slot)
{
    const struct disk_command *command = &of->commands[slot];
    unsigned int number = of->slot_base + slot;
    uint8_t *at = medium + command->sector * 512;

    if (command->operation != BLOCK_FLUSH)
        assert_true(command->sectors && command->sector + command->sectors <= SECTORS);
    if (bad_sector >= (int64_t)command->sector &&
        bad_sector < (int64_t)(command->sector + command->sectors))
        return -EIO;
    flushes += command->operation == BLOCK_FLUSH;
    discarded += command->operation == BLOCK_DISCARD;
    fuas += command->fua;
    if (command->operation == BLOCK_WRITE_ZEROES) {
        zeroed++;
        memset(at, 0, command->sectors * 512);
    }
    for (unsigned int i = 0; i < issued[number].count; i++) {
        const struct block_segment *s = &issued[number].segments[i];

        if (command->operation == BLOCK_READ)
            memcpy(at_address(s->machine), at, s->bytes);
        else
            memcpy(at, at_address(s->machine), s->bytes);
        at += s->bytes;
    }
    return 0;
}

static void answer(struct disk *of, unsigned int slot)
{
    int error = command_runs(of, slot);

    issued[of->slot_base + slot].used = false;
    issued_count--;
    disk_command_done(of, slot, error);
}

static void kick(struct disk_controller *c)
{
    (void)c;
    kicks++;
}

static unsigned int answers_a_take; /* in random order */
static unsigned int takes;
static bool talks;              /* the device always has something to say */
static bool ends_while_stopped; /* what is in slot 0 */

static void take(struct disk_controller *c)
{
    takes++;
    if (talks && takes < 1000)
        disk_controller_wake(c);
    if (c->health == DISKS_RESET) {
        if (ends_while_stopped)
            disk_command_done(disk, 0, 0);
        return;
    }
    for (unsigned int n = answers_a_take; n && issued_count; n--) {
        unsigned int slot = (unsigned int)rand() % SLOTS;

        while (!issued[slot].used)
            slot = (slot + 1) % (2 * SLOTS);
        answer(slot < SLOTS ? disk : other, slot % SLOTS);
    }
}

static int look(struct disk_controller *c)
{
    (void)c;
    return look_says;
}

static int stop(struct disk_controller *c)
{
    (void)c;
    stops++;
    for (unsigned int i = 0; i < 2 * SLOTS; i++)
        issued[i].used = false;
    issued_count = 0;
    return stop_says;
}

static int restart(struct disk_controller *c)
{
    (void)c;
    restarts++;
    look_says = 0;
    return restart_says;
}

static const struct disk_driver driver = {
    .issue = issue, .kick = kick, .take = take, .look = look, .stop = stop, .restart = restart
};

/* What the layer needs of dom0. */

struct task *task_spawn(const char *name, void (*fn)(void *), void *arg, size_t stack_bytes)
{
    (void)name;
    (void)arg;
    (void)stack_bytes;
    task = fn;
    return (struct task *)1;
}

void task_sleep_ns(uint64_t ns)
{
    now += ns;
}

void wait_queue_wait(struct wait_queue *q)
{
    (void)q;
    longjmp(idle, 1);
}

int wait_queue_wait_until(struct wait_queue *q, uint64_t deadline_ns)
{
    (void)q;
    if (deadline_ns > until)
        longjmp(idle, 1);
    now = now < deadline_ns ? deadline_ns : now;
    return -ETIMEDOUT;
}

void wait_queue_wake_all(struct wait_queue *q)
{
    (void)q;
}

static unsigned int yields;

void task_yield(void)
{
    yields++;
}

bool events_mask_save(void)
{
    return false;
}

void events_mask_restore(bool was_masked)
{
    (void)was_masked;
}

uint64_t clock_monotonic_ns(void)
{
    return now;
}

void *frames_alloc(unsigned int order)
{
    assert_int_equal(order, 0);
    return memory; /* its first page is nobody else's */
}

void frames_free(void *va, unsigned int order)
{
    (void)va;
    (void)order;
}

uint64_t frames_virt_to_machine(const void *va)
{
    return (uint64_t)va;
}

int partitions_scan(struct block_device *of)
{
    (void)of;
    return 0;
}

static void controller_runs(uint64_t time)
{
    until = time;
    if (!setjmp(idle))
        task(controller);
}

static void interrupt(void)
{
    disk_controller_wake(controller);
    controller_runs(now);
}

/* Users. */

struct user {
    struct block_request request;
    struct block_segment segments[BLOCK_MAX_SEGMENTS];
    unsigned int ended;
    int error;
};

static struct turn turn;

static void come(struct turn *of)
{
    (void)of;
}

static void request_done(struct block_request *request, int error)
{
    struct user *user = request->owner;

    user->ended++;
    user->error = error;
}

static int request_copy(struct block_request *request, uint64_t offset, void *buffer, size_t bytes,
                        bool to_buffer)
{
    struct block_cursor at = { 0 };
    uint8_t *theirs = buffer;

    bounced_bytes += (unsigned int)bytes;
    disk_cursor_skip(request, &at, offset);
    for (size_t i = 0; i < bytes; i++) {
        uint8_t *ours = at_address(request->segments[at.segment].machine + at.offset);

        *(to_buffer ? theirs + i : ours) = *(to_buffer ? ours : theirs + i);
        disk_cursor_skip(request, &at, 1);
    }
    return 0;
}

/* Disks and controllers stay registered: they are never given back. */
static void *made[8192];
static unsigned int made_count;

static void *make(size_t bytes)
{
    assert_true(made_count < sizeof(made) / sizeof(made[0]));
    return made[made_count++] = calloc(1, bytes);
}

static struct disk *disk_new(const struct block_limits *limits, unsigned int slots)
{
    static unsigned int number;
    struct disk *new = make(sizeof(*new));

    new->slots = slots;
    new->block.sectors = SECTORS;
    new->block.limits = *limits;
    snprintf(new->block.name, sizeof(new->block.name), "disk%u", number++);
    return new;
}

static const struct block_limits plain = {
    .sector_size = 512, .bytes = 65536, .segments = 16, .flush = true
};

static void world_new(const struct block_limits *limits, unsigned int slots)
{
    controller = make(sizeof(*controller));
    controller->name = "controller";
    controller->driver = &driver;
    memset(issued, 0, sizeof(issued));
    memset(&turn, 0, sizeof(turn));
    turn.come = come;
    issued_count = issues = kicks = stops = restarts = bounced_bytes = 0;
    flushes = zeroed = discarded = fuas = 0;
    look_says = stop_says = restart_says = 0;
    bad_sector = -1;
    answers_a_take = 1000;
    ends_while_stopped = false;
    assert_int_equal(disk_controller_start(controller), 0);
    disk = disk_new(limits, slots);
    assert_int_equal(disk_register(disk, controller), 0);
    other = NULL;
}

static void user_begin(struct user *user, enum block_operation operation)
{
    memset(user, 0, sizeof(*user));
    user->request.operation = operation;
    user->request.segments = user->segments;
    user->request.done = request_done;
    user->request.copy = request_copy;
    user->request.owner = user;
}

#endif
