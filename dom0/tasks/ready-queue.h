/*
 * Ready queues: whom a task has to serve, the first first.  Each stands in it at most once, so one
 * that makes itself ready again and again delays the others by one turn.
 *
 * All may be called from handlers and tasks; to sleep until somebody is there, see wait-queue.h.
 */
#ifndef TASKS_READY_QUEUE_H
#define TASKS_READY_QUEUE_H

#include <stdbool.h>
#include <stddef.h>

/* The first member of what is served; zeroes at the beginning. */
struct ready_entry {
    struct ready_entry *next;
    bool queued;
};

struct ready_queue {
    struct ready_entry *first, **last;
};

#define READY_QUEUE_INIT(queue) \
    {                           \
        NULL, &(queue).first    \
    }

/* Puts it at the end, if it is not in the queue. */
void ready_queue_add(struct ready_queue *queue, struct ready_entry *entry);
/* Takes the first out; NULL: there is none. */
struct ready_entry *ready_queue_take(struct ready_queue *queue);
/* Takes it out, wherever it is, if it is there. */
void ready_queue_remove(struct ready_queue *queue, struct ready_entry *entry);

#endif
