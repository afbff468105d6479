/* The life of the FIFO format: the frames it is given, the change to it and the end.  See fifo.h;
 * the queues are fifo-queues.c's. */
#include "events/fifo.h"
#include "domain/guest-frames.h"
#include "events/delivery.h"
#include "lib/atomic.h"
#include "lib/bits.h"
#include "memory/heap.h"

#define DELIVERIES 32 /* under one hold of the locks */

static size_t fifo_bytes(const struct domain *d)
{
    return sizeof(struct fifo) + d->max_vcpus * sizeof(struct fifo_vcpu);
}

/* What is pending in the other format will be, as soon as there is a word for it. */
static void bits_take_over(struct domain *d)
{
    struct event_ports *ports = d->ports;
    evtchn_port_t end = min(ports->limit, (uint32_t)MAX_PORTS);

    for (evtchn_port_t n = 1; n < end; n++) {
        struct port *p = port_find_locked(ports, n);

        if (!p) {
            n += PORTS_PER_PAGE - n % PORTS_PER_PAGE - 1;
            continue;
        }
        p->priority = EVTCHN_FIFO_PRIORITY_DEFAULT;
        p->last_priority = 0;
        p->last_vcpu = 0;
        p->waits |= bit_test(d->shared_info->evtchn_pending, n);
    }
}

static int switch_format_locked(struct domain *d)
{
    struct fifo *fifo = heap_allocate(fifo_bytes(d));
    int r = fifo ? event_ports_extend_locked(d->ports) : -ENOMEM;

    if (r) {
        heap_free(fifo, fifo_bytes(d));
        return r;
    }
    spin_lock(&fifo->lock);
    atomic_exchange(&d->ports->fifo, fifo); /* from here on others come to wait for the lock */
    bits_take_over(d);
    spin_unlock(&fifo->lock);
    return 0;
}

static int control_block_locked(struct domain *d, unsigned vcpu, void *block)
{
    struct fifo *fifo;
    int r = d->ports->closed ? -EINVAL : 0;

    if (!r && !d->ports->fifo)
        r = switch_format_locked(d);
    if (r)
        return r;
    fifo = d->ports->fifo;
    spin_lock(&fifo->lock);
    if (fifo->vcpus[vcpu].block)
        r = -EINVAL;
    else
        fifo->vcpus[vcpu].block = block;
    spin_unlock(&fifo->lock);
    return r;
}

/* A frame that will be written at any time. */
static int must_check frame_take(struct domain *d, uint64_t gfn, mfn_t *m)
{
    if (guest_frame_get_writable(d, gfn, m))
        return -EINVAL;
    frame_type_hold(*m);
    return 0;
}

int fifo_control_block(struct domain *d, unsigned vcpu, uint64_t gfn, uint32_t offset)
{
    mfn_t m;
    int r = frame_take(d, gfn, &m);

    if (r)
        return r;
    spin_lock(&d->ports->lock);
    r = control_block_locked(d, vcpu, (char *)frame_virt(m) + offset);
    spin_unlock(&d->ports->lock);
    if (r)
        guest_frame_put_written(d, m);
    return r;
}

static void some_waiting_deliver_locked(struct domain *d, evtchn_port_t first)
{
    struct fifo *fifo = d->ports->fifo;

    if (!fifo)
        return; /* forgotten meanwhile */
    spin_lock(&fifo->lock);
    for (evtchn_port_t n = first; n < min(first + DELIVERIES, fifo->words); n++) {
        struct port *p = port_find_locked(d->ports, n);

        if (p && p->state != PORT_FREE && p->waits) {
            p->waits = false;
            fifo_deliver_locked(d, p, n, p->notify_vcpu);
        }
    }
    spin_unlock(&fifo->lock);
}

/* Ports for which something came before their words did; a few at a time, as others send to them
 * meanwhile and wait for the locks. */
static void waiting_deliver(struct domain *d, evtchn_port_t first)
{
    for (evtchn_port_t n = first; n < first + FIFO_WORDS_PER_PAGE; n += DELIVERIES) {
        spin_lock(&d->ports->lock);
        some_waiting_deliver_locked(d, n);
        spin_unlock(&d->ports->lock);
    }
}

/* Their first port in *first. */
static int expand_locked(struct domain *d, uint32_t *words, evtchn_port_t *first)
{
    struct fifo *fifo = d->ports->fifo;

    if (!fifo)
        return -EOPNOTSUPP;
    *first = fifo->words;
    if (*first == EVTCHN_FIFO_NR_CHANNELS)
        return -ENOSPC;
    spin_lock(&fifo->lock);
    fifo->array[*first / FIFO_WORDS_PER_PAGE] = words;
    fifo->words += FIFO_WORDS_PER_PAGE;
    spin_unlock(&fifo->lock);
    return 0;
}

int fifo_expand(struct domain *d, uint64_t gfn)
{
    evtchn_port_t first;
    mfn_t m;
    int r;

    if (!read_once(d->ports->fifo))
        return -EOPNOTSUPP;
    r = frame_take(d, gfn, &m);
    if (r)
        return r;
    spin_lock(&d->ports->lock);
    r = expand_locked(d, frame_virt(m), &first);
    spin_unlock(&d->ports->lock);
    if (r)
        guest_frame_put_written(d, m);
    else
        waiting_deliver(d, first);
    return r;
}

static mfn_t frame_behind(const void *p)
{
    return virt_mfn((void *)((uint64_t)p & PAGE_MASK));
}

void fifo_free(struct domain *d, struct fifo *fifo)
{
    for (unsigned i = 0; i < d->max_vcpus; i++)
        if (fifo->vcpus[i].block)
            guest_frame_put_written(d, frame_behind(fifo->vcpus[i].block));
    for (unsigned i = 0; i < fifo->words / FIFO_WORDS_PER_PAGE; i++)
        guest_frame_put_written(d, frame_behind(fifo->array[i]));
    heap_free(fifo, fifo_bytes(d));
}

void fifo_tally(const struct domain *d, struct tally *t)
{
    const struct fifo *fifo = d->ports ? d->ports->fifo : NULL;

    if (!fifo)
        return;
    for (unsigned i = 0; i < d->max_vcpus; i++)
        if (fifo->vcpus[i].block)
            tally_add(t, frame_behind(fifo->vcpus[i].block), 1, 1);
    for (unsigned i = 0; i < fifo->words / FIFO_WORDS_PER_PAGE; i++)
        tally_add(t, frame_behind(fifo->array[i]), 1, 1);
}
