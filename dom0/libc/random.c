/*
 * Random bits for secrets of this run: from the processor if it has some, and from the time.
 */
#include "libc/libc.h"

#include <cpuid.h>
#include <stdbool.h>

#define RDRAND_TRIES 10 /* Intel SDM volume 1, 7.3.17.1: as often it may fail */

static bool processor_has_random(void)
{
    unsigned int a, b, c = 0, d;

    return __get_cpuid(1, &a, &b, &c, &d) && c & bit_RDRND;
}

uint64_t random_bits(void)
{
    uint64_t bits = 0;
    bool good = false;

    if (processor_has_random())
        for (int i = 0; i < RDRAND_TRIES && !good; i++)
            __asm__ volatile("rdrand %0; setc %1" : "=r"(bits), "=qm"(good) : : "cc");
    /* The time too: what is left where there is no such instruction. */
    return (bits ^ __builtin_ia32_rdtsc()) * 0x9e3779b97f4a7c15u;
}
