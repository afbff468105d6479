/* Validating and releasing whole tables. */
#ifndef GUEST_PAGING_WALK_H
#define GUEST_PAGING_WALK_H

#include "guest-paging/paging.h"

/* Finishes a pending walk.  The lock may be dropped meanwhile if preemptible.
 * -ERESTART (preemptible only): there is other work; the lock is still held. */
int must_check walk_finish_locked(struct domain *d, bool preemptible);

/* Takes a type reference of a table (the caller holds a use reference), validating it if it is
 * not.  0, -EINVAL, or -ERESTART. */
int must_check table_get_locked(struct domain *d, mfn_t m, unsigned level);
/* Drops a type and a use reference.  -ERESTART: nothing dropped yet.  A long release may be left
 * pending; it is finished by the next who takes the paging lock. */
int must_check table_put_locked(struct domain *d, mfn_t m, bool preemptible);
/* Starts validating a table whose use and type the caller has just claimed (-EAGAIN), and
 * finishes or fails.  Same results. */
int must_check table_promote_locked(struct domain *d, mfn_t m, unsigned level);

#endif
