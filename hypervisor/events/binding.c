/* Ports and their ends.  Two connected ports change together, under both domains' locks. */
#include "events/binding.h"
#include "events/delivery.h"
#include "events/device-irq.h"
#include "events/fifo.h"
#include "lib/atomic.h"
#include "lib/bits.h"
#include "lib/errno.h"
#include "machine/interrupts.h"

/* Bound to one vCPU each; all other virtual interrupts are one per domain. */
static bool virq_is_per_vcpu(uint32_t virq)
{
    return virq == VIRQ_TIMER || virq == VIRQ_DEBUG || virq == VIRQ_XENOPROF || virq == VIRQ_XENPMU;
}

static void lock_both(struct event_ports *a, struct event_ports *b)
{
    if (a > b) {
        struct event_ports *t = a;

        a = b;
        b = t;
    }
    spin_lock(&a->lock);
    if (a != b)
        spin_lock(&b->lock);
}

static void unlock_both(struct event_ports *a, struct event_ports *b)
{
    spin_unlock(&a->lock);
    if (a != b)
        spin_unlock(&b->lock);
}

int port_alloc_unbound(struct domain *d, domid_t peer, evtchn_port_t *number)
{
    struct port *p;
    int r;

    spin_lock(&d->ports->lock);
    r = port_allocate_locked(d, number);
    if (!r) {
        p = port_find_locked(d->ports, *number);
        p->u.peer = peer;
        p->state = PORT_UNBOUND;
    }
    spin_unlock(&d->ports->lock);
    return r;
}

static int connect_locked(struct domain *d, struct domain *remote, evtchn_port_t remote_port,
                          evtchn_port_t *number)
{
    struct port *theirs = port_find_locked(remote->ports, remote_port), *ours;
    int r;

    if (!theirs || theirs->state != PORT_UNBOUND || theirs->u.peer != d->id)
        return -EINVAL;
    r = port_allocate_locked(d, number);
    if (r)
        return r;
    ours = port_find_locked(d->ports, *number);
    ours->u.remote = remote;
    ours->remote_port = remote_port;
    ours->state = PORT_INTERDOMAIN;
    theirs->u.remote = d;
    theirs->remote_port = *number;
    theirs->state = PORT_INTERDOMAIN;
    atomic_add(&remote->references, 1);
    atomic_add(&d->references, 1);
    /* The other side may have signalled before we were there. */
    port_deliver(d, *number, ours->notify_vcpu);
    return 0;
}

int port_bind_interdomain(struct domain *d, struct domain *remote, evtchn_port_t remote_port,
                          evtchn_port_t *number)
{
    int r;

    lock_both(d->ports, remote->ports);
    r = connect_locked(d, remote, remote_port, number);
    unlock_both(d->ports, remote->ports);
    return r;
}

int port_bind_virq(struct domain *d, uint32_t virq, uint32_t vcpu, evtchn_port_t *number)
{
    struct vcpu *v = vcpu_find(d, vcpu);
    struct port *p;
    int r;

    if (virq >= NR_VIRQS || (!virq_is_per_vcpu(virq) && vcpu))
        return -EINVAL;
    if (!v)
        return -ENOENT;
    spin_lock(&d->ports->lock);
    r = v->virq_port[virq] ? -EEXIST : port_allocate_locked(d, number);
    if (!r) {
        p = port_find_locked(d->ports, *number);
        p->u.virq = virq;
        p->notify_vcpu = (uint8_t)vcpu;
        p->state = PORT_VIRQ;
        v->virq_port[virq] = *number;
    }
    spin_unlock(&d->ports->lock);
    return r;
}

int port_bind_ipi(struct domain *d, uint32_t vcpu, evtchn_port_t *number)
{
    struct port *p;
    int r;

    if (!vcpu_find(d, vcpu))
        return -ENOENT;
    spin_lock(&d->ports->lock);
    r = port_allocate_locked(d, number);
    if (!r) {
        p = port_find_locked(d->ports, *number);
        p->notify_vcpu = (uint8_t)vcpu;
        p->state = PORT_IPI;
    }
    spin_unlock(&d->ports->lock);
    return r;
}

