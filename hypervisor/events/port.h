/*
 * An event channel port, and what may hang behind it.
 *
 *   free         not in use
 *   reserved     belongs to a device interrupt being set up
 *   unbound      waits for `peer` to bind to it
 *   interdomain  connected to a port of another domain (or of the same)
 *   virq         a virtual interrupt
 *   ipi          sent by the domain to one of its own vCPUs
 *   pirq         a device's interrupt
 */
#ifndef EVENTS_PORT_H
#define EVENTS_PORT_H

#include "domain/domain.h"
#include "hypercall-abi/events.h"

enum port_state { PORT_FREE, PORT_UNBOUND, PORT_INTERDOMAIN, PORT_VIRQ, PORT_IPI, PORT_PIRQ };

struct port {
    uint8_t state;       /* enum port_state */
    uint8_t notify_vcpu; /* the vCPU an event on it goes to */
    union {
        struct {
            domid_t peer;
        } unbound;
        struct {
            struct domain *remote; /* referenced */
            evtchn_port_t port;
        } interdomain;
        uint32_t virq;
        uint32_t pirq;
    } u;
};

#define PORTS_PER_PAGE (PAGE_SIZE / sizeof(struct port))
#define PORT_PAGES     ((MAX_PORTS + PORTS_PER_PAGE - 1) / PORTS_PER_PAGE)

struct event_ports {
    /* Guards the ports.  Two domains' at once: lower address first.  Above vcpu.state_lock. */
    struct spinlock lock;
    bool closed;    /* dying: nothing is bound any more */
    uint32_t limit; /* ports below this number may be used */
    struct port *pages[PORT_PAGES];
    uint64_t polling; /* vCPUs in SCHEDOP_poll, as bits; atomic */
};

int must_check event_ports_create(struct domain *d, uint32_t limit);
void event_ports_destroy(struct domain *d);

/* The port's record, or NULL for a number that cannot be; lock held. */
struct port *port_find_locked(struct event_ports *ports, evtchn_port_t number);
/* A free port, its flags cleared; port 0 is never given.  -ENOSPC, -ENOMEM. */
int must_check port_allocate_locked(struct domain *d, evtchn_port_t *number);
void port_free_locked(struct domain *d, evtchn_port_t number);

#endif
