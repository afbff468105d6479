/* Mapping and unmapping granted frames for the running domain. */
#ifndef GRANTS_MAP_H
#define GRANTS_MAP_H

#include "grants/grant-table.h"

/* Fills in the op's results.  -ERESTART: nothing is done yet. */
int must_check grant_map(struct vcpu *v, struct gnttab_map_grant_ref *op);

/* An unmapping in two steps: `begin` removes the mapping, `end` (after a TLB flush that covers
 * the whole batch) gives the grant back. */
struct grant_unmapping {
    struct domain *granter; /* the mapping's reference; NULL: nothing to end */
    grant_ref_t ref;
    uint64_t frame;
    bool write;
    bool was_mapped; /* translations of it may be in TLBs */
};
int must_check grant_unmap_begin(struct vcpu *v, struct gnttab_unmap_grant_ref *op,
                                 struct grant_unmapping *u);
/* The same; another mapping of the domain's takes the place of the host part. */
int must_check grant_replace_begin(struct vcpu *v, struct gnttab_unmap_and_replace *op,
                                   struct grant_unmapping *u);
void grant_unmap_end(struct grant_unmapping *u);

/* Gives back everything a dying domain has mapped.  -ERESTART. */
int must_check grants_release_all(struct domain *d);

#endif