int port_bind_pirq(struct domain *d, uint32_t pirq, bool share, evtchn_port_t *number)
{
    struct port *p;
    int r;

    spin_lock(&d->ports->lock);
    r = port_allocate_locked(d, number);
    if (!r) {
        p = port_find_locked(d->ports, *number);
        p->u.pirq = pirq;
        p->state = PORT_PIRQ;
        r = device_irq_bind(d, pirq, share, *number);
        if (r)
            port_free_locked(d, *number);
    }
    spin_unlock(&d->ports->lock);
    return r;
}

int port_bind_vcpu(struct domain *d, evtchn_port_t number, uint32_t vcpu)
{
    struct port *p;
    int r = -EINVAL;

    if (!vcpu_find(d, vcpu))
        return -ENOENT;
    spin_lock(&d->ports->lock);
    p = port_find_locked(d->ports, number);
    if (p && (p->state == PORT_UNBOUND || p->state == PORT_INTERDOMAIN || p->state == PORT_PIRQ ||
              (p->state == PORT_VIRQ && !virq_is_per_vcpu(p->u.virq)))) {
        write_once(p->notify_vcpu, (uint8_t)vcpu);
        if (p->state == PORT_PIRQ)
            device_irq_set_vcpu(d, p->u.pirq, vcpu);
        r = 0;
    }
    spin_unlock(&d->ports->lock);
    return r;
}

/* Closes a port that is not connected to another one. */
static int close_single_locked(struct domain *d, struct port *p, evtchn_port_t number)
{
    struct vcpu *v;

    switch ((enum port_state)p->state) {
    case PORT_FREE:
        return -EINVAL;
    case PORT_VIRQ:
        for_each_vcpu(v, d)
            if (v->virq_port[p->u.virq] == number)
                v->virq_port[p->u.virq] = 0;
        break;
    case PORT_PIRQ:
        device_irq_unbind(d, p->u.pirq);
        break;
    case PORT_UNBOUND:
    case PORT_IPI:
    case PORT_INTERDOMAIN:
        break;
    }
    port_free_locked(d, number);
    return 0;
}

/* Both locks are held: the other end waits for somebody again. */
static void close_connected_locked(struct domain *d, struct port *p, evtchn_port_t number)
{
    struct domain *remote = p->u.remote;
    struct port *other = port_find_locked(remote->ports, p->remote_port);

    other->u.peer = d->id;
    other->state = PORT_UNBOUND;
    port_free_locked(d, number);
}

int port_close(struct domain *d, evtchn_port_t number)
{
    struct domain *remote = NULL;
    struct port *p;
    int r;

    for (;;) {
        if (remote)
            lock_both(d->ports, remote->ports);
        else
            spin_lock(&d->ports->lock);
        p = port_find_locked(d->ports, number);
        if (!p || p->state != PORT_INTERDOMAIN) {
            r = p ? close_single_locked(d, p, number) : -EINVAL;
            break;
        }
        if (remote && remote == p->u.remote) {
            close_connected_locked(d, p, number);
            unlock_both(d->ports, remote->ports);
            domain_put(remote); /* the connection's two references */
            domain_put(d);
            domain_put(remote); /* ours */
            return 0;
        }
        /* The remote's lock comes with the right order only after ours is dropped; then all
         * has to be looked at again. */
        if (remote) {
            unlock_both(d->ports, remote->ports);
            domain_put(remote);
            remote = NULL;
            continue;
        }
        remote = p->u.remote;
        atomic_add(&remote->references, 1);
        spin_unlock(&d->ports->lock);
    }
    if (remote) {
        unlock_both(d->ports, remote->ports);
        domain_put(remote);
    } else {
        spin_unlock(&d->ports->lock);
    }
    return r;
}

int port_send(struct domain *d, evtchn_port_t number)
{
    struct port *p, *other;
    struct domain *remote;
    int r = 0;

    spin_lock(&d->ports->lock);
    p = port_find_locked(d->ports, number);
    switch (p ? (enum port_state)p->state : PORT_FREE) {
    case PORT_INTERDOMAIN:
        /* Our lock keeps the connection; the number of its other end's vCPU may be stale by one
         * bind_vcpu, which only means the old vCPU gets the event. */
        remote = p->u.remote;
        other = port_find_locked(remote->ports, p->remote_port);
        port_deliver(remote, p->remote_port, read_once(other->notify_vcpu));
        break;
    case PORT_IPI:
        port_deliver(d, number, p->notify_vcpu);
        break;
    case PORT_UNBOUND:
        break; /* nobody there: the event is lost, as with a line nobody is at */
    default:
        r = -EINVAL;
    }
    spin_unlock(&d->ports->lock);
    return r;
}

