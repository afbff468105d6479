/*
 * Promotion visits a table's entries in order and takes their references; a table below that is
 * not validated yet is visited first, on an explicit stack of at most four.  Demotion visits them
 * backwards and drops what they hold.  A promotion that meets a bad entry turns into the demotion
 * of what it has done so far.
 *
 * The rules that let a walk stop between two entries, drop the lock, and be finished by anybody:
 *
 *   1. All progress is in struct paging.  Nobody operates on tables while anything is pending:
 *      paging_lock() and paging_settle_locked() finish it first.
 *   2. Giving a reference back never walks: a table that loses its last one is put down in
 *      `release`, not validated any more, and its entries are released as in rule 1.
 *   3. A promotion has a ticket.  It ends in `result`, with a type and a use reference of the
 *      table if it went well.  Who started it takes them by the ticket; who was interrupted and
 *      calls again takes them by frame and level: they are worth the same to whoever wants just
 *      these.  Who wants others puts them back (rule 2).
 */
#include "guest-paging/walk.h"
#include "guest-paging/entry-references.h"
#include "guest-paging/entry-rules.h"
#include "guest-paging/mirrors.h"
#include "lib/atomic.h"
#include "lib/bug.h"
#include "lib/errno.h"
#include "machine/interrupts.h"
#include "machine/latency.h"
#include "machine/remote.h"
#include "memory/frame-references.h"
#include "memory/hypervisor-mappings.h"

#define WALK_AT_ONCE 8 /* present entries without a look at the time */

static void walk_push(struct table_walk *w, mfn_t table, unsigned level, unsigned index)
{
    w->step[w->depth++] = (struct walk_step){ table, (uint16_t)index, (uint8_t)level };
}

static void walk_start(struct table_walk *w, enum walk_state state, uint64_t ticket)
{
    w->state = state;
    w->error = 0;
    w->ticket = ticket;
    w->depth = 0;
}

static pte_t entry_at(const struct walk_step *s)
{
    return read_once(((pte_t *)frame_virt(s->table))[s->index]);
}

/* The entry has its references: put its adjusted form in and go on behind it. */
static void entry_done(struct walk_step *s)
{
    pte_t *e = (pte_t *)frame_virt(s->table) + s->index;
    pte_t now = read_once(*e), adjusted = entry_adjust(now);

    /* The table is read-only for the guest and not loaded anywhere: a plain store will do.  A CPU
     * that has it from an earlier life in its TLB loses an accessed bit at most. */
    if (now != adjusted)
        write_once(*e, adjusted);
    s->index++;
}

/* Acquires from s->index on.  0: whole table done; -EAGAIN: a table below comes first; -ERESTART:
 * enough for now.  One entry may cost a flush of other CPUs' TLBs. */
static int promote_entries(struct domain *d, struct walk_step *s)
{
    const pte_t *table = frame_virt(s->table);
    unsigned left = WALK_AT_ONCE;
    int r;

    while (s->index < PT_ENTRIES) {
        pte_t e = read_once(table[s->index]);

        if (!(e & PTE_P) || slot_is_hypervisor(s->level, s->index)) {
            s->index++;
            continue;
        }
        if (!entry_is_allowed(s->level, e, d->privileged))
            return -EINVAL;
        r = s->level == 1 ? l1_entry_acquire(d, d, e) : table_entry_acquire(d, s->level, e);
        if (r)
            return r;
        entry_done(s);
        if (!--left) {
            if (latency_is_due())
                return -ERESTART;
            left = WALK_AT_ONCE;
        }
    }
    return 0;
}

static void promote_step(struct domain *d, struct table_walk *w)
{
    struct walk_step *s = &w->step[w->depth - 1];
    int r = promote_entries(d, s);

    if (r == -ERESTART)
        return;
    if (r == -EAGAIN) {
        pte_t e = entry_at(s);

        walk_push(w, pte_mfn(e), s->level - 1U, 0);
        return;
    }
    if (r) {
        domain_log(d, "L%u table %lx: entry %u (%lx) may not be there", s->level, s->table.n,
                   s->index, entry_at(s));
        frame_written(d, s->table); /* those before it were adjusted, perhaps */
        w->error = r;
        w->state = WALK_DEMOTE; /* undo from here backwards */
        return;
    }
    if (s->level == 4)
        root_table_fill(frame_virt(s->table));
    frame_type_publish(s->table);
    frame_written(d, s->table); /* entries were adjusted, perhaps */
    w->depth--;
    if (w->depth)
        entry_done(&w->step[w->depth - 1]);
    else
        d->paging->result = (struct walk_result){ w->ticket, 0, s->table, s->level };
}

