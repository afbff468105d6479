/*
 * Wait queues.  Waking takes a task off the queue and makes it runnable; it never switches, so
 * handlers may do it.
 */
#include "tasks/wait-queue.h"
#include "tasks/task-state.h"
#include "pv-kernel/event-ports.h"
#include "hypercall-abi/errno.h"

static void queue_append(struct wait_queue *q, struct task *task)
{
    task->state = TASK_WAITING;
    task->queue = q;
    task->queue_next = NULL;
    if (q->first)
        q->last->queue_next = task;
    else
        q->first = task;
    q->last = task;
}

void wait_queue_wait(struct wait_queue *q)
{
    bool was = events_mask_save();

    queue_append(q, task_current());
    task_switch_away();
    events_mask_restore(was);
}

int wait_queue_wait_until(struct wait_queue *q, uint64_t deadline_ns)
{
    struct task *task = task_current();
    bool was = events_mask_save();

    task->timed_out = false;
    queue_append(q, task);
    task_timer_add(task, deadline_ns);
    task_switch_away();
    events_mask_restore(was);
    return task->timed_out ? -XEN_ETIMEDOUT : 0;
}

static void wake_first(struct wait_queue *q)
{
    struct task *task = q->first;

    q->first = task->queue_next;
    if (!q->first)
        q->last = NULL;
    task_timer_remove(task);
    task_make_runnable(task);
}

void wait_queue_wake_one(struct wait_queue *q)
{
    bool was = events_mask_save();

    if (q->first)
        wake_first(q);
    events_mask_restore(was);
}

void wait_queue_wake_all(struct wait_queue *q)
{
    bool was = events_mask_save();

    while (q->first)
        wake_first(q);
    events_mask_restore(was);
}
