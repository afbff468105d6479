/*
 * Promotion visits a table's entries in order and takes their references; a table below that is
 * not validated yet is visited first, on an explicit stack of at most four.  Demotion visits them
 * backwards and drops what they hold.  A promotion that meets a bad entry turns into the demotion
 * of what it has done so far.
 *
 * Between two tables the walk may stop for other work.  Its state stays in struct paging, so
 * nothing is counted twice and nothing forgotten, whoever goes on with it.
 */
#include "guest-paging/walk.h"
#include "guest-paging/entry-references.h"
#include "guest-paging/entry-rules.h"
#include "lib/atomic.h"
#include "lib/bug.h"
#include "lib/errno.h"
#include "machine/interrupts.h"
#include "machine/tlb.h"
#include "memory/frame-references.h"
#include "memory/hypervisor-mappings.h"

static void walk_push(struct table_walk *w, mfn_t table, unsigned level, unsigned index)
{
    w->step[w->depth++] = (struct walk_step){ table, (uint16_t)index, (uint8_t)level };
}

static void walk_start(struct table_walk *w, enum walk_state state, mfn_t root, unsigned level)
{
    w->state = state;
    w->error = 0;
    w->root = root;
    w->depth = 0;
    w->owns_root = state == WALK_DEMOTE;
    walk_push(w, root, level, state == WALK_DEMOTE ? PT_ENTRIES : 0);
}

/* The entry has its references: put its adjusted form in and go on behind it. */
static void entry_done(struct walk_step *s)
{
    pte_t *e = (pte_t *)frame_virt(s->table) + s->index;
    pte_t adjusted = entry_adjust(*e);

    /* The table is read-only for the guest and not loaded anywhere: a plain store will do. */
    if (*e != adjusted)
        write_once(*e, adjusted);
    s->index++;
}

/* Acquires from s->index on.  0: whole table done; -EAGAIN: a table below comes first. */
static int promote_entries(struct domain *d, struct walk_step *s)
{
    const pte_t *table = frame_virt(s->table);
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
    }
    return 0;
}

static void promote_step(struct domain *d, struct table_walk *w)
{
    struct walk_step *s = &w->step[w->depth - 1];
    int r = promote_entries(d, s);

    if (r == -EAGAIN) {
        pte_t e = ((pte_t *)frame_virt(s->table))[s->index];

        walk_push(w, pte_mfn(e), s->level - 1U, 0);
        return;
    }
    if (r) {
        domain_log(d, "L%u table %lx: entry %u (%lx) may not be there", s->level, s->table.n,
                   s->index, ((pte_t *)frame_virt(s->table))[s->index]);
        w->error = r;
        w->state = WALK_DEMOTE; /* undo from here backwards */
        return;
    }
    if (s->level == 4)
        root_table_fill(frame_virt(s->table));
    frame_type_publish(s->table);
    w->depth--;
    if (w->depth)
        entry_done(&w->step[w->depth - 1]);
}

/* Releases backwards to 0.  -EAGAIN: the table under the entry at s->index comes first. */
static int demote_entries(struct walk_step *s)
{
    const pte_t *table = frame_virt(s->table);

    while (s->index > 0) {
        pte_t e = table[--s->index];

        if (!(e & PTE_P) || slot_is_hypervisor(s->level, s->index))
            continue;
        if (s->level == 1)
            l1_entry_release(e);
        else if (table_entry_release(e))
            return -EAGAIN;
    }
    return 0;
}

static void demote_step(struct table_walk *w)
{
    struct walk_step *s = &w->step[w->depth - 1];

    if (demote_entries(s)) {
        pte_t e = ((pte_t *)frame_virt(s->table))[s->index];

        walk_push(w, pte_mfn(e), s->level - 1U, PT_ENTRIES);
        return;
    }
    frame_type_retire(s->table);
    w->depth--;
    /* The entry above it held a use reference; the root's is the caller's or ours. */
    if (w->depth || w->owns_root)
        frame_put(s->table);
}

/*
 * Runs the pending walk.  The lock is dropped for a look at other work after each table; if
 * somebody else finished the walk meanwhile, all the better.
 */
int walk_finish_locked(struct domain *d, bool preemptible)
{
    struct table_walk *w = &d->paging->walk;
    bool work;

    while (w->state != WALK_NONE) {
        if (w->state == WALK_PROMOTE)
            promote_step(d, w);
        else
            demote_step(w);
        if (!w->depth) {
            if (w->state == WALK_PROMOTE)
                w->kept = w->root; /* with the type count, and the walk's use reference */
            else if (!w->owns_root)
                frame_put(w->root); /* a failed promotion's */
            w->state = WALK_NONE;
            return 0;
        }
        if (preemptible) {
            spin_unlock(&d->paging->lock);
            work = preempt_point();
            spin_lock(&d->paging->lock);
            if (work && w->state != WALK_NONE)
                return -ERESTART;
        }
    }
    return 0;
}

/* Makes room for a new walk. */
static int drop_kept_locked(struct domain *d, bool preemptible)
{
    struct table_walk *w = &d->paging->walk;
    mfn_t m = w->kept;

    if (mfn_is_none(m))
        return 0;
    w->kept = MFN_NONE;
    return table_put_locked(d, m, preemptible);
}

int table_promote_locked(struct domain *d, mfn_t m, unsigned level)
{
    struct table_walk *w = &d->paging->walk;
    int r;

    if (!frame_get_again(m)) {
        frame_type_retire(m);
        return -ENOMEM;
    }
    walk_start(w, WALK_PROMOTE, m, level);
    r = walk_finish_locked(d, true);
    if (r)
        return r;
    if (w->kept.n == m.n) {
        w->kept = MFN_NONE;
        frame_put(m);
        return 0;
    }
    return w->root.n == m.n && w->error ? w->error : -ERESTART;
}

/* Finishes what is pending and sees whether it was this.  1: the kept table is the caller's now. */
static int settle_locked(struct domain *d, mfn_t m, unsigned level)
{
    struct table_walk *w = &d->paging->walk;
    int r;

    for (;;) {
        r = walk_finish_locked(d, true);
        if (r)
            return r;
        if (mfn_is_none(w->kept))
            return 0;
        if (w->kept.n == m.n &&
            (read_once(frame_of(m)->type) & TYPE_MASK) == type_of_level(level)) {
            w->kept = MFN_NONE; /* an earlier, interrupted call had it validated */
            frame_put(m);
            return 1;
        }
        r = drop_kept_locked(d, true);
        if (r)
            return r;
    }
}

int table_get_locked(struct domain *d, mfn_t m, unsigned level)
{
    uint64_t flush = 0;
    int r = settle_locked(d, m, level);

    if (r)
        return r < 0 ? r : 0;
    r = frame_type_claim(m, type_of_level(level), UINT64_MAX, &flush);
    if (flush)
        tlb_flush_cpus(flush);
    if (r == -EAGAIN)
        return table_promote_locked(d, m, level);
    return r ? -EINVAL : 0;
}

int table_put_locked(struct domain *d, mfn_t m, bool preemptible)
{
    uint32_t type = read_once(frame_of(m)->type);
    int r = walk_finish_locked(d, preemptible);

    if (r)
        return r;
    if (!frame_type_put(m)) {
        frame_put(m);
        return 0;
    }
    walk_start(&d->paging->walk, WALK_DEMOTE, m, level_of_type(type));
    r = walk_finish_locked(d, preemptible);
    return r == -ERESTART ? 0 : r;
}
