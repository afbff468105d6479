/*
 * Shared rings of split drivers.  One page holds two producer indices, two event thresholds and
 * a power-of-two array of slots, each a request or, later, its response.
 *
 * Indices run freely and wrap at 2^32; slot = index & (size - 1).  The consumer of an index never
 * trusts it: what the other side claims to have produced is bounded by the ring's size.
 * Protocol: io/ring.h of Xen's public headers.
 */
#ifndef HYPERCALL_ABI_RINGS_RING_H
#define HYPERCALL_ABI_RINGS_RING_H

#include "hypercall-abi/types.h"

struct ring_header {
    uint32_t req_prod;
    uint32_t req_event; /* notify when req_prod passes this */
    uint32_t rsp_prod;
    uint32_t rsp_event;
    uint8_t pad[48];
};

/* Slots of `slot_size` bytes that fit behind the header: the largest power of two. */
static inline uint32_t ring_slots(uint32_t ring_bytes, uint32_t slot_size)
{
    uint32_t fit = (ring_bytes - (uint32_t)sizeof(struct ring_header)) / slot_size;
    uint32_t slots = 1;

    while (slots * 2 <= fit)
        slots *= 2;
    return slots;
}

/* Whether moving a producer index from old to new passed the other side's event threshold. */
static inline int ring_must_notify(uint32_t event, uint32_t new_prod, uint32_t old_prod)
{
    return (uint32_t)(new_prod - event) < (uint32_t)(new_prod - old_prod);
}

#endif
