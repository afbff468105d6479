/*
 * The Internet checksum.  See checksum.h.
 *
 * One's complement sums do not care for byte order nor for the width of what is added (RFC 1071,
 * 2), so eight bytes are added at once as the processor reads them.
 */
#include "network/checksum.h"
#include <string.h>

static uint64_t add_with_carry(uint64_t sum, uint64_t word)
{
    sum += word;
    return sum + (sum < word);
}

/* Fewer than eight bytes, as if zeroes came behind them. */
static uint64_t rest_of(const uint8_t *at, size_t count)
{
    uint64_t word = 0;
    uint32_t four;

    if (count & 1)
        word = at[count - 1];
    if (count & 2)
        word = word << 16 | (uint64_t)at[(count & 4) + 1] << 8 | at[count & 4];
    if (count & 4) {
        memcpy(&four, at, sizeof(four));
        word = word << 32 | four;
    }
    return word;
}

uint32_t checksum_add(uint32_t start, const void *bytes, size_t count)
{
    const uint8_t *at = bytes;
    uint64_t sum = start, word;

    for (; count >= 8; count -= 8, at += 8) {
        memcpy(&word, at, 8);
        sum = add_with_carry(sum, word);
    }
    sum = add_with_carry(sum, rest_of(at, count));
    sum = (sum & UINT32_MAX) + (sum >> 32);
    return (uint32_t)((sum & UINT32_MAX) + (sum >> 32));
}

uint16_t checksum_end(uint32_t sum)
{
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}
