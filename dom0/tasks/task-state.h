/*
 * Task state: what task.c, wait-queue.c and the timer list share; for the tasks folder only.
 */
#ifndef TASKS_TASK_STATE_H
#define TASKS_TASK_STATE_H

#include "tasks/task.h"
#include "tasks/wait-queue.h"

enum task_state {
    TASK_RUNNABLE, /* on the run queue, or the one that runs */
    TASK_WAITING,  /* on a wait queue and, with a deadline, on the timer list too */
    TASK_SLEEPING, /* on the timer list */
    TASK_ENDED     /* its memory is given back by the next task that runs */
};

struct task {
    void *stack_pointer; /* while it does not run */
    enum task_state state;
    struct task *queue_next;  /* on the run queue or a wait queue */
    struct wait_queue *queue; /* the one it waits on */
    struct task *timer_next;  /* on the timer list */
    uint64_t deadline;        /* there */
    bool on_timer_list;
    bool timed_out;
    struct task *all_next;
    void *stack; /* frames, NULL for the first task */
    unsigned int stack_order;
    void (*fn)(void *arg);
    void *arg;
    int stdio[3];
    char name[32];
    char libc_area[TASK_LIBC_AREA] __attribute__((aligned(16)));
};

/* Gives the CPU to the next runnable task; events masked, the caller's state set. */
void task_switch_away(void);
/* Makes it runnable; events masked. */
void task_make_runnable(struct task *task);
/* The timer list; events masked. */
void task_timer_add(struct task *task, uint64_t deadline);
void task_timer_remove(struct task *task);

#endif
