/* Bit and bitmap operations: plain ones, and locked ones with a `_atomic` name. */
#ifndef LIB_BITS_H
#define LIB_BITS_H

#include "lib/types.h"

#define BIT(n) (1UL << (n))

/* Index of the lowest / highest set bit; the argument must not be 0. */
static inline unsigned bit_lowest(uint64_t x)
{
    return (unsigned)__builtin_ctzl(x);
}

static inline unsigned bit_highest(uint64_t x)
{
    return 63U - (unsigned)__builtin_clzl(x);
}

static inline unsigned bit_count(uint64_t x)
{
    unsigned n = 0;

    for (; x; x &= x - 1)
        n++;
    return n;
}

static inline bool bit_test(const volatile uint64_t *map, unsigned n)
{
    return (map[n / 64] >> (n % 64)) & 1;
}

/* Set or clear a bit that other CPUs or a guest may change too; the old value is returned.  The
 * compiler makes one locked BTS or BTR of each. */
static inline bool bit_test_and_set_atomic(volatile uint64_t *map, unsigned n)
{
    uint64_t bit = BIT(n % 64);

    return __atomic_fetch_or(&map[n / 64], bit, __ATOMIC_SEQ_CST) & bit;
}

static inline bool bit_test_and_clear_atomic(volatile uint64_t *map, unsigned n)
{
    uint64_t bit = BIT(n % 64);

    return __atomic_fetch_and(&map[n / 64], ~bit, __ATOMIC_SEQ_CST) & bit;
}

#endif
