/*
 * A queue is a chain of words in the guest's memory, from the control block's head on.  We only
 * ever add: the tail is kept here, the chain is never followed, and what the guest wrote into a
 * word decides about nothing but its own events.
 *
 * The guest takes the head off by clearing LINKED and the link of its word in one operation.  If
 * that was the tail, our tail is stale: linking something behind it fails, LINKED being clear, and
 * what comes next is a new head.  Setting the port's LINKED again would make a stale tail look
 * alive; so whoever does that looks first whether it is the tail of the queue it was on.
 */
#include "events/fifo.h"
#include "events/delivery.h"
#include "lib/atomic.h"
#include "lib/errno.h"

#define PENDING (1U << EVTCHN_FIFO_PENDING)
#define MASKED  (1U << EVTCHN_FIFO_MASKED)
#define LINKED  (1U << EVTCHN_FIFO_LINKED)
#define BUSY    (1U << EVTCHN_FIFO_BUSY)

_Static_assert(MAX_VCPUS_PER_DOMAIN <= 128, "a port's last_vcpu has seven bits");

static uint32_t *word_of(const struct fifo *fifo, evtchn_port_t number)
{
    return number < fifo->words
               ? &fifo->array[number / FIFO_WORDS_PER_PAGE][number % FIFO_WORDS_PER_PAGE]
               : NULL;
}

/*
 * Links a port behind the tail, if that is on its queue still.  While it is, the guest may set
 * and clear MASKED, clear PENDING and take it off; and with BUSY set it does not clear MASKED: so
 * four tries are enough.  A guest that does otherwise loses events of its own.
 */
static bool link_behind(uint32_t *tail, evtchn_port_t number)
{
    uint32_t word = read_once(*tail);

    for (unsigned tries = 0; tries < 5 && word & LINKED; tries++) {
        if (atomic_compare_exchange(tail, &word, (word & ~(BUSY | EVTCHN_FIFO_LINK_MASK)) | number))
            return true;
        if (!tries)
            word = atomic_or(tail, BUSY) | BUSY;
    }
    if (word & BUSY)
        atomic_and(tail, ~BUSY);
    return word & LINKED;
}

static void put_on_queue(struct domain *d, struct port *p, evtchn_port_t number, unsigned vcpu)
{
    struct fifo *fifo = d->ports->fifo;
    struct fifo_vcpu *to = &fifo->vcpus[vcpu];
    uint32_t *before = &fifo->vcpus[p->last_vcpu].tail[p->last_priority];
    uint32_t *tail = &to->tail[p->priority];

    if (*before == number)
        *before = 0;
    p->last_vcpu = vcpu & 127;
    p->last_priority = p->priority;
    if (!*tail || !link_behind(word_of(fifo, *tail), number)) {
        write_once(to->block->head[p->priority], number);
        if (!(atomic_or(&to->block->ready, 1U << p->priority) >> p->priority & 1))
            vcpu_notify(d->vcpus[vcpu]);
    }
    *tail = number;
}

void fifo_deliver_locked(struct domain *d, struct port *p, evtchn_port_t number, unsigned vcpu)
{
    struct fifo *fifo = d->ports->fifo;
    uint32_t *word = word_of(fifo, number), before;

    if (unlikely(!word)) {
        p->waits = true;
        return;
    }
    if (unlikely(!fifo->vcpus[vcpu].block))
        return; /* it is lost, as under Xen: a guest opens no port for such a vCPU */
    before = atomic_or(word, PENDING);
    if (!(before & MASKED) && !(atomic_or(word, LINKED) & LINKED))
        put_on_queue(d, p, number, vcpu);
    if (!(before & PENDING) && unlikely(ports_are_polled(d->ports)))
        pollers_wake(d, number);
}

void fifo_deliver(struct domain *d, struct port *p, evtchn_port_t number, unsigned vcpu)
{
    struct fifo *fifo = d->ports->fifo;

    spin_lock(&fifo->lock);
    fifo_deliver_locked(d, p, number, vcpu);
    spin_unlock(&fifo->lock);
}

void fifo_unmask(struct domain *d, struct port *p, evtchn_port_t number, unsigned vcpu)
{
    struct fifo *fifo = d->ports->fifo;
    uint32_t *word;

    spin_lock(&fifo->lock);
    word = word_of(fifo, number);
    if (word && atomic_and(word, ~MASKED) & PENDING)
        fifo_deliver_locked(d, p, number, vcpu);
    spin_unlock(&fifo->lock);
}

bool fifo_is_pending(struct fifo *fifo, evtchn_port_t number)
{
    uint32_t *word = word_of(fifo, number);

    return word && read_once(*word) & PENDING;
}

bool fifo_reset(struct fifo *fifo, struct port *p, evtchn_port_t number)
{
    uint32_t *word, before = 0;

    spin_lock(&fifo->lock);
    word = word_of(fifo, number);
    if (word)
        before = atomic_and(word, ~PENDING);
    p->waits = false;
    p->priority = EVTCHN_FIFO_PRIORITY_DEFAULT;
    spin_unlock(&fifo->lock);
    return !(before & LINKED);
}

int fifo_set_priority(struct domain *d, evtchn_port_t number, uint32_t priority)
{
    struct port *p;
    int r = 0;

    spin_lock(&d->ports->lock);
    p = port_find_locked(d->ports, number);
    if (!p)
        r = -EINVAL;
    else if (!d->ports->fifo)
        r = -ENOSYS;
    else if (p->state == PORT_FREE)
        r = -EACCES;
    else if (priority > EVTCHN_FIFO_PRIORITY_MIN)
        r = -EINVAL;
    if (!r) {
        spin_lock(&d->ports->fifo->lock);
        p->priority = priority & EVTCHN_FIFO_PRIORITY_MIN;
        spin_unlock(&d->ports->fifo->lock);
    }
    spin_unlock(&d->ports->lock);
    return r;
}
