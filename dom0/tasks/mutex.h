/*
 * Mutexes: needed only where a task holds something across a sleep.  Not recursive.
 */
#ifndef TASKS_MUTEX_H
#define TASKS_MUTEX_H

#include "tasks/task.h"
#include "tasks/wait-queue.h"

struct mutex {
    struct task *owner;
    struct wait_queue waiters;
};

#define MUTEX_INIT         \
    {                      \
        0, WAIT_QUEUE_INIT \
    }

static inline void mutex_lock(struct mutex *m)
{
    while (m->owner)
        wait_queue_wait(&m->waiters);
    m->owner = task_current();
}

static inline void mutex_unlock(struct mutex *m)
{
    m->owner = 0;
    wait_queue_wake_one(&m->waiters);
}

#endif
