/*
 * Noise: the same anything each time (Marsaglia's xorshift).
 */
#ifndef HOSTILE_NOISE_H
#define HOSTILE_NOISE_H

#include <stddef.h>
#include <stdint.h>

static uint64_t noise_state = 88172645463325252ULL;

static inline uint32_t noise(void)
{
    noise_state ^= noise_state << 13;
    noise_state ^= noise_state >> 7;
    noise_state ^= noise_state << 17;
    return (uint32_t)(noise_state >> 16);
}

static inline uint32_t below(uint32_t n)
{
    return noise() % n;
}

static inline void noise_fill(void *to, size_t bytes)
{
    uint8_t *at = to;

    for (size_t i = 0; i < bytes; i++)
        at[i] = (uint8_t)noise();
}

#endif
