/*
 * Binding, closing and sending: plain arguments, no registers, no guest memory.
 * All return 0 or -errno; permissions are checked by the caller.
 */
#ifndef EVENTS_BINDING_H
#define EVENTS_BINDING_H

#include "events/port.h"

/* A port of d's that only `peer` may bind to. */
int must_check port_alloc_unbound(struct domain *d, domid_t peer, evtchn_port_t *number);
/* -EINVAL: the remote port is not waiting for us. */
int must_check port_bind_interdomain(struct domain *d, struct domain *remote,
                                     evtchn_port_t remote_port, evtchn_port_t *number);
/* -EEXIST: this vCPU has it bound already (global ones: any vCPU). */
int must_check port_bind_virq(struct domain *d, uint32_t virq, uint32_t vcpu,
                              evtchn_port_t *number);
int must_check port_bind_ipi(struct domain *d, uint32_t vcpu, evtchn_port_t *number);
int must_check port_bind_pirq(struct domain *d, uint32_t pirq, bool share, evtchn_port_t *number);
/* -EINVAL: the port's kind is bound to its vCPU. */
int must_check port_bind_vcpu(struct domain *d, evtchn_port_t number, uint32_t vcpu);
int must_check port_close(struct domain *d, evtchn_port_t number);
int must_check port_send(struct domain *d, evtchn_port_t number);
int must_check port_unmask(struct domain *d, evtchn_port_t number);
int must_check port_status(struct domain *d, evtchn_port_t number, struct evtchn_status *out);
/* Closes every port, and the domain's format of events is 2-level again; dying: and allows no new
 * ones.  -ERESTART; -EAGAIN: there are new ones. */
int must_check ports_close_all(struct domain *d, bool dying);

/* Raises a virtual interrupt of one vCPU; of the control domain (global ones). */
void virq_raise(struct vcpu *v, uint32_t virq);
void virq_raise_global(uint32_t virq);

#endif
