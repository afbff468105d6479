/* The local APIC: SDM volume 3, chapter 11.  Memory mapped, or through MSRs (x2APIC). */
#ifndef MACHINE_LAPIC_H
#define MACHINE_LAPIC_H

#include "lib/types.h"

/* registers: the memory-mapped page; unused if the APIC is in x2APIC mode. */
void lapic_init(volatile void *registers);
/* Per CPU. */
void lapic_enable(void);
uint32_t lapic_id(void);
void lapic_eoi(void);
void lapic_send(uint32_t apic_id, unsigned vector);
void lapic_send_init(uint32_t apic_id);
void lapic_send_startup(uint32_t apic_id, unsigned page);
/* Calibrates the timer against the TSC clock (boot CPU, once the clock runs). */
void lapic_timer_calibrate(void);
/* Interrupt once at this system time; 0 stops. */
void lapic_timer_set(uint64_t when_ns);

#endif
