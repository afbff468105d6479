/* IO-APICs: interrupt lines by global system interrupt number (GSI). */
#ifndef MACHINE_IOAPIC_H
#define MACHINE_IOAPIC_H

#include "lib/types.h"

/* Adds an IO-APIC whose first line is gsi_base; registers is its mapped page. */
void ioapic_add(uint8_t id, uint64_t physical, volatile void *registers, unsigned gsi_base);
bool ioapic_has(unsigned gsi);
unsigned ioapic_gsi_limit(void);
/* Programs a line, masked. */
void ioapic_route(unsigned gsi, unsigned vector, uint32_t apic_id, bool level, bool active_low);
void ioapic_mask(unsigned gsi, bool masked);
/* A register for PHYSDEVOP_apic_read; -EINVAL if no IO-APIC is at that physical address. */
int ioapic_read_register(uint64_t physical, uint32_t reg, uint32_t *value);

#endif
