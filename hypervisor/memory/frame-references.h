/* Taking and dropping references to frames.  Lock free; every function may be called anywhere. */
#ifndef MEMORY_FRAME_REFERENCES_H
#define MEMORY_FRAME_REFERENCES_H

#include "memory/frame.h"
#include "memory/frame-owner.h"

/* A reference to a frame of this owner.  False: not RAM, not its owner, free, or counted out. */
bool must_check frame_get(mfn_t m, uint16_t owner);
/* Another reference where one is held already; false only if counted out. */
bool must_check frame_get_again(mfn_t m);
void frame_put(mfn_t m);

/*
 * Claims a use of a frame as `type` (TYPE_WRITABLE, TYPE_L1, ...); a use reference must be held.
 * When it returns, no TLB holds a translation from the frame's use as something else.
 *   0        counted; the type is validated
 *   -EAGAIN  counted, and it is the caller who must validate it: then frame_type_publish, or
 *            frame_type_retire if it is not fit (TYPE_WRITABLE never needs this)
 *   -EBUSY   used as something else, or somebody else is validating it
 * TYPE_WRITABLE | TYPE_FOREIGN: for the tables of another domain than the owner.
 */
int must_check frame_type_claim(mfn_t m, uint32_t type);
void frame_type_publish(mfn_t m);
/* Takes an unvalidated claim back. */
void frame_type_retire(mfn_t m);
/*
 * Drops one use as its type.  -EAGAIN: it was the last one of a page table, whose entries the
 * caller must now release before frame_type_retire.
 */
int must_check frame_type_put(mfn_t m);
/* Notes TYPE_HELD of a frame of which a TYPE_WRITABLE count is held: it stays noted until the last
 * count is gone, whoever has it. */
void frame_type_hold(mfn_t m);
/* For types without entries of their own. */
void frame_type_put_plain(mfn_t m);

/* A use and a TYPE_WRITABLE reference together: what it takes to write a frame on behalf of its
 * owner.  -EINVAL: not its frame; -EBUSY: in use as a table. */
int must_check frame_get_writable(mfn_t m, uint16_t owner);
void frame_put_writable(mfn_t m);

#endif
