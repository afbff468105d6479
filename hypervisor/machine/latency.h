/*
 * How long this CPU keeps interrupts off: the longest stretch since it was last asked for, what
 * it was entered for and where it ended.  Always on: entries note the TSC, exits compare.
 *
 * What lets interrupts in is the way out to a guest (entry/return.S), the idle loop, and
 * preempt_point().
 */
#ifndef MACHINE_LATENCY_H
#define MACHINE_LATENCY_H

#include "machine/clock.h"
#include "machine/per-cpu.h"
#include "machine/registers.h"

/* struct cpu.closed_for: a hypercall's number, or one of these. */
#define LATENCY_TRAP    0x1000U /* plus the vector: an exception or interrupt of a guest's time */
#define LATENCY_INSIDE  0x2000U /* plus the vector: an interrupt let in by the hypervisor */
#define LATENCY_UNKNOWN 0x3000U

struct latency {
    uint64_t cycles; /* of the TSC */
    uint64_t at;     /* a code address; 0: the way out to a guest */
    uint32_t entry;  /* as closed_for */
};

static inline void latency_begin(void)
{
    this_cpu()->closed_since = tsc_read();
}

static inline void latency_begin_for(uint32_t entry)
{
    struct cpu *cpu = this_cpu();

    cpu->closed_since = tsc_read();
    cpu->closed_for = entry;
}

static inline void latency_end(uint64_t at)
{
    struct cpu *cpu = this_cpu();
    uint64_t cycles = tsc_read() - cpu->closed_since;

    if (unlikely(cycles > cpu->closed_longest)) {
        cpu->closed_longest = cycles;
        cpu->closed_longest_at = at;
        cpu->closed_longest_for = cpu->closed_for;
    }
}

/* Whether interrupts have been off for so long that it is time for a preempt_point, between two
 * pieces of work of which each is short but not all together. */
static inline bool latency_is_due(void)
{
    return tsc_read() - this_cpu()->closed_since > clock_tsc_khz / 10; /* 100 us */
}

/* The longest of all CPUs; reset: start anew. */
void latency_longest(struct latency *out, bool reset);

#endif
