/*
 * Timers on system time, a queue per CPU.  A timer is armed and fires on one CPU; callbacks run on
 * the way out to a guest or from the idle loop, with no lock held.
 */
#ifndef MACHINE_TIMER_H
#define MACHINE_TIMER_H

#include "lib/spinlock.h"
#include "lib/types.h"

struct timer {
    /* Makes taking it out of one queue and putting it into another one step: guards cpu, and who
     * may change armed.  Above the queues' locks. */
    struct spinlock lock;
    uint64_t when; /* system time, ns; guarded by the queue's lock, as what follows */
    void (*fire)(struct timer *timer);
    struct timer *parent, *child, *next; /* pairing heap: first child, next sibling */
    uint16_t cpu;
    bool armed;
    bool dead;       /* is never armed again */
    uint32_t firing; /* callbacks that run: two, if it was armed anew meanwhile; atomic */
};

/* Later than any machine runs, and small enough for every sum and conversion: 18 years, in ns. */
#define TIMER_NEVER (1UL << 59)

/* Arms, or re-arms, on a CPU.  A time beyond TIMER_NEVER stands for that. */
void timer_set(struct timer *timer, unsigned cpu, uint64_t when);
/* Disarms.  A callback that has begun may still run, and arm it again. */
void timer_stop(struct timer *timer);
/* Disarms for good, and waits for a callback that runs: then the timer may be freed.  Holds no
 * lock that the callback wants, and is not called by it. */
void timer_kill(struct timer *timer);
/* Fires what is due on this CPU and sets its hardware for the rest. */
void timers_run(void);
void timers_init(void);

#endif
