/* Validating and releasing whole tables. */
#ifndef GUEST_PAGING_WALK_H
#define GUEST_PAGING_WALK_H

#include "guest-paging/paging.h"

/* Takes a type reference of a table (the caller holds a use reference), validating it if it is
 * not.  0, -EINVAL, or -ERESTART. */
int must_check table_get_locked(struct domain *d, mfn_t m, unsigned level);
/* Drops a type and a use reference.  A table that is none any more is released when the next walk
 * is finished, by whoever does. */
void table_put_locked(struct domain *d, mfn_t m);

/* Puts back what an interrupted promotion left and nobody came for. */
void walk_drop_result_locked(struct domain *d);

#endif
