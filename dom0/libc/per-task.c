/*
 * Per task: newlib's reentrancy structure (errno, stdin, stdout, stderr) lives in each task, and
 * newlib's locks.
 *
 * Tasks give way only where they sleep, and newlib never sleeps but in read and write on the
 * console; so the locks only need to be real for a task that sleeps inside stdio.  They count
 * and yield.
 */
#include "libc/files.h"
#include "libc/libc.h"
#include "libc/ram-files.h"
#include "tasks/task.h"
#include <reent.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/lock.h>

_Static_assert(sizeof(struct _reent) + 8 <= TASK_LIBC_AREA, "TASK_LIBC_AREA is too small");

struct libc_area {
    struct _reent reent;
    int ready;
};

struct _reent *__getreent(void)
{
    struct libc_area *area = task_libc_area(task_current());

    if (!area->ready) {
        area->ready = 1;
        _REENT_INIT_PTR(&area->reent);
    }
    return &area->reent;
}

static void task_ends(struct task *task)
{
    struct libc_area *area = task_libc_area(task);

    if (!area->ready)
        return;
    fflush(stdout);
    fflush(stderr);
    _reclaim_reent(&area->reent);
}

struct __lock {
    struct task *owner;
    unsigned int depth;
};

struct __lock __lock___sinit_recursive_mutex;
struct __lock __lock___sfp_recursive_mutex;
struct __lock __lock___atexit_recursive_mutex;
struct __lock __lock___at_quick_exit_mutex;
struct __lock __lock___malloc_recursive_mutex;
struct __lock __lock___env_recursive_mutex;
struct __lock __lock___tz_mutex;
struct __lock __lock___dd_hash_mutex;
struct __lock __lock___arc4random_mutex;

/*
 * newlib makes a lock for each FILE and cannot be told that there is none, so they are not
 * malloc'ed; those beyond the pool share one, which only makes them wait for each other.
 */
#define LOCKS 256

static struct __lock lock_pool[LOCKS], shared_lock;
static bool lock_used[LOCKS];

void __retarget_lock_init_recursive(_LOCK_T *lock)
{
    size_t i = 0;

    while (i < LOCKS && lock_used[i])
        i++;
    *lock = i < LOCKS ? &lock_pool[i] : &shared_lock;
    if (i < LOCKS) {
        lock_used[i] = true;
        lock_pool[i] = (struct __lock){ 0 };
    }
}

void __retarget_lock_init(_LOCK_T *lock)
{
    __retarget_lock_init_recursive(lock);
}

void __retarget_lock_close_recursive(_LOCK_T lock)
{
    if (lock != &shared_lock)
        lock_used[lock - lock_pool] = false;
}

void __retarget_lock_close(_LOCK_T lock)
{
    __retarget_lock_close_recursive(lock);
}

int __retarget_lock_try_acquire_recursive(_LOCK_T lock)
{
    if (lock->depth && lock->owner != task_current())
        return 1;
    lock->owner = task_current();
    lock->depth++;
    return 0;
}

int __retarget_lock_try_acquire(_LOCK_T lock)
{
    return __retarget_lock_try_acquire_recursive(lock);
}

void __retarget_lock_acquire_recursive(_LOCK_T lock)
{
    while (__retarget_lock_try_acquire_recursive(lock))
        task_yield();
}

void __retarget_lock_acquire(_LOCK_T lock)
{
    __retarget_lock_acquire_recursive(lock);
}

void __retarget_lock_release_recursive(_LOCK_T lock)
{
    lock->depth--;
}

void __retarget_lock_release(_LOCK_T lock)
{
    lock->depth--;
}

void libc_start(void)
{
    tasks_set_exit_hook(task_ends);
    libc_memory_start();
    ram_files_start();
    files_start(&ram_files);
}
