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
    /* From here on another queue may have it (partner: disarm_locked). */
    atomic_store(&t->armed, false);
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

/* t->lock is held, so the queue it may be in stays the one it names. */
static void disarm_locked(struct timer *t)
{
    struct queue *q = &queues[t->cpu];

    /* timers_run takes it out without t->lock: it is done with the links once this is false. */
    if (!atomic_load(&t->armed))
        return;
    spin_lock(&q->lock);
    if (t->armed)
        remove_locked(q, t);
    spin_unlock(&q->lock);
}

void timer_stop(struct timer *t)
{
    if (!read_once(t->armed))
        return;
    spin_lock(&t->lock);
    disarm_locked(t);
    spin_unlock(&t->lock);
}

void timer_kill(struct timer *t)
{
    spin_lock(&t->lock);
    t->dead = true;
    disarm_locked(t);
    spin_unlock(&t->lock);
    /* timers_run sets `firing` before it lets go of the queue it took the timer from. */
    while (atomic_load(&t->firing))
        cpu_wait_step();
}

/* Puts a disarmed timer into its queue.  True: its CPU has to be told. */
static bool insert_locked(struct timer *t, uint64_t when)
{
    struct queue *q = &queues[t->cpu];
    bool first;

    spin_lock(&q->lock);
    write_once(t->when, min(when, TIMER_NEVER));
    write_once(t->armed, true);
    q->root = meld(q->root, t);
    first = q->root == t;
    if (first && t->cpu == this_cpu()->id)
        program(q);
    spin_unlock(&q->lock);
    return first && t->cpu != this_cpu()->id;
}

void timer_set(struct timer *t, unsigned cpu, uint64_t when)
{
    bool tell = false;

    spin_lock(&t->lock);
    disarm_locked(t);
    if (!t->dead) {
        t->cpu = (uint16_t)cpu;
        tell = insert_locked(t, when);
    }
    spin_unlock(&t->lock);
    if (tell)
        cpu_defer(cpu, DEFERRED_TIMERS);
}

void timers_run(void)
{
    struct queue *q = &queues[this_cpu()->id];
    uint64_t now =
        clock_now(); /* one reading: what a callback arms for now waits for the next run */
    struct timer *t;

    spin_lock(&q->lock);
    q->programmed = 0;
    while ((t = q->root) && t->when <= now) {
        atomic_add(&t->firing, 1);
        remove_locked(q, t);
        spin_unlock(&q->lock);
        t->fire(t);
        atomic_sub(&t->firing, 1); /* from here on it may be gone */
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
