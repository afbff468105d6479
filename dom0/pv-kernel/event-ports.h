/*
 * Event ports: dom0's end of Xen's event channels, 2-level or, if asked for and there, FIFO.
 *
 * A port is got from the hypervisor, given a handler, and from then on each notification
 * calls the handler from the upcall with events masked.  A handler must be short, must not
 * sleep and must not call stdio or malloc; normally it wakes a wait queue and returns.
 * All functions: 0 or -errno.
 */
#ifndef PV_KERNEL_EVENT_PORTS_H
#define PV_KERNEL_EVENT_PORTS_H

#include "hypercall-abi/events.h"
#include <stdbool.h>
#include <stdint.h>

typedef void (*event_handler_t)(evtchn_port_t port, void *arg);

/* A port of domain `domid` (DOMID_SELF: ours) which `remote` may bind. */
int event_port_alloc_unbound(domid_t domid, domid_t remote, evtchn_port_t *port);
/* Our end of the unbound port `remote_port` of domain `remote`; it is pending once at birth. */
int event_port_bind_interdomain(domid_t remote, evtchn_port_t remote_port, evtchn_port_t *port);
/* The port on which virtual interrupt `virq` (VIRQ_*) arrives, on vCPU 0. */
int event_port_bind_virq(uint32_t virq, evtchn_port_t *port);
/* The port for physical interrupt `pirq` as physdev's map_pirq named it. */
int event_port_bind_pirq(uint32_t pirq, bool shared, evtchn_port_t *port);

/* Names the handler and unmasks the port.  Events which came before are not lost. */
void event_port_set_handler(evtchn_port_t port, event_handler_t handler, void *arg);
/*
 * The same for a port whose other end is not trusted: delivery masks the port, and the task that
 * looks after it opens it again before it looks, so a storm of events costs one delivery a look.
 */
void event_port_set_guest_handler(evtchn_port_t port, event_handler_t handler, void *arg);
void event_port_reopen(evtchn_port_t port);
/* Notifies the other end. */
int event_port_notify(evtchn_port_t port);
/* Takes the handler away, masks and closes the port. */
int event_port_close(evtchn_port_t port);

void event_port_mask(evtchn_port_t port);
void event_port_unmask(evtchn_port_t port);

/*
 * The critical section against handlers: saves whether events were masked, masks them; restore
 * puts the old state back and lets what came in between in.
 */
bool events_mask_save(void);
void events_mask_restore(bool was_masked);

/* Blocks the vCPU until an event is there; called with events masked, returns with them open. */
void events_block(void);
/* Called once at start, and by the entry code. */
void event_ports_start(void);
/* For many ports: changes to the FIFO format if the hypervisor has it, while all ports got so far
 * are among the first 512. */
void event_ports_use_fifo(void);
void event_ports_upcall(void);

#endif
