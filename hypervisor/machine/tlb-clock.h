/*
 * The clock that tells whether a CPU has flushed its TLB since a frame changed its use.
 *
 * A frame that stops being writable (or a table) is stamped with the clock; every whole flush
 * first advances the clock and notes it for its CPU.  CPU c may still hold an entry for the frame
 * only if its noted value is not above the stamp.
 *
 * The clock has 64 bits and never wraps; a stamp keeps the lowest STAMP_BITS of it.  It is read as
 * the latest moment with those bits: one that is older than it looks costs a flush too many, and
 * never one too few.
 */
#ifndef MACHINE_TLB_CLOCK_H
#define MACHINE_TLB_CLOCK_H

#include "lib/atomic.h"
#include "lib/types.h"
#include "machine/cpu-set.h"

#ifdef HOST_TEST
#define STAMP_BITS 8 /* so that tests see it wrap */
#else
#define STAMP_BITS 32
#endif
#define STAMP_MASK ((1UL << STAMP_BITS) - 1)

extern uint64_t tlb_clock;

static inline uint32_t tlb_stamp(void)
{
    return (uint32_t)(atomic_load(&tlb_clock) & STAMP_MASK);
}

static inline uint64_t tlb_now(void)
{
    return atomic_load(&tlb_clock);
}

/* How many ticks before `now`, modulo the stamp's range, a stamp was taken that is not younger. */
static inline uint64_t tlb_stamp_age(uint32_t stamp, uint64_t now)
{
    return (now - stamp) & STAMP_MASK;
}

/* This CPU is about to flush everything. */
void tlb_note_flush(void);
/* Those CPUs of a set, or (NULL) of all, that may hold an entry for a frame stamped so.  False:
 * there are none. */
bool tlb_stale_cpus(const struct cpu_set *among, uint32_t stamp, struct cpu_set *stale);

#endif
