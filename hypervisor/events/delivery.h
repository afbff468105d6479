/* Making a port pending, and the guest aware of it. */
#ifndef EVENTS_DELIVERY_H
#define EVENTS_DELIVERY_H

#include "events/port.h"

/* Sets the port pending and notifies `vcpu` unless it is masked.  Lock free. */
void port_deliver(struct domain *d, evtchn_port_t number, unsigned vcpu);
/* Unmasks a port of the caller's; what is pending is delivered. */
void port_unmask_locked(struct domain *d, evtchn_port_t number, unsigned vcpu);
/* Makes a vCPU look at all its events. */
void vcpu_notify(struct vcpu *v);

#endif
