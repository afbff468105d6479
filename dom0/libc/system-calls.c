/*
 * System calls: what newlib leaves to its host besides files (file-calls.c): time, sleep, and ends.
 */
#include "pv-kernel/clock.h"
#include "pv-kernel/kernel.h"
#include "tasks/task.h"
#include <sys/time.h>
#include <sys/times.h>
#include <unistd.h>

int gettimeofday(struct timeval *tv, void *zone)
{
    uint64_t now = clock_wall_ns();

    (void)zone;
    tv->tv_sec = (time_t)(now / 1000000000);
    tv->tv_usec = (suseconds_t)(now % 1000000000 / 1000);
    return 0;
}

clock_t times(struct tms *buffer)
{
    clock_t ticks = (clock_t)(clock_monotonic_ns() / (1000000000 / CLOCKS_PER_SEC));

    *buffer = (struct tms){ .tms_utime = ticks };
    return ticks;
}

unsigned int sleep(unsigned int seconds)
{
    task_sleep_ns((uint64_t)seconds * 1000000000);
    return 0;
}

int usleep(useconds_t microseconds)
{
    task_sleep_ns((uint64_t)microseconds * 1000);
    return 0;
}

pid_t getpid(void)
{
    return 1;
}

int kill(pid_t pid, int signal)
{
    (void)pid;
    kernel_panic("signal %d raised", signal);
}

void _exit(int status)
{
    kernel_panic("exit(%d) called", status);
}

void _init(void);
void _fini(void);

void _init(void)
{
}

void _fini(void)
{
}
