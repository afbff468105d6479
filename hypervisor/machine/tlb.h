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
void tlb_flush_page_local(uint64_t address);
/* Flush on all CPUs of a set, the caller's included; returns when all have. */
void tlb_flush_cpus(const struct cpu_set *cpus);
void tlb_flush_page_cpus(const struct cpu_set *cpus, uint64_t address);
/* As tlb_flush_cpus; `others`: some of them are no concern of the vCPU that causes it, and it is
 * charged on its way out (scheduling/disturbance.c). */
static inline void tlb_flush_others(const struct cpu_set *cpus, bool others)
{
    struct cpu *cpu = this_cpu();

    tlb_flush_cpus(cpus);
    if (!others)
        return;
    cpu->disturbed++;
    atomic_or(&cpu->deferred, DEFERRED_CHARGE);
}
#endif
