/*
 * Stores to the guest's tables.  A few in a row are finished one by one, shadows and all; then the
 * table is let loose: the guest writes it as it likes until the next flush, which compares.
 */
#include "guest-paging/entry-rules.h"
#include "lib/atomic.h"
#include "lib/bug.h"
#include "machine/interrupts.h"
#include "machine/latency.h"
#include "machine/tlb.h"
#include "shadow-paging/shadow.h"

static bool is_linked(struct shadow *s, const struct guest_frame *f)
{
    for (page_id id = f->shadows; id; id = page_of(s, id)->next)
        if (page_of(s, id)->links)
            return true;
    return false;
}

static bool is_busy(struct shadow *s, const struct guest_frame *f)
{
    for (page_id id = f->shadows; id; id = page_of(s, id)->next)
        if (page_of(s, id)->busy)
            return true;
    return false;
}

static void set_loose(struct shadow *s, struct guest_frame *f, bool loose)
{
    for (page_id id = f->shadows; id; id = page_of(s, id)->next)
        page_of(s, id)->loose = loose;
}

bool store_is_finished(struct shadow *s, struct guest_frame *f)
{
    struct shadow_page *p = page_of(s, f->shadows);

    if (!is_linked(s, f))
        return false; /* it was a table once */
    if (p->epoch != s->epoch) {
        p->epoch = s->epoch;
        p->stores = 0;
    }
    return p->stores++ < STORES_IN_A_ROW;
}

/* A vCPU has one of its shadows loaded. */
static bool is_root(struct shadow *s, const struct guest_frame *f)
{
    for (page_id id = f->shadows; id; id = page_of(s, id)->next)
        if (page_of(s, id)->level == 4 && page_of(s, id)->links)
            return true;
    return false;
}

/* In the order in which they came: what an access has just made is the last to go. */
static void unlist_at(struct shadow *s, unsigned i)
{
    for (s->loose_count--; i < s->loose_count; i++)
        s->loose[i] = s->loose[i + 1];
}

/* The first of the loose ones gives its place up, and its shadows.  Roots in use cannot. */
static bool make_place(struct domain *d)
{
    struct shadow *s = d->shadow;

    for (unsigned i = 0; i < s->loose_count; i++) {
        struct guest_frame *f = guest_frame_find(s, s->loose[i]);

        if (is_busy(s, f) || is_root(s, f))
            continue;
        pages_drop_of(d, f);
        unlist_at(s, i);
        return true;
    }
    return false;
}

/* Places that can be given up; roots in use have more. */
static bool places_are_taken(struct shadow *s)
{
    unsigned taken = 0;

    for (unsigned i = 0; i < s->loose_count; i++)
        taken += !is_root(s, guest_frame_find(s, s->loose[i]));
    return taken >= LOOSE_MAX;
}

static bool is_listed(const struct shadow *s, uint64_t gfn)
{
    for (unsigned i = 0; i < s->loose_count; i++)
        if (s->loose[i] == gfn)
            return true;
    return false;
}

void table_loosen(struct domain *d, struct guest_frame *f)
{
    struct shadow *s = d->shadow;
    uint64_t gfn = page_of(s, f->shadows)->gfn;

    if (!is_linked(s, f) && !is_busy(s, f)) {
        pages_drop_of(d, f); /* it was a table: who writes it now may have it for something else */
        return;
    }
    set_loose(s, f, true);
    if (is_listed(s, gfn))
        return;
    if (s->loose_count >= LOOSE_MAX && places_are_taken(s))
        (void)make_place(d);
    BUG_ON(s->loose_count == LOOSE_ROOM); /* all are roots in use, or on the way to one page */
    s->loose[s->loose_count++] = gfn;
}

/* Whether a loose table is still one, and can be guarded from now on. */
enum fate { FATE_GONE, FATE_LOOSE, FATE_GUARDED };

static enum fate fate_of(struct domain *d, struct guest_frame *f, struct cpu_set *stale)
{
    struct shadow *s = d->shadow;

    if (!is_linked(s, f))
        pages_drop_of(d, f);
    if (!f->shadows)
        return FATE_GONE;
    if (!f->mfn || (f->mfn & LEAVING)) /* a root in use, of which the frame was given back */
        return FATE_LOOSE;
    return writers_remove(d, f, stale) ? FATE_GUARDED : FATE_LOOSE;
}

static void unlist(struct shadow *s, uint64_t gfn)
{
    for (unsigned i = 0; i < s->loose_count; i++)
        if (s->loose[i] == gfn)
            unlist_at(s, i);
}

/* One of the loose tables.  It may be none any more: the lock was down. */
static void step_one(struct domain *d, uint64_t gfn)
{
    struct shadow *s = d->shadow;
    struct guest_frame *f = guest_frame_find(s, gfn);
    struct cpu_set stale = { { 0 } };
    enum fate fate;

    if (!is_listed(s, gfn))
        return;
    fate = fate_of(d, f, &stale);
    if (!cpu_set_is_empty(&stale))
        tlb_flush_cpus(&stale);
    for (page_id id = f->shadows; id; id = page_of(s, id)->next)
        page_compare(d, page_of(s, id));
    if (fate == FATE_GUARDED)
        set_loose(s, f, false);
    if (fate != FATE_LOOSE)
        unlist(s, gfn);
}

/* The list as it is; and nobody writes any of them but by new entries, with one flush for all. */
static unsigned step_begin(struct domain *d, uint64_t list[LOOSE_ROOM])
{
    struct shadow *s = d->shadow;
    struct cpu_set stale = { { 0 } };

    s->epoch++;
    for (unsigned i = 0; i < s->loose_count; i++) {
        struct guest_frame *f = guest_frame_find(s, s->loose[i]);

        list[i] = s->loose[i];
        if (f->shadows && f->mfn && !(f->mfn & LEAVING))
            (void)writers_remove(d, f, &stale);
    }
    if (!cpu_set_is_empty(&stale))
        tlb_flush_cpus(&stale);
    return s->loose_count;
}

void tables_step(struct domain *d)
{
    struct shadow *s = d->shadow;
    uint64_t list[LOOSE_ROOM];
    unsigned count = 0;

    spin_lock(&s->lock);
    if (!s->closed)
        count = step_begin(d, list);
    spin_unlock(&s->lock);
    for (unsigned i = 0; i < count; i++) {
        spin_lock(&s->lock);
        if (!s->closed)
            step_one(d, list[i]);
        spin_unlock(&s->lock);
        if (latency_is_due()) /* a full table is a piece of work by itself */
            (void)!preempt_point();
    }
}

void table_changed(struct domain *d, uint64_t gfn, unsigned index, pte_t now)
{
    struct shadow *s = d->shadow;
    struct guest_frame *f = guest_frame_find(s, gfn);

    for (page_id id = f->shadows; id; id = page_of(s, id)->next) {
        struct shadow_page *p = page_of(s, id);

        if (slot_is_hypervisor(p->level, index))
            continue;
        entry_compare(d, p, index, now);
        /* The guest is about to use it. */
        if (p->level == 1 && (now & (PTE_P | PTE_A)) == (PTE_P | PTE_A) &&
            (p->view == VIEW_KERNEL || (now & PTE_US)))
            (void)!entry_fill(d, p, index, now, guest_frame_find(s, pte_mfn(now).n), false);
    }
}
