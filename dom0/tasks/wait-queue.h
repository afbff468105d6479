/*
 * Wait queues: where tasks sleep until an event handler or another task wakes them.
 *
 * No wake-up is lost if the waiter tests its condition and waits with events masked:
 *
 *     bool was = events_mask_save();
 *     while (!condition)
 *         wait_queue_wait(&q);
 *     events_mask_restore(was);
 *
 * wait_queue_wait may be called masked or not; it opens events while asleep and restores the
 * caller's state.  A condition that only other tasks change needs no masking.
 */
#ifndef TASKS_WAIT_QUEUE_H
#define TASKS_WAIT_QUEUE_H

#include <stdint.h>

struct task;

struct wait_queue {
    struct task *first; /* in order of arrival */
    struct task *last;
};

#define WAIT_QUEUE_INIT \
    {                   \
        0, 0            \
    }

static inline void wait_queue_init(struct wait_queue *q)
{
    q->first = 0;
    q->last = 0;
}

/* Sleeps until woken. */
void wait_queue_wait(struct wait_queue *q);
/* Sleeps until woken (0) or until clock_monotonic_ns() reaches deadline_ns (-ETIMEDOUT). */
int wait_queue_wait_until(struct wait_queue *q, uint64_t deadline_ns);
/* Both may be called from handlers and tasks. */
void wait_queue_wake_one(struct wait_queue *q);
void wait_queue_wake_all(struct wait_queue *q);

#endif
