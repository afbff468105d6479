/*
 * The frequency of the TSC: told by the processor or by the hypervisor below, else measured against
 * the first timer that counts.  Which there are is the firmware's word (machine/acpi.h); none is
 * believed before it moved.
 */
#ifndef MACHINE_TSC_RATE_H
#define MACHINE_TSC_RATE_H

#include "lib/types.h"

/* Timers of known frequency that the firmware names. */
struct reference_timers {
    volatile uint8_t *hpet; /* its registers, or NULL */
    uint16_t pm_timer;      /* its I/O port, or 0 */
    bool pm_timer_32;       /* it has 32 bits, not 24 */
    bool pit;               /* the PIT may be there */
};

/*
 * A counter's value and the TSC at the same moment: of several readings the one that took the
 * least time, as below another hypervisor this CPU may be stopped between the two.
 */
struct counter_pair {
    uint64_t tsc;
    uint32_t count;
    uint64_t window; /* cycles the reading took */
};
struct counter_pair counter_pair_read(uint32_t (*counter)(void));

/* Hz, and in *source by whose word; 0: nothing tells.  Takes 10 to 100 ms if it has to measure. */
uint64_t tsc_rate_find(const struct reference_timers *timers, const char **source);

#endif
