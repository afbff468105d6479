/*
 * Timers on system time, a queue per CPU.  A timer is armed and fires on one CPU; callbacks run on
 * the way out to a guest or from the idle loop, with no lock held.
 */
#ifndef MACHINE_TIMER_H
#define MACHINE_TIMER_H

#include "lib/types.h"

struct timer {
    uint64_t when; /* system time, ns */
    void (*fire)(struct timer *timer);
    struct timer *parent, *child, *next; /* pairing heap: first child, next sibling */
    uint16_t cpu;
    bool armed;
};

/* Arms, or re-arms, on a CPU. */
void timer_set(struct timer *timer, unsigned cpu, uint64_t when);
/* After this the timer will not fire, unless armed again. */
void timer_stop(struct timer *timer);
/* Fires what is due on this CPU and sets its hardware for the rest. */
void timers_run(void);
void timers_init(void);

#endif
