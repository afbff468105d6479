/* Sets of the first CPUs as numbers, and back. */
#ifndef TESTS_MODEL_CPU_SETS_H
#define TESTS_MODEL_CPU_SETS_H

#include "machine/cpu-set.h"

static inline struct cpu_set set_of(uint64_t bits)
{
    struct cpu_set s = { { 0 } };

    for (; bits; bits &= bits - 1)
        cpu_set_add(&s, bit_lowest(bits));
    return s;
}

/* For an argument. */
#define SET_OF(bits) ((const struct cpu_set[]){ set_of(bits) })

static inline uint64_t cpus_in(const struct cpu_set *s)
{
    uint64_t bits = 0;

    for (unsigned i = 0; i < 64; i++)
        bits |= (uint64_t)cpu_set_has(s, i) << i;
    return bits;
}

#endif
