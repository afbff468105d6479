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

#endif
