/*
 * Who owns frames: a list and a quota.  Domains embed one; this folder never hears of domains.
 */
#ifndef MEMORY_FRAME_OWNER_H
#define MEMORY_FRAME_OWNER_H

#include "lib/spinlock.h"
#include "machine/cpu-set.h"
#include "memory/frame.h"

#define OWNER_NONE 0 /* the hypervisor's own frames, and free ones */

struct frame_owner {
    uint16_t index;
    /* Guards the list and the counts.  Below the paging lock, above the allocator's. */
    struct spinlock lock;
    frame_link_t first;
    /* How far frame_owner_first has come: what lies before is released and only waits for its
     * last reference, so a teardown never looks at it again. */
    frame_link_t walk;
    frame_link_t look; /* and frame_owner_look */
    uint64_t count;    /* frames owned, shared ones not included */
    uint64_t limit;    /* it may not own more */
    /* Frames that have left, less the flushes it has paid for. */
    uint64_t let_go;
    bool closed; /* dying: gets no more frames */
    /* CPUs whose TLB may hold translations made by its tables.  Each sets its own bit before it
     * loads a root, and clears it after it has loaded another's; atomic, a bit at a time
     * (cpu-set.h). */
    struct cpu_set cpus;
    /* The last frame has gone; called without locks. */
    void (*emptied)(struct frame_owner *owner);
};

/* -ENOMEM if MAX_DOMAINS owners exist. */
int must_check frame_owner_register(struct frame_owner *owner, uint64_t limit);
void frame_owner_unregister(struct frame_owner *owner);

/*
 * Gives 2^order fresh, cleared frames (contiguous, below 2^address_bits bytes; 0: anywhere) to an
 * owner; each gets one reference, the allocation.  -ENOMEM: no memory; -E2BIG: over the limit.
 */
int must_check frame_owner_allocate(struct frame_owner *owner, unsigned order,
                                    unsigned address_bits, mfn_t *first);

/* Makes a frame of the hypervisor's (one from frames_allocate) mappable, read-write or read-only,
 * by one owner. */
void frame_share(struct frame_owner *owner, mfn_t m, bool writable);
/* Ends it: the frame is freed as soon as nobody maps it any more.  Until then the owner counts it
 * as its own. */
void frame_unshare(struct frame_owner *owner, mfn_t m);

/* Drops the allocation's reference; the frame is freed once the others are gone too.  -EINVAL if
 * it is not allocated to the owner (any more). */
int must_check frame_owner_release(struct frame_owner *owner, mfn_t m);

/* The same in two steps, for frames that go all or none: give_up takes one away and keeps it in
 * place until it is let go or taken back. */
int must_check frame_owner_give_up(struct frame_owner *owner, mfn_t m);
void frame_owner_take_back(mfn_t m);
void frame_owner_let_go(mfn_t m);

/* The next frame of an owner's list that is allocated or pinned, for a walk that may be
 * interrupted: takes a reference.  MFN_NONE at the end. */
mfn_t frame_owner_first(struct frame_owner *owner);

/*
 * Visits up to n frames, with the owner's lock held: from the beginning, or from where it stopped.
 * True: there are no more.  What comes meanwhile may be left out; there is one who looks at a time.
 */
bool frame_owner_look(struct frame_owner *owner, bool from_beginning, unsigned n,
                      void (*visit)(struct frame_owner *, mfn_t));

/* The CPUs on which translations by the tables of a frame's owner may be, as they change; NULL:
 * any. */
const struct cpu_set *frame_owner_cpus(const struct frame *f);

#endif
