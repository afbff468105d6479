/*
 * Whether a CPU's TSC runs with the boot CPU's.  Guests' clocks and the scheduler take it for
 * granted (machine/clock.h): a CPU whose TSC differs is left out.
 */
#ifndef BOOT_TSC_CHECK_H
#define BOOT_TSC_CHECK_H

#include "lib/types.h"

/* How far a reading lies outside of two that were made before and after it: 0 if it fits. */
static inline uint64_t tsc_misfit(uint64_t before, uint64_t reading, uint64_t after)
{
    if ((int64_t)(reading - before) < 0)
        return before - reading;
    return (int64_t)(reading - after) > 0 ? reading - after : 0;
}

/* On the boot CPU, before any other starts: theirs may get its adjustment. */
void tsc_check_init(void);
/* Before a CPU is started.  adjusted: with the boot CPU's TSC_ADJUST, not its own.  Firmware's own
 * may be what makes it fit, or what keeps it from that: SDM volume 3, 17.17.3. */
void tsc_check_begin(bool adjusted);
/* The new CPU's part; returns only if its TSC fits. */
void tsc_check_answer(void);
/* The boot CPU's: waits up to 100 ms for the other one.  False: it does not come. */
bool must_check tsc_check_ask(uint64_t *cycles_apart);
/* Lets the new CPU go on, or stop for good. */
void tsc_check_verdict(bool fits);

#endif
