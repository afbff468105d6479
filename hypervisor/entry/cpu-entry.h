/* Where a CPU enters the hypervisor: its SYSCALL stub and MSRs. */
#ifndef ENTRY_CPU_ENTRY_H
#define ENTRY_CPU_ENTRY_H

#include "lib/types.h"

/* Writes a CPU's stubs through `writable`; they will run at `address` and save the guest's stack
 * pointer in the CPU's frame, which is at `frame`. */
void cpu_entry_write_stubs(uint8_t *writable, uint64_t address, uint64_t frame);
/* Points this CPU's MSRs at its stubs. */
void cpu_entry_load(uint64_t address);

#endif
