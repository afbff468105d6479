/* System time: nanoseconds since the hypervisor started, from the TSC.  Wall time from the RTC. */
#ifndef MACHINE_CLOCK_H
#define MACHINE_CLOCK_H

#include "lib/types.h"

/* How to turn TSC values into system time: the fields of vcpu_time_info. */
struct clock_scale {
    uint64_t tsc_start; /* TSC at system time 0 */
    uint32_t mul;
    int8_t shift;
};

extern struct clock_scale clock_scale;
extern uint64_t clock_tsc_khz;

/*
 * Clocks are measured several times and the median counts: below another hypervisor this CPU may
 * be stopped in the middle of a measurement.
 */
#define CLOCK_SAMPLES 5
uint64_t clock_median(uint64_t sample[CLOCK_SAMPLES]); /* sorts them */

/* Measures the TSC against the PIT; takes about 50 ms. */
void clock_init(void);
uint64_t clock_now(void);
uint64_t clock_to_tsc(uint64_t ns);
void clock_delay(uint64_t ns);

/* Seconds since 1970 and nanoseconds at system time 0. */
void clock_wall_base(uint64_t *seconds, uint32_t *nanoseconds);
/* It is `seconds` + `nanoseconds` at this system time. */
void clock_wall_set(uint64_t seconds, uint32_t nanoseconds, uint64_t system_time);

#endif