/* A table that is about to be released from its end: nothing leads to it any more. */
static void demote_push(struct domain *d, struct table_walk *w, mfn_t table, unsigned level)
{
    if (unlikely(d->paging->mirrored))
        mirror_drop(d, table);
    walk_push(w, table, level, PT_ENTRIES);
}

/* Releases backwards to 0.  -EAGAIN: the table under the entry at s->index comes first. */
static int demote_entries(struct walk_step *s)
{
    while (s->index > 0) {
        pte_t e;

        s->index--;
        if (s->index % ANSWER_EVERY == 0)
            remote_answer(); /* who flushes TLBs has others wait behind it */
        e = entry_at(s);
        if (!(e & PTE_P) || slot_is_hypervisor(s->level, s->index))
            continue;
        if (s->level == 1)
            l1_entry_release(e);
        else if (table_entry_release(e))
            return -EAGAIN;
    }
    return 0;
}

static void demote_step(struct domain *d, struct table_walk *w)
{
    struct walk_step *s = &w->step[w->depth - 1];

    if (demote_entries(s)) {
        pte_t e = entry_at(s);

        demote_push(d, w, pte_mfn(e), s->level - 1U);
        return;
    }
    frame_type_retire(s->table);
    w->depth--;
    if (!w->depth && w->error)
        d->paging->result = (struct walk_result){ w->ticket, w->error, MFN_NONE, s->level };
    frame_put(s->table); /* the use reference of the entry above it, or of the walk */
}

/* One table further, or a part of it. */
static void walk_step(struct domain *d)
{
    struct paging *p = d->paging;
    struct table_walk *w = &p->walk;
    struct walk_step *s;

    if (w->state == WALK_NONE) {
        s = &p->release[--p->releases];
        walk_start(w, WALK_DEMOTE, 0);
        demote_push(d, w, s->table, s->level);
    }
    if (w->state == WALK_PROMOTE)
        promote_step(d, w);
    else
        demote_step(d, w);
    if (!w->depth)
        w->state = WALK_NONE;
}

int walk_finish_locked(struct domain *d)
{
    bool work;

    while (walk_is_pending_locked(d)) {
        walk_step(d);
        spin_unlock(&d->paging->lock);
        work = preempt_point();
        spin_lock(&d->paging->lock);
        if (work && walk_is_pending_locked(d))
            return -ERESTART;
    }
    return 0;
}

void table_put_locked(struct domain *d, mfn_t m)
{
    struct paging *p = d->paging;
    unsigned level = level_of_type(read_once(frame_of(m)->type));

    if (!frame_type_put(m)) {
        frame_put(m);
        return;
    }
    BUG_ON(p->releases == releases_max());
    p->release[p->releases++] = (struct walk_step){ m, 0, (uint8_t)level };
}

/* Validates a table whose use and type the caller has just claimed; nothing is pending. */
static int promote_locked(struct domain *d, mfn_t m, unsigned level)
{
    struct paging *p = d->paging;
    uint64_t ticket = ++p->last_ticket;
    int r;

    if (!frame_get_again(m)) {
        frame_type_retire(m);
        return -ENOMEM;
    }
    walk_start(&p->walk, WALK_PROMOTE, ticket);
    walk_push(&p->walk, m, level, 0);
    r = walk_finish_locked(d);
    if (r)
        return r;
    if (p->result.ticket != ticket)
        return -ERESTART; /* it was finished, and taken, while the lock was down */
    p->result.ticket = 0;
    if (p->result.error)
        return p->result.error;
    p->result.table = MFN_NONE;
    frame_put(m); /* the walk's: the caller has its own */
    return 0;
}

void walk_drop_result_locked(struct domain *d)
{
    mfn_t m = d->paging->result.table;

    d->paging->result.table = MFN_NONE;
    if (!mfn_is_none(m))
        table_put_locked(d, m);
}

/* Finishes what is pending and sees whether it was this.  1: the result is the caller's now. */
static int settle_for_locked(struct domain *d, mfn_t m, unsigned level)
{
    struct walk_result *result = &d->paging->result;
    int r;

    for (;;) {
        r = walk_finish_locked(d);
        if (!r && d->paging->closed)
            r = -EINVAL;
        if (r)
            return r;
        if (mfn_is_none(result->table))
            return 0;
        result->ticket = 0;
        if (result->table.n == m.n && result->level == level) {
            result->table = MFN_NONE; /* an earlier, interrupted call had it validated */
            frame_put(m);
            return 1;
        }
        walk_drop_result_locked(d);
    }
}

int table_get_locked(struct domain *d, mfn_t m, unsigned level)
{
    int r = settle_for_locked(d, m, level);

    if (r)
        return r < 0 ? r : 0;
    r = frame_type_claim(m, type_of_level(level));
    if (r == -EAGAIN)
        return promote_locked(d, m, level);
    return r ? -EINVAL : 0;
}
