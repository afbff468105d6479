/* Making domains and their vCPUs. */
#ifndef LIFECYCLE_CREATE_H
#define LIFECYCLE_CREATE_H

#include "domain/domain.h"
#include "hypercall-abi/domctl.h"

/*
 * A domain with no memory, paused, its vCPUs down.  privileged: the control domain.
 * The caller owns no reference: find it by id.  -EEXIST, -ENOMEM, -EINVAL; nothing is left behind.
 */
int must_check domain_create(domid_t id, const struct xen_domctl_createdomain *config,
                             bool privileged, struct domain **out);

/* Gives a vCPU its first state.  -EEXIST if it has one, -EINVAL, -ERESTART. */
int must_check vcpu_initialise(struct vcpu *v, const struct vcpu_guest_context *c);

#endif
