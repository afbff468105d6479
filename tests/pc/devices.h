/* The model's devices: what pc.c hands accesses on to. */
#ifndef TESTS_PC_DEVICES_H
#define TESTS_PC_DEVICES_H

#include "pc.h"

uint32_t hpet_read(unsigned reg);
void hpet_write(unsigned reg, uint32_t value);
uint32_t vtd_read(unsigned reg);
void vtd_write(unsigned reg, uint32_t value);
uint32_t amd_iommu_read(unsigned reg);
void amd_iommu_write(unsigned reg, uint32_t value);
void ioapics_reset(void);
void *ioapic_page(uint64_t physical);
bool ioapic_at(const volatile void *at, unsigned *which, unsigned *offset);
uint32_t ioapic_read(unsigned which, unsigned offset);
void ioapic_write(unsigned which, unsigned offset, uint32_t value);
uint32_t pm_timer_in(void);
void pit_reset(void);
uint8_t pit_in(uint16_t port);
void pit_out(uint16_t port, uint8_t value);
uint8_t rtc_in(uint16_t port);
void rtc_out(uint8_t index);
void uarts_reset(void);
uint8_t uart_in(uint16_t port);
void uart_out(uint16_t port, uint8_t value);

void lapic_reset(void);
uint32_t lapic_read_memory(unsigned reg);
void lapic_write_memory(unsigned reg, uint32_t value);
/* False: it is none of the APIC's, or not in this mode. */
bool lapic_msr(uint32_t msr, uint64_t *value, bool write);

#endif
