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
/* No reading of any CPU's TSC was ever less than an earlier one of another's: said by who starts
 * the CPUs, before the first guest.  With it a guest's user mode may read the clock itself. */
extern bool clock_never_warps;

/* Starts system time; see machine/tsc-rate.h.  has_rtc: there may be one. */
struct reference_timers;
void clock_init(const struct reference_timers *timers, bool has_rtc);
uint64_t clock_now(void);
/* For times up to TIMER_NEVER (timer.h). */
uint64_t clock_to_tsc(uint64_t ns);
void clock_delay(uint64_t ns);

/* Seconds since 1970 and nanoseconds at system time 0. */
void clock_wall_base(uint64_t *seconds, uint32_t *nanoseconds);
/* It is `seconds` + `nanoseconds` at this system time. */
void clock_wall_set(uint64_t seconds, uint32_t nanoseconds, uint64_t system_time);

#endif
