/*
 * Mutexes: needed only where a task holds something across a sleep.  Not recursive.  Who has
 * waited longest is the next owner: one who comes again at once does not keep the others out.
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
    if (m->owner)
        wait_queue_wait(&m->waiters); /* till it is ours */
    else
        m->owner = task_current();
}

static inline void mutex_unlock(struct mutex *m)
{
    m->owner = m->waiters.first;
    wait_queue_wake_one(&m->waiters);
}

#endif
