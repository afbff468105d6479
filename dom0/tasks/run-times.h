/*
 * Run times: how long tasks run without giving way, always counted.
 *
 * All of dom0 waits for the task that runs: a disk's next request, a guest's store.  So none may
 * run for long; `tasks` in the shell shows what they did.  Time for which the hypervisor let
 * others run does not count.
 */
#ifndef TASKS_RUN_TIMES_H
#define TASKS_RUN_TIMES_H

#include <stdint.h>

#define RUN_TIMES_BUCKETS 7

struct run_times {
    uint64_t count[RUN_TIMES_BUCKETS]; /* below run_times_limits[i] ns, and not below the last */
    uint64_t longest;                  /* ns */
    char longest_task[32];
};

/* The last is UINT64_MAX. */
extern const uint64_t run_times_limits[RUN_TIMES_BUCKETS];

/* What was counted since the last clearing. */
const struct run_times *run_times_get(void);
void run_times_clear(void);

/* The scheduler's: a task gets the CPU; it gives way. */
void run_times_begin(void);
void run_times_end(const char *task);
void run_times_start(void);

#endif
