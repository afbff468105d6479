/* Counting every reference of a domain's frames from scratch. */
#ifndef GUEST_PAGING_AUDIT_H
#define GUEST_PAGING_AUDIT_H

#include "guest-paging/paging.h"

/*
 * Compares the kept counts of each frame of d with what its tables, pins, roots and descriptor
 * tables account for.  Frames other domains refer to may count more uses than are found here, but
 * never less.  -ERESTART, -ENOMEM.
 */
int must_check paging_audit(struct domain *d, uint64_t *frames, uint64_t *differences);

#endif
