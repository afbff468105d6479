/* Using an entry of somebody's grant table: the entry is marked, the frame referenced. */
#ifndef GRANTS_CLAIM_H
#define GRANTS_CLAIM_H

#include "grants/grant-table.h"

/*
 * Claims entry `ref` of the granter for `user`.  Returns GNTST_*; on success *frame is the frame,
 * on which a use reference, and for writing a type reference, is held.
 */
int must_check grant_claim(struct domain *granter, domid_t user, grant_ref_t ref, bool write,
                           uint64_t *frame);
void grant_unclaim(struct domain *granter, grant_ref_t ref, bool write, uint64_t frame);

#endif
