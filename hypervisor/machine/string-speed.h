/*
 * Whether the processor's byte-wise string instructions are as fast as CPUID says.
 *
 * A kernel that sees ERMS (enhanced REP MOVSB/STOSB; SDM volume 1, 7.3.9.3) or FSRM copies and
 * clears by bytes.  An emulator that shows the bits and does one byte at a time (QEMU's TCG) makes
 * each copy eight times as long as by words, so guests' kernels are shown them only where they are
 * true.
 */
#ifndef MACHINE_STRING_SPEED_H
#define MACHINE_STRING_SPEED_H

#include "lib/types.h"

/* Cycles for the same bytes, by REP MOVSB and by REP MOVSQ: more than twice as many are no gain. */
static inline bool string_bytes_pay(uint64_t by_bytes, uint64_t by_words)
{
    return by_bytes <= 2 * by_words;
}

/* Measures it, once, on the boot CPU: sets cpu_features.fast_byte_strings. */
void string_speed_detect(void);

#endif
