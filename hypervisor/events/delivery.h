/* Making a port pending, and the guest aware of it, in the format that the domain uses. */
#ifndef EVENTS_DELIVERY_H
#define EVENTS_DELIVERY_H

#include "events/port.h"

/* Sets the port pending and notifies `vcpu` unless it is masked.  The port cannot be closed
 * meanwhile: the caller holds the lock of one of its ends, or of the device behind it. */
void port_deliver(struct domain *d, evtchn_port_t number, unsigned vcpu);
/* Unmasks a port of the caller's; what is pending is delivered. */
void port_unmask_locked(struct domain *d, evtchn_port_t number, unsigned vcpu);
/* Whether somebody who polls for it need not wait; no lock held. */
bool port_is_pending(struct domain *d, evtchn_port_t number);
/* Nothing is pending on a port whose user changes.  False: the guest still has it on a queue, and
 * it can get no new user. */
bool port_reset(struct domain *d, struct port *p, evtchn_port_t number);

/* Makes a vCPU look at all its events. */
void vcpu_notify(struct vcpu *v);
/* Wakes vCPUs that poll for the port, which has just become pending. */
void pollers_wake(struct domain *d, evtchn_port_t number);

#endif
