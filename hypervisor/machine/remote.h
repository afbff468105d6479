/* Short work on other CPUs, and wake-ups. */
#ifndef MACHINE_REMOTE_H
#define MACHINE_REMOTE_H

#include "lib/types.h"
#include "machine/cpu-set.h"

/* Runs fn(argument) on every CPU of the set, the caller's included, and waits for all.  May be
 * called with locks held: CPUs that wait for those locks answer.  Of a set that others change
 * meanwhile each word is read once. */
void remote_call(const struct cpu_set *cpus, void (*fn)(uint64_t), uint64_t argument);
/* Does what other CPUs ask of this one; for long work with interrupts off, whatever is locked. */
void remote_answer(void);
/* Makes a CPU look at its deferred marks. */
void remote_kick(unsigned cpu);
/* Sets marks of a CPU and makes it look at them. */
void cpu_defer(unsigned cpu, uint32_t marks);
/* Stops every other CPU between two operations, with no lock held, until cpus_unpark.
 * -ERESTART: somebody else is at it. */
int must_check cpus_park(void);
void cpus_unpark(void);
/* Where they are stopped: DEFERRED_PARK, on the way out. */
void cpu_stay_parked(void);
void remote_init(void);
/* Stops all other CPUs for good. */
void remote_stop_all(void);

#endif
