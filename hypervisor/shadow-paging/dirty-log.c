/*
 * The shadow's part in the log of guest frames that may have been written (domain/dirty-log.h): an
 * entry that allows writing, a store that is finished for the guest and everybody else who asks to
 * write mark the frame's record before they do (frame_dirtied).
 */
#include "lib/atomic.h"
#include "lib/errno.h"
#include "lib/spinlock.h"
#include "machine/tlb.h"
#include "shadow-paging/shadow.h"

#define FRAMES_AT_ONCE 512 /* with the lock held */
#define TABLES_AT_ONCE 4

static bool is_own(const struct guest_frame *f)
{
    return f && f->mfn && !(f->mfn & (LEAVING | FOREIGN));
}

/* Some records; true: it was the last. */
static bool records_some(struct shadow *s, uint64_t *next, void (*visit)(struct guest_frame *))
{
    struct guest_frame *f;

    for (unsigned n = 0; n < FRAMES_AT_ONCE; n++, ++*next) {
        f = guest_frame_next(s, next);
        if (!f)
            return true;
        if (is_own(f))
            visit(f);
    }
    return false;
}

static void forget(struct guest_frame *f)
{
    f->mfn &= ~DIRTY;
}

static void mark_if_held(struct guest_frame *f)
{
    if (read_once(frame_of(mfn(f->mfn & MFN_OF))->type) & TYPE_COUNT)
        frame_dirtied(f);
}

/* Some tables; true: these were the last, and nobody writes by what they allowed any more. */
static bool entries_some(struct domain *d, uint64_t *next)
{
    struct shadow *s = d->shadow;

    for (unsigned n = 0; n < TABLES_AT_ONCE; n++) {
        struct shadow_page *p;

        if (*next >= s->pages) {
            tlb_flush_cpus(&d->frames.cpus);
            return true;
        }
        p = page_of(s, (page_id)(*next += 1));
        for (unsigned i = 0; p->level == 1 && p->present && i < PT_ENTRIES; i++)
            if (!(page_entries(p)[i] & ENTRY_FOREIGN))
                entry_protect(d, p, i);
    }
    return false;
}

static bool step_locked(struct domain *d, enum log_phase phase, uint64_t *next)
{
    struct shadow *s = d->shadow;

    switch (phase) {
    case LOG_FORGET:
        return records_some(s, next, forget);
    case LOG_ENTRIES:
        return entries_some(d, next);
    case LOG_HOLDERS:
        return records_some(s, next, mark_if_held);
    default:
        return records_some(s, next, frame_dirtied);
    }
}

bool shadow_log_step(struct domain *d, enum log_phase phase, uint64_t *next)
{
    bool done;

    spin_lock(&d->shadow->lock);
    done = d->shadow->closed || step_locked(d, phase, next);
    spin_unlock(&d->shadow->lock);
    return done;
}

/* There is nothing to get ready: records are marked with a log or without. */
int shadow_log_start(struct domain *d maybe_unused)
{
    return 0;
}

int shadow_log_stop(struct domain *d maybe_unused)
{
    return 0;
}

unsigned shadow_log_take(struct domain *d, uint64_t first, unsigned n, uint8_t *bits, bool clean)
{
    struct shadow *s = d->shadow;
    unsigned found = 0;

    spin_lock(&s->lock);
    for (unsigned i = 0; i < n && !s->closed; i++) {
        struct guest_frame *f = guest_frame_find(s, first + i);

        if (!is_own(f) || !(f->mfn & DIRTY))
            continue;
        bits[i / 8] |= (uint8_t)(1U << i % 8);
        found++;
        if (clean)
            forget(f);
    }
    spin_unlock(&s->lock);
    return found;
}
