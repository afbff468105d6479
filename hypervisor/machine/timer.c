/*
 * A pairing heap per CPU: constant insertion, cheap removal, no allocation.  M. Fredman et al.,
 * "The pairing heap: a new form of self-adjusting heap", Algorithmica 1 (1986).
 */
#include "machine/timer.h"
#include "lib/atomic.h"
#include "lib/spinlock.h"
#include "machine/clock.h"
#include "machine/interrupts.h"
#include "machine/lapic.h"
#include "machine/per-cpu.h"
#include "machine/remote.h"

struct queue {
    /* Guards root and the links of the timers in it; below the scheduler's locks. */
    struct spinlock lock;
    struct timer *root;
    uint64_t programmed; /* what the hardware is set to, 0: nothing */
};

static struct queue queues[MAX_CPUS];

static struct timer *meld(struct timer *a, struct timer *b)
{
    struct timer *low, *high;

    if (!a || !b)
        return a ? a : b;
    low = a->when <= b->when ? a : b;
    high = low == a ? b : a;
    high->parent = low;
    high->next = low->child;
    low->child = high;
    return low;
}

/* Melds a list of siblings in pairs, then the pairs: this is what keeps the heap shallow. */
static struct timer *meld_siblings(struct timer *first)
{
    struct timer *pairs = NULL, *all = NULL, *a, *b, *rest;

    while (first) {
        a = first;
        b = a->next;
        rest = b ? b->next : NULL;
        a->next = a->parent = NULL;
        if (b)
            b->next = b->parent = NULL;
        a = meld(a, b);
        a->next = pairs;
        pairs = a;
        first = rest;
    }
    while (pairs) {
        a = pairs;
        pairs = a->next;
        a->next = NULL;
        all = meld(all, a);
    }
    return all;
}

static void remove_locked(struct queue *q, struct timer *t)
{
    struct timer **link, *below = meld_siblings(t->child);

    if (q->root == t) {
        q->root = below;
    } else {
        for (link = &t->parent->child; *link != t; link = &(*link)->next)
            ;
        *link = t->next;
        q->root = meld(q->root, below);
    }
    t->child = t->next = t->parent = NULL;
    t->armed = false;
}

/* Sets this CPU's hardware for the earliest timer. */
static void program(struct queue *q)
{
    uint64_t want = q->root ? max(q->root->when, (uint64_t)1) : 0;

    if (want == q->programmed)
        return;
    q->programmed = want;
    lapic_timer_set(want);
}

void timer_stop(struct timer *t)
{
    while (read_once(t->armed)) {
        struct queue *q = &queues[read_once(t->cpu)];

        spin_lock(&q->lock);
        if (t->armed && q == &queues[t->cpu])
            remove_locked(q, t);
        spin_unlock(&q->lock);
    }
}

void timer_set(struct timer *t, unsigned cpu, uint64_t when)
{
    struct queue *q = &queues[cpu];
    bool first;

    timer_stop(t);
    spin_lock(&q->lock);
    t->when = when;
    t->cpu = (uint16_t)cpu;
    t->armed = true;
    q->root = meld(q->root, t);
    first = q->root == t;
    if (first && cpu == this_cpu()->id)
        program(q);
    spin_unlock(&q->lock);
    if (first && cpu != this_cpu()->id)
        cpu_defer(cpu, DEFERRED_TIMERS);
}

void timers_run(void)
{
    struct queue *q = &queues[this_cpu()->id];
    struct timer *t;

    spin_lock(&q->lock);
    q->programmed = 0;
    while ((t = q->root) && t->when <= clock_now()) {
        remove_locked(q, t);
        spin_unlock(&q->lock);
        t->fire(t);
        spin_lock(&q->lock);
    }
    program(q);
    spin_unlock(&q->lock);
}

static void timer_interrupt(unsigned vector maybe_unused)
{
    lapic_eoi();
    atomic_or(&this_cpu()->deferred, DEFERRED_TIMERS);
}

void timers_init(void)
{
    interrupt_set_handler(VECTOR_TIMER, timer_interrupt);
}
