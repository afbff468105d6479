/* The parts of a domain, in the order they are made; undone in reverse. */
#ifndef LIFECYCLE_PARTS_H
#define LIFECYCLE_PARTS_H

#include "domain/domain.h"
#include "hypercall-abi/domctl.h"

int must_check parts_create(struct domain *d, const struct xen_domctl_createdomain *config);
void parts_destroy(struct domain *d);

#endif