int port_unmask(struct domain *d, evtchn_port_t number)
{
    struct port *p;
    int r = -EINVAL;

    spin_lock(&d->ports->lock);
    p = port_find_locked(d->ports, number);
    if (p && p->state != PORT_FREE) {
        port_unmask_locked(d, number, p->notify_vcpu);
        r = 0;
    }
    spin_unlock(&d->ports->lock);
    return r;
}

int port_status(struct domain *d, evtchn_port_t number, struct evtchn_status *out)
{
    static const uint32_t codes[] = { EVTCHNSTAT_closed, EVTCHNSTAT_unbound, EVTCHNSTAT_interdomain,
                                      EVTCHNSTAT_virq,   EVTCHNSTAT_ipi,     EVTCHNSTAT_pirq };
    struct port *p;

    if (number >= read_once(d->ports->limit))
        return -EINVAL;
    spin_lock(&d->ports->lock);
    p = port_find_locked(d->ports, number);
    out->status = p ? codes[p->state] : EVTCHNSTAT_closed;
    out->vcpu = p ? p->notify_vcpu : 0;
    if (p && p->state == PORT_UNBOUND)
        out->u.unbound.dom = p->u.peer;
    else if (p && p->state == PORT_INTERDOMAIN) {
        out->u.interdomain.dom = p->u.remote->id;
        out->u.interdomain.port = p->remote_port;
    } else if (p && p->state == PORT_VIRQ)
        out->u.virq = p->u.virq;
    else if (p && p->state == PORT_PIRQ)
        out->u.pirq = p->u.pirq;
    spin_unlock(&d->ports->lock);
    return 0;
}

/* With no port left a domain has the format it began with; -EAGAIN: its vCPUs made new ones. */
static int format_forget(struct domain *d)
{
    struct event_ports *ports = d->ports;
    struct fifo *fifo = NULL;
    int r = 0;

    spin_lock(&ports->lock);
    if (ports->used) {
        r = -EAGAIN;
    } else {
        fifo = ports->fifo;
        write_once(ports->fifo, NULL);
        write_once(ports->limit, min(ports->limit_wanted, (uint32_t)MAX_PORTS));
    }
    spin_unlock(&ports->lock);
    if (fifo)
        fifo_free(d, fifo);
    return r;
}

/* From here on nothing is bound, so that one walk finds all. */
static void ports_forbid(struct event_ports *ports)
{
    spin_lock(&ports->lock);
    if (!ports->closed)
        write_once(ports->closing, 1);
    ports->closed = true;
    spin_unlock(&ports->lock);
}

/* A walk that was interrupted goes on where it was: with free ports in between, too, it may take
 * thousands of looks. */
int ports_close_all(struct domain *d, bool dying)
{
    struct event_ports *ports = d->ports;

    if (dying)
        ports_forbid(ports);
    for (evtchn_port_t n = read_once(ports->closing); n < read_once(ports->limit); n++) {
        bool closed = false;

        if (read_once(read_once(ports->pages)[n / PORTS_PER_PAGE]))
            closed = !port_close(d, n);
        else
            n |= PORTS_PER_PAGE - 1; /* never used, any of them */
        if ((closed || n % PORTS_PER_PAGE == PORTS_PER_PAGE - 1) && preempt_point()) {
            write_once(ports->closing, n + 1);
            return -ERESTART;
        }
    }
    write_once(ports->closing, 1);
    return format_forget(d);
}

void virq_raise(struct vcpu *v, uint32_t virq)
{
    struct domain *d = v->domain;
    struct port *p;

    spin_lock(&d->ports->lock);
    p = v->virq_port[virq] ? port_find_locked(d->ports, v->virq_port[virq]) : NULL;
    if (p)
        port_deliver(d, v->virq_port[virq], p->notify_vcpu);
    spin_unlock(&d->ports->lock);
}

void virq_raise_global(uint32_t virq)
{
    if (control_domain && control_domain->vcpus[0])
        virq_raise(control_domain->vcpus[0], virq);
}
