/* Translation caches: flushing here and elsewhere. */
#ifndef MACHINE_TLB_H
#define MACHINE_TLB_H

#include "lib/atomic.h"
#include "lib/types.h"
#include "machine/per-cpu.h"
#include "machine/registers.h"
#include "machine/tlb-clock.h"

/* Loads a root table (physical address); flushes everything but global entries. */
void root_load(uint64_t physical);
/* As root_load, without noting it as a flush: for the frequent switch between a guest's two
 * roots, where the note costs more than a spare flush now and then. */
static inline void root_switch(uint64_t physical)
{
    this_cpu()->root = physical;
    cr3_write(physical);
}

void tlb_flush_local(void);
/* Flush on all CPUs of a mask (bit per CPU, the caller's included); returns when all have. */
void tlb_flush_cpus(uint64_t mask);
void tlb_flush_page_cpus(uint64_t mask, uint64_t address);
/* As tlb_flush_cpus where `others` of the mask are no concern of the vCPU that causes it: it is
 * charged on its way out (scheduling/disturbance.c). */
static inline void tlb_flush_others(uint64_t mask, uint64_t others)
{
    struct cpu *cpu = this_cpu();

    tlb_flush_cpus(mask);
    if (!others)
        return;
    cpu->disturbed++;
    atomic_or(&cpu->deferred, DEFERRED_CHARGE);
}
#endif
