/*
 * Translation caches: flushing here and elsewhere, and the clock that tells whether a CPU has
 * flushed since a frame changed its use.
 *
 * A frame that stops being writable (or a table) is stamped with the clock; every whole flush
 * first advances the clock and notes it for its CPU.  CPU c may still hold an entry for the frame
 * only if its noted value is not above the stamp.
 */
#ifndef MACHINE_TLB_H
#define MACHINE_TLB_H

#include "lib/types.h"
#include "machine/per-cpu.h"
#include "machine/registers.h"

extern uint32_t tlb_clock;

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
/* Those CPUs of mask that may hold an entry for a frame stamped so. */
uint64_t tlb_stale_cpus(uint64_t mask, uint32_t stamp);

static inline uint32_t tlb_stamp(void)
{
    return *(volatile uint32_t *)&tlb_clock;
}

#endif
