/*
 * An event channel port, and what may hang behind it.
 *
 *   free         not in use
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
#include "lib/atomic.h"

enum port_state { PORT_FREE, PORT_UNBOUND, PORT_INTERDOMAIN, PORT_VIRQ, PORT_IPI, PORT_PIRQ };

struct port {
    union {
        struct domain *remote; /* interdomain; referenced */
        domid_t peer;          /* unbound */
        uint32_t virq;
        uint32_t pirq;
    } u;
    evtchn_port_t remote_port; /* interdomain */
    uint8_t state;             /* enum port_state */
    uint8_t notify_vcpu;       /* the vCPU an event on it goes to */
    /* FIFO (fifo.c), guarded by its lock; they outlive the port's closing. */
    uint8_t priority : 4;
    uint8_t last_priority : 4; /* the queue it was put on last */
    uint8_t last_vcpu : 7;
    uint8_t waits : 1; /* pending, and there is no word for it yet */
};

#define PORTS_PER_PAGE (PAGE_SIZE / sizeof(struct port))
#define PORT_PAGES     (MAX_PORTS / PORTS_PER_PAGE)
#define PORT_PAGES_MAX (EVTCHN_FIFO_NR_CHANNELS / PORTS_PER_PAGE)

struct fifo;

struct event_ports {
    /* Guards the ports.  Two domains' at once: lower address first.  Above vcpu.state_lock. */
    struct spinlock lock;
    bool closed;           /* dying: nothing is bound any more */
    uint32_t limit;        /* ports below this number may be used; others look without the lock */
    uint32_t limit_wanted; /* the same if the format allowed it */
    uint32_t used;         /* ports that are not free */
    uint32_t lowest;       /* every port below this one is used */
    uint32_t looking;      /* where a search for a free port that was interrupted goes on, or 0 */
    uint32_t closing;      /* where a walk that closes all goes on, 1 at first; atomic */
    struct fifo *fifo;     /* NULL: the 2-level format.  Read without the lock, too */
    /* Pages of records, made as ports are used and kept; `first`, or a page of PORT_PAGES_MAX. */
    struct port **pages;
    struct port *first[PORT_PAGES];
    uint64_t polling[VCPU_WORDS]; /* vCPUs in SCHEDOP_poll, as bits; atomic */
};

/* Whether any vCPU polls that did before what the caller has just made pending. */
static inline bool ports_are_polled(const struct event_ports *ports)
{
    uint64_t any = 0;

    for (unsigned w = 0; w < VCPU_WORDS; w++)
        any |= read_once(ports->polling[w]);
    return any;
}

int must_check event_ports_create(struct domain *d, uint32_t limit);
void event_ports_destroy(struct domain *d);
/* For the FIFO format: the limit is what was wanted.  -ENOMEM. */
int must_check event_ports_extend_locked(struct event_ports *ports);

/* The port's record, or NULL for a number that cannot be; lock held. */
struct port *port_find_locked(struct event_ports *ports, evtchn_port_t number);
/* A free port, its flags cleared; port 0 is never given.  Its owner gives it a state.  -ENOSPC,
 * -ENOMEM; -ERESTART: there were many to look at, and the search goes on with the next call. */
int must_check port_allocate_locked(struct domain *d, evtchn_port_t *number);
void port_free_locked(struct domain *d, evtchn_port_t number);

#endif
