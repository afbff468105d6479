/* Copies of half a page, timed.  See string-speed.h. */
#include "machine/string-speed.h"
#include "lib/bits.h"
#include "lib/log.h"
#include "machine/cpu-features.h"
#include "machine/registers.h"

#define BYTES 2048u
#define TRIES 8

static uint8_t from[BYTES] __attribute__((aligned(64))), to[BYTES] __attribute__((aligned(64)));

/* Behind LFENCE: what came before is through. */
static uint64_t cycles_now(void)
{
    __asm__ volatile("lfence" : : : "memory");
    return tsc_read();
}

static uint64_t by_bytes(void)
{
    uint64_t start = cycles_now(), n = BYTES;
    void *d = to;
    const void *s = from;

    __asm__ volatile("rep movsb" : "+D"(d), "+S"(s), "+c"(n) : : "memory");
    return cycles_now() - start;
}

static uint64_t by_words(void)
{
    uint64_t start = cycles_now(), n = BYTES / 8;
    void *d = to;
    const void *s = from;

    __asm__ volatile("rep movsq" : "+D"(d), "+S"(s), "+c"(n) : : "memory");
    return cycles_now() - start;
}

/* The shortest of some: what came in between is left out, and the first one warms the caches. */
static uint64_t shortest(uint64_t (*copy)(void))
{
    uint64_t best = copy();

    for (unsigned i = 0; i < TRIES; i++)
        best = min(best, copy());
    return best;
}

void string_speed_detect(void)
{
    uint64_t bytes = shortest(by_bytes), words = shortest(by_words);

    cpu_features.fast_byte_strings = string_bytes_pay(bytes, words);
    if (cpu_features.erms && !cpu_features.fast_byte_strings)
        log_info("strings: copying by bytes takes %lu times as long as by words: "
                 "guests are not told of ERMS",
                 bytes / max(words, (uint64_t)1));
}
