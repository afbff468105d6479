/*
 * Clock: the hypervisor's paravirtual clock (vcpu_time_info, wall clock of shared_info) as
 * nanoseconds, and the one-shot timer.  Readable from any context.
 */
#ifndef PV_KERNEL_CLOCK_H
#define PV_KERNEL_CLOCK_H

#include <stdint.h>

/* Nanoseconds since the machine came up (the hypervisor's system time). */
uint64_t clock_monotonic_ns(void);
/* Nanoseconds since 1970, UTC. */
uint64_t clock_wall_ns(void);
/* Ticks of the time-stamp counter per second, as the hypervisor calibrated it. */
uint64_t clock_tsc_hz(void);
/* An event (VIRQ_TIMER) once clock_monotonic_ns() has reached `deadline`; one at a time. */
void clock_set_timer(uint64_t deadline);
/* Takes the timer back. */
void clock_stop_timer(void);
void clock_start(void);

#endif
