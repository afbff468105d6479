/*
 * The instruction at a vCPU's rip, decoded.  A kernel has few places where it uses instructions
 * that are finished for it, and comes to them again and again: the last ones are kept with the
 * bytes they were decoded from.  Those are read at each call, and what an instruction is depends
 * on nothing else, so nothing that is kept can be out of date.
 */
#ifndef EMULATION_FETCH_H
#define EMULATION_FETCH_H

#include "domain/vcpu.h"
#include "guest-cpu/decode.h"

/* The bytes, with what follows them; beyond the end of a page, zeroes if there is nothing. */
struct decoded {
    uint64_t bytes[2];
    struct instruction instruction; /* length 0: nothing is kept here */
} __attribute__((aligned(64)));

#define DECODED_KEPT 8 /* by the lowest bits of rip */

/* What `struct vcpu.decoded` points to, and its size; cleared, it keeps nothing. */
#define DECODED_BYTES (DECODED_KEPT * sizeof(struct decoded))

/* NULL if it cannot be read, or is none that the decoder knows.  It stays as it is until the next
 * call for this vCPU. */
const struct instruction *instruction_at(struct vcpu *v, uint64_t rip);

#endif
