/*
 * What stands around an image: its task, which runs until it waits, and a disk below (ext-world.h)
 * that does what it is asked in any order.
 */
#ifndef TESTS_UNIT_IMAGE_WORLD_H
#define TESTS_UNIT_IMAGE_WORLD_H

#define EXT_WORLD_TASKS
#include "ext-world.h"

#include <fcntl.h>
#include <ucontext.h>

#include "libc/file-place.h"
#include "storage/image.h"
#include "tasks/task.h"

static struct file_system *fs;
static struct file_mount mount;
static struct image *image;
static struct block_device *device;

/* The image's task, which runs until it waits. */
static ucontext_t test_context, task_context;
static void (*task_function)(void *argument);
static void *task_argument;
static bool in_task, task_ended;

static void task_begin(void)
{
    task_function(task_argument);
    task_ended = true;
    in_task = false;
    setcontext(&test_context);
}

struct task *task_spawn(const char *name, void (*fn)(void *), void *arg, size_t stack_bytes)
{
    static char stack[1 << 20];

    (void)name;
    (void)stack_bytes;
    task_function = fn;
    task_argument = arg;
    task_ended = false;
    getcontext(&task_context);
    task_context.uc_stack.ss_sp = stack;
    task_context.uc_stack.ss_size = sizeof(stack);
    makecontext(&task_context, task_begin, 0);
    return (struct task *)&world;
}

static void task_runs(void)
{
    if (task_ended)
        return;
    in_task = true;
    swapcontext(&test_context, &task_context);
    in_task = false;
}

void wait_queue_wait(struct wait_queue *queue)
{
    (void)queue;
    assert_true(in_task);
    swapcontext(&task_context, &test_context);
}

void wait_queue_wake_one(struct wait_queue *queue)
{
    (void)queue;
}

void wait_queue_wake_all(struct wait_queue *queue)
{
    (void)queue;
}

int file_place_find(const char *path, struct file_place *place)
{
    mount.fs = fs;
    mount.users++;
    snprintf(place->whole, sizeof(place->whole), "%s", path);
    place->mount = &mount;
    place->path = place->whole;
    return 0;
}

void file_place_leave(struct file_place *place)
{
    place->mount->users--;
}

/* The disk below: what is asked waits, and is done in any order. */
static struct block_request *waiting[8];
static unsigned int waiting_count;
static struct turn *refused;

static void segments_move(const struct block_request *request)
{
    uint64_t sector = request->sector;

    for (unsigned int i = 0; i < request->segment_count; i++)
        for (uint32_t at = 0; at < request->segments[i].bytes; at += 512, sector++) {
            char *memory = (char *)(uintptr_t)request->segments[i].machine + at;
            static char both[SECTOR];

            block_device_read(&disk, sector & ~1ull, both, SECTOR);
            if (request->operation == BLOCK_READ) {
                memcpy(memory, both + (sector & 1) * 512, 512);
                continue;
            }
            memcpy(both + (sector & 1) * 512, memory, 512);
            block_device_write(&disk, sector & ~1ull, both, SECTOR);
        }
}

static int perform(const struct block_request *request)
{
    if (request->operation == BLOCK_FLUSH)
        return block_device_flush(&disk);
    segments_move(request);
    if (request->fua && !world.dead)
        block_device_flush(&disk);
    return world.dead ? -EIO : 0;
}

int block_device_do(struct block_device *on, struct block_request *request)
{
    assert_ptr_equal(on, &disk);
    wait_queue_wait(NULL); /* others go on meanwhile */
    return perform(request);
}

int block_device_submit(struct block_device *on, struct block_request *request, struct turn *turn)
{
    assert_ptr_equal(on, &disk);
    if (waiting_count == 8 || !dice(6)) {
        refused = turn;
        return -EAGAIN;
    }
    waiting[waiting_count++] = request;
    return 0;
}

static void one_is_done(void)
{
    unsigned int which = waiting_count ? dice(waiting_count) : 0;
    struct block_request *request = waiting[which];
    struct turn *turn = refused;

    if (waiting_count) {
        waiting[which] = waiting[--waiting_count];
        request->done(request, perform(request));
    }
    refused = NULL;
    if (turn)
        turn->come(turn);
}

void block_device_kick(struct block_device *on)
{
    (void)on;
}

void block_device_room(struct block_device *on)
{
    assert_ptr_equal(on, device);
}

#endif
