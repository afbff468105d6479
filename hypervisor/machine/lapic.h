/* The local APIC: SDM volume 3, chapter 11.  Memory mapped, or through MSRs (x2APIC). */
#ifndef MACHINE_LAPIC_H
#define MACHINE_LAPIC_H

#include "lib/types.h"

/* Where the registers are: physical, below the processor's own limit. */
uint64_t lapic_address(void);
/* registers: the page there, mapped; unused if the APIC is in x2APIC mode.  lapic_id answers then.
 */
void lapic_init(volatile void *registers);
/* Per CPU. */
void lapic_enable(void);
/* NMIs come on this pin, 0 or 1, of this CPU's; lapic_enable masks both. */
void lapic_nmi_pin(unsigned lint, bool active_low);
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
