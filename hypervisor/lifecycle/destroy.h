/* Undoing domains, in steps that may be interrupted. */
#ifndef LIFECYCLE_DESTROY_H
#define LIFECYCLE_DESTROY_H

#include "domain/domain.h"

void lifecycle_init(void);
/* Tears a domain down.  -ERESTART: call again. */
int must_check domain_destroy(struct domain *d);
/* The last of its frames has gone (frame_owner.emptied). */
void domain_emptied(struct frame_owner *owner);
/* Takes back a domain that could not be made. */
void domain_unmake(struct domain *d);

#endif
