/*
 * The machine's free memory: a buddy allocator over the frame table, one lock.
 */
#ifndef MEMORY_FRAME_ALLOCATOR_H
#define MEMORY_FRAME_ALLOCATOR_H

#include "memory/frame.h"

#define MAX_ORDER 18 /* 1 GiB */

/* Adds a range of RAM at boot.  scrub: it may hold what was there before. */
void frames_add(mfn_t first, uint64_t count, bool scrub);
/* 2^order contiguous, aligned frames below 2^address_bits bytes (0: anywhere); MFN_NONE if there
 * are none.  Contents are undefined unless cleared.  Above order 9 interrupts are let in on the
 * way: no lock may be held. */
mfn_t frames_allocate(unsigned order, unsigned address_bits, bool cleared);
void frames_free(mfn_t first, unsigned order);
uint64_t frames_free_count(void);
extern uint64_t frames_total;

/* Takes a frame off its owner's books when its last reference has gone (frame-owner.c). */
void frame_owner_forget(mfn_t m);

#endif
