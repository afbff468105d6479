/*
 * What tests of disk drivers need of the machine: pages with machine addresses, a clock that moves
 * when somebody waits, the controllers' tasks, and users of disks with many requests.  Whoever
 * includes it says what the devices do meanwhile (devices_run).
 */
#ifndef TESTS_UNIT_DRIVE_WORLD_H
#define TESTS_UNIT_DRIVE_WORLD_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "devices/disk.h"
#include "devices/pci.h"
#include "pv-kernel/clock.h"
#include "pv-kernel/event-ports.h"
#include "pv-kernel/frames.h"
#include "tasks/task.h"

#define SECOND     1000000000ULL
#define PAGES      1024u
#define HIGH_PAGES 64u /* the last ones, whose machine addresses are above 4 GiB */
#define MACHINE    0x1000000ULL
#define HIGH       0x700000000ULL
#define TASKS      16u

static void devices_run(void);

static uint64_t now = SECOND, until;

/* Pages. */

static char arena[PAGES][PAGE_SIZE] __attribute__((aligned(4096)));
static bool page_used[PAGES];
static bool only_high; /* the machine has no low memory left */

void *frames_alloc(unsigned int order)
{
    assert_int_equal(order, 0);
    for (size_t i = only_high ? PAGES - HIGH_PAGES : 0;
         i < (only_high ? PAGES : PAGES - HIGH_PAGES); i++)
        if (!page_used[i]) {
            page_used[i] = true;
            memset(arena[i], 0, PAGE_SIZE);
            return arena[i];
        }
    return NULL;
}

void frames_free(void *va, unsigned int order)
{
    size_t page = (size_t)((char *)va - arena[0]) / PAGE_SIZE;

    (void)order;
    assert_true(page_used[page]);
    page_used[page] = false;
}

static unsigned int pages_used(void)
{
    unsigned int used = 0;

    for (size_t i = 0; i < PAGES; i++)
        used += page_used[i];
    return used;
}

uint64_t frames_virt_to_machine(const void *va)
{
    size_t at = (size_t)((const char *)va - arena[0]);

    assert_true(at < sizeof(arena));
    return at + (at / PAGE_SIZE < PAGES - HIGH_PAGES ? MACHINE : HIGH);
}

/* As a device reaches it. */
static void *memory_at(uint64_t machine, size_t bytes)
{
    uint64_t at = machine - (machine >= HIGH ? HIGH : MACHINE);

    assert_true(at < sizeof(arena) && bytes <= sizeof(arena) - at);
    return arena[0] + at;
}

/* Time, tasks, events. */

uint64_t clock_monotonic_ns(void)
{
    return now;
}

void task_sleep_ns(uint64_t ns)
{
    now += ns;
    devices_run();
}

static struct {
    void (*function)(void *);
    void *arg;
} tasks[TASKS];
static unsigned int task_count;
static jmp_buf idle;

struct task *task_spawn(const char *name, void (*fn)(void *), void *arg, size_t stack_bytes)
{
    (void)name;
    (void)stack_bytes;
    assert_true(task_count < TASKS);
    tasks[task_count].function = fn;
    tasks[task_count++].arg = arg;
    return (struct task *)1;
}

/* All tasks, each until it would wait for longer than that, and devices before each. */
static void tasks_run(uint64_t time)
{
    for (unsigned int i = 0; i < task_count; i++) {
        volatile unsigned int task = i;
        uint64_t start = now;

        devices_run();
        until = time;
        if (!setjmp(idle))
            tasks[task].function(tasks[task].arg);
        i = task;
        if (i + 1 < task_count)
            now = start;
    }
    now = now < time ? time : now;
}

static void a_while(void)
{
    for (int i = 0; i < 40; i++)
        tasks_run(now + 1000);
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

void task_yield(void)
{
}

bool events_mask_save(void)
{
    return false;
}

void events_mask_restore(bool was_masked)
{
    (void)was_masked;
}

int partitions_scan(struct block_device *disk)
{
    (void)disk;
    return 0;
}

/* Users. */

#define USERS 64u

static struct user {
    struct block_request request;
    struct block_segment segments[16];
    char *pages[16];
    int error, ended;
} users[USERS];
static struct turn turn;

static void user_done(struct block_request *request, int error)
{
    struct user *user = request->owner;

    user->error = error;
    user->ended++;
}

static void user_comes(struct turn *of)
{
    (void)of;
}

static int user_copy(struct block_request *request, uint64_t offset, void *buffer, size_t bytes,
                     bool to_buffer)
{
    for (size_t i = 0; i < bytes; i++, offset++) {
        char *at = (char *)memory_at(request->segments[offset / PAGE_SIZE].machine, PAGE_SIZE) +
                   offset % PAGE_SIZE;

        if (to_buffer)
            ((char *)buffer)[i] = *at;
        else
            *at = ((char *)buffer)[i];
    }
    return 0;
}

static struct block_device *disk_named(const char *name)
{
    for (struct block_device *device = block_devices_first(); device; device = device->next)
        if (!strcmp(device->name, name))
            return device;
    return NULL;
}

/* User n asks for so many pages, which hold `letter`.  What submitting answers. */
static int ask(unsigned int n, struct block_device *device, enum block_operation operation,
               uint64_t sector, unsigned int pages, char letter)
{
    struct user *user = &users[n];

    *user = (struct user){ .request = { .operation = operation,
                                        .sector = sector,
                                        .segment_count = pages,
                                        .segments = user->segments,
                                        .copy = user_copy,
                                        .done = user_done,
                                        .owner = user } };
    for (unsigned int i = 0; i < pages; i++) {
        user->pages[i] = frames_alloc(0);
        assert_non_null(user->pages[i]);
        memset(user->pages[i], letter, PAGE_SIZE);
        user->segments[i] =
            (struct block_segment){ frames_virt_to_machine(user->pages[i]), PAGE_SIZE };
    }
    turn = (struct turn){ .come = user_comes };
    memset(&device->turns, 0, sizeof(device->turns));
    return block_device_submit(device, &user->request, &turn);
}

static int ask_bare(unsigned int n, struct block_device *device, enum block_operation operation,
                    uint64_t sector, uint64_t sectors)
{
    users[n] = (struct user){ .request = { .operation = operation,
                                           .sector = sector,
                                           .sectors = sectors,
                                           .done = user_done,
                                           .owner = &users[n] } };
    turn = (struct turn){ .come = user_comes };
    memset(&device->turns, 0, sizeof(device->turns));
    return block_device_submit(device, &users[n].request, &turn);
}

static void users_leave(void)
{
    for (unsigned int n = 0; n < USERS; n++)
        for (unsigned int i = 0; i < users[n].request.segment_count; i++)
            frames_free(users[n].pages[i], 0);
    memset(users, 0, sizeof(users));
}

static bool holds(const struct user *user, char letter)
{
    for (unsigned int i = 0; i < user->request.segment_count; i++)
        for (size_t at = 0; at < PAGE_SIZE; at++)
            if (user->pages[i][at] != letter)
                return false;
    return true;
}

/* How many of the first n users have ended like that. */
static unsigned int count(unsigned int n, int error)
{
    unsigned int found = 0;

    for (unsigned int i = 0; i < n; i++)
        found += users[i].ended == 1 && users[i].error == error;
    return found;
}

#endif
