/* Recounting every reference to a domain's frames. */
#ifndef LIFECYCLE_AUDIT_H
#define LIFECYCLE_AUDIT_H

#include "domain/domain.h"

/*
 * Compares the kept counts of each frame of d with what all domains' tables, pins, roots,
 * descriptor tables, moved vcpu_infos and grants in use account for: they must be equal.  The
 * whole machine stands still meanwhile, so this is for tests and doubt, not for every day.
 * -ERESTART, -ENOMEM.
 */
int must_check domain_audit(struct domain *d, uint64_t *frames, uint64_t *differences);

/* Of all domains at the price of one. */
struct audit_of_all {
    uint32_t count;
    uint16_t
        place[MAX_DOMAINS]; /* by the index of an owner of frames: one more than its place in */
    struct paravane_audit of[MAX_DOMAINS];
};
/* `all` comes cleared.  -ERESTART (nothing is in it then), -ENOMEM. */
int must_check domains_audit(struct audit_of_all *all);

#endif
