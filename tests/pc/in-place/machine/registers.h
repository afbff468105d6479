/*
 * In place of hypervisor/machine/registers.h: the same names, and what touches the machine goes to
 * the model (tests/pc/pc.h).  Host tests that want it have -Itests/pc/in-place before -Ihypervisor.
 */
#ifndef TESTS_PC_MACHINE_REGISTERS_H
#define TESTS_PC_MACHINE_REGISTERS_H

#define cpuid           real_cpuid
#define msr_read        real_msr_read
#define msr_write       real_msr_write
#define tsc_read        real_tsc_read
#define cpu_pause       real_cpu_pause
#define page_invalidate real_page_invalidate
#define port_inb        real_port_inb
#define port_inw        real_port_inw
#define port_inl        real_port_inl
#define port_outb       real_port_outb
#define port_outw       real_port_outw
#define port_outl       real_port_outl
#include_next "machine/registers.h"
#undef cpuid
#undef msr_read
#undef msr_write
#undef tsc_read
#undef cpu_pause
#undef page_invalidate
#undef port_inb
#undef port_inw
#undef port_inl
#undef port_outb
#undef port_outw
#undef port_outl

struct cpuid_leaf cpuid(uint32_t leaf, uint32_t subleaf);
uint64_t msr_read(uint32_t msr);
void msr_write(uint32_t msr, uint64_t value);
uint64_t tsc_read(void);
void cpu_pause(void);
void page_invalidate(uint64_t address);
uint8_t port_inb(uint16_t port);
uint16_t port_inw(uint16_t port);
uint32_t port_inl(uint16_t port);
void port_outb(uint16_t port, uint8_t value);
void port_outw(uint16_t port, uint16_t value);
void port_outl(uint16_t port, uint32_t value);

#endif
