/*
 * Tasks: cooperative threads of the one address space.  A task runs until it yields, sleeps,
 * waits or exits; only event handlers interrupt it.  So between two such calls a task needs no
 * locks against other tasks; against handlers it needs events_mask_save.
 */
#ifndef TASKS_TASK_H
#define TASKS_TASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct task;

#define TASK_STACK_DEFAULT (64u << 10)

/* A new runnable task; NULL if memory is short.  stack_bytes 0: TASK_STACK_DEFAULT. */
struct task *task_spawn(const char *name, void (*fn)(void *), void *arg, size_t stack_bytes);
/* Lets every other runnable task have a turn. */
void task_yield(void);
void task_sleep_ns(uint64_t ns);
/* Ends the calling task; returning from its function does the same. */
void task_exit(void) __attribute__((noreturn));
struct task *task_current(void);
const char *task_name(const struct task *task);

/*
 * The files that are this task's stdin, stdout and stderr (descriptors 0, 1, 2); a new task has
 * its parent's.  fd[i] is a descriptor of libc's; 0, 1, 2 mean the console.
 */
int *task_stdio(struct task *task);

/*
 * Room for libc's per-task state (struct _reent), zeroed at birth, and the function libc wants
 * called in a task that ends.
 */
#define TASK_LIBC_AREA 2560
void *task_libc_area(struct task *task);
void tasks_set_exit_hook(void (*hook)(struct task *task));

/* Prints each task's name and state through kprintf (for the shell's `ps`). */
void task_print_all(void);

/* Turns the calling context into the first task; called once. */
void tasks_start(void);

#endif
