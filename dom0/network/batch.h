/*
 * A batch: what one task moves between two sleeps.  Copies of packets' bytes are gathered and made
 * by one hypercall at its end; then each port that was handed something in it finishes its part
 * (answers its guest, rings its NIC's bell).
 *
 * There is one batch, of whichever task runs: nothing that takes part in it sleeps before
 * batch_end.  A copy may be made earlier, when there are many.  What a copy reads and writes, and
 * its *error, have to stay until batch_end returns.
 */
#ifndef NETWORK_BATCH_H
#define NETWORK_BATCH_H

#include "devices/packet.h"
#include <stdbool.h>
#include <stdint.h>

/* Something to be called once at the batch's end, after its copies. */
struct batch_end {
    void (*end)(struct batch_end *end);
    struct batch_end *next;
    bool listed;
};

/*
 * Copies `bytes` of the packet from byte `from` on; the range lies in it.  *error stays what it is
 * if that works, and becomes -EIO if not.  The first also reads what it can at once.
 */
void batch_copy_to_local(void *to, const struct packet *packet, uint32_t from, uint32_t bytes,
                         int *error);
/* To a page another domain granted us; offset + bytes is at most 4096. */
void batch_copy_to_grant(domid_t domid, grant_ref_t ref, uint32_t offset,
                         const struct packet *packet, uint32_t from, uint32_t bytes, int *error);
/* How many there have been since the start: what a sender's round costs. */
uint64_t batch_copies(void);
/* Makes the copies gathered so far; what they read and wrote is free again. */
void batch_copy_now(void);
/*
 * Memory for a packet's first piece that is not the one it came with: BATCH_SCRATCH_BYTES, good
 * until somebody who has no packet at hand that uses some reserves anew, or the batch ends.  NULL:
 * there is none left.
 */
#define BATCH_SCRATCH_BYTES 256u
void *batch_scratch(void);
/* So many are there: if they are not, the copies are made, and all are free again. */
void batch_scratch_reserve(unsigned int wanted);
/* Has `end` called, once, however often it is listed before. */
void batch_at_end(struct batch_end *end);
/* A port goes: what it listed is not called any more. */
void batch_forget(struct batch_end *end);
/* Ends it; those called may copy, which is made before the next is called, and list others. */
void batch_end(void);

#endif
