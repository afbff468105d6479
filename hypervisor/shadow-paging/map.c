/* The pseudo-physical map: records of guest frames, in a radix tree of pages. */
#include "lib/atomic.h"
#include "lib/errno.h"
#include "lib/spinlock.h"
#include "machine/interrupts.h"
#include "machine/latency.h"
#include "memory/frame-references.h"
#include "memory/heap.h"
#include "memory/machine-to-physical.h"
#include "shadow-paging/shadow.h"

_Static_assert(GFN_LIMIT == BRANCHES * BRANCHES * RECORDS, "the tree has three levels");

#define MAP_LEAST     64 /* pages of the map */
#define FREE_AT_ONCE  64 /* pages of it */
#define LOOKS         32
#define SWEEP_AT_ONCE 4 /* shadow tables with the lock held */

struct guest_frame *guest_frame_next(struct shadow *s, uint64_t *gfn)
{
    void **root = s->map;
    struct guest_frame *f;

    while (*gfn < GFN_LIMIT) {
        f = guest_frame_find(s, *gfn);
        if (f)
            return f;
        *gfn = root[*gfn / RECORDS / BRANCHES]
                   ? (*gfn / RECORDS + 1) * RECORDS
                   : (*gfn / RECORDS / BRANCHES + 1) * RECORDS * BRANCHES;
    }
    return NULL;
}

struct guest_frame *guest_frame_of(struct shadow *s, mfn_t m)
{
    struct guest_frame *f = guest_frame_find(s, machine_to_physical(m));

    return f && (f->mfn & MFN_OF) == m.n ? f : NULL;
}

/* A guest that places its frames here and there pays with its own: no more pages than twice what
 * it takes for all it may have in one stretch. */
static bool map_is_large(const struct domain *d)
{
    return d->shadow->map_pages > d->frames.limit / RECORDS * 2 + MAP_LEAST;
}

static void *page_at(struct domain *d, void **at)
{
    struct shadow *s = d->shadow;

    if (!*at && !map_is_large(d)) {
        *at = heap_page_allocate();
        s->map_pages += *at != NULL;
    }
    return *at;
}

int guest_frame_vacant(struct domain *d, uint64_t gfn, struct guest_frame **f)
{
    void **root = d->shadow->map, **branch;
    struct guest_frame *leaf;

    if (gfn >= GFN_LIMIT)
        return -EINVAL;
    branch = page_at(d, &root[gfn / RECORDS / BRANCHES]);
    leaf = branch ? page_at(d, &branch[gfn / RECORDS % BRANCHES]) : NULL;
    if (!leaf)
        return -ENOMEM;
    *f = &leaf[gfn % RECORDS];
    return (*f)->mfn ? -EINVAL : 0;
}

int guest_frame_place(struct domain *d, uint64_t gfn, mfn_t m)
{
    struct guest_frame *f;
    int r = m.n && m.n <= MFN_OF ? guest_frame_vacant(d, gfn, &f) : -EINVAL;

    if (r)
        return r;
    f->mfn = (uint32_t)m.n | DIRTY;
    machine_to_physical_set(m, gfn);
    return 0;
}

/* Entries for the frame in some of the shadow tables.  True: all have been looked at. */
static bool sweep_some(struct domain *d, uint64_t m)
{
    struct shadow *s = d->shadow;

    for (unsigned n = 0; n < SWEEP_AT_ONCE; n++) {
        struct shadow_page *p;

        if (s->sweep_next > s->pages)
            return true;
        p = page_of(s, s->sweep_next++);
        for (unsigned i = 0; p->level == 1 && p->present && i < PT_ENTRIES; i++)
            if ((page_entries(p)[i] & PTE_P) && pte_mfn(page_entries(p)[i]).n == m)
                entry_clear(d, p, i);
    }
    return false;
}

/* One sweep at a time: who finds another's under way gets that to its end first, so that vCPUs
 * which do this at once do not undo each other's progress. */
static void sweep(struct domain *d, uint64_t gfn)
{
    struct shadow *s = d->shadow;
    struct guest_frame *f;

    if (!s->sweep_next) {
        s->sweep = gfn;
        s->sweep_next = 1;
    }
    f = guest_frame_find(s, s->sweep);
    if (sweep_some(d, f->mfn & MFN_OF)) {
        f->mfn |= SWEPT;
        s->sweep_next = 0;
    }
}

/* Nothing new may refer to the frame, and what is known to does no more. */
static void begin_to_leave(struct domain *d, struct guest_frame *f)
{
    struct shadow *s = d->shadow;

    f->mfn |= LEAVING;
    pages_drop_of(d, f);
    for (unsigned k = 0; k < 2; k++)
        if (f->writer[k])
            entry_clear(d, page_of(s, f->writer[k] / PT_ENTRIES), f->writer[k] % PT_ENTRIES);
}

/* One step with the lock held.  -EAGAIN: there is more to do. */
static int leave_step(struct domain *d, uint64_t gfn)
{
    struct shadow *s = d->shadow;
    struct guest_frame *f = s->closed ? NULL : guest_frame_find(s, gfn);
    mfn_t held = mfn(f ? f->mfn & MFN_OF : 0);

    if (!held.n || (f->mfn & FOREIGN) || (read_once(frame_of(held)->use) & USE_SHARED))
        return -EINVAL;
    if (!(f->mfn & LEAVING)) {
        begin_to_leave(d, f);
        return -EAGAIN; /* it may have been a piece of work by itself */
    }
    /* Its allocation is one use; others are grants, or entries that cannot be found from here. */
    if (!(f->mfn & SWEPT) && (read_once(frame_of(held)->use) & USE_COUNT) != 1) {
        sweep(d, gfn);
        return -EAGAIN;
    }
    if (s->sweep == gfn)
        s->sweep_next = 0;
    f->mfn |= SWEPT;
    return 0;
}

int guest_frame_leave(struct domain *d, uint64_t gfn)
{
    int r;

    for (;;) {
        spin_lock(&d->shadow->lock);
        r = leave_step(d, gfn);
        spin_unlock(&d->shadow->lock);
        if (r != -EAGAIN)
            break;
        if (latency_is_due() && preempt_point())
            return -ERESTART;
    }
    if (latency_is_due()) /* its tables may have been full; it has left: no reason to come back */
        (void)!preempt_point();
    return r;
}

int guest_frame_remove(struct domain *d, uint64_t gfn)
{
    int r = guest_frame_leave(d, gfn);
    struct guest_frame *f;
    mfn_t m = MFN_NONE;

    if (r)
        return r;
    spin_lock(&d->shadow->lock);
    f = d->shadow->closed ? NULL : guest_frame_find(d->shadow, gfn);
    if (f && (f->mfn & SWEPT)) { /* else another vCPU was quicker */
        m = mfn(f->mfn & MFN_OF);
        f->mfn = 0;
    }
    spin_unlock(&d->shadow->lock);
    return mfn_is_none(m) ? -EINVAL : frame_owner_release(&d->frames, m);
}

static void page_let_go(void **at)
{
    void *page = *at;

    *at = NULL;
    heap_page_free(page);
}

/* Some pages; true: all are gone, but the root. */
bool map_free_some(struct shadow *s)
{
    void **root = s->map, **branch;

    /* As many places looked at are worth a page freed. */
    for (unsigned n = 0; n < FREE_AT_ONCE * LOOKS && s->freed < BRANCHES * BRANCHES;
         s->freed++, n++) {
        branch = root[s->freed / BRANCHES];
        if (!branch) {
            s->freed += BRANCHES - 1;
            continue;
        }
        if (branch[s->freed % BRANCHES]) {
            page_let_go(&branch[s->freed % BRANCHES]);
            n += LOOKS;
        }
        if (s->freed % BRANCHES == BRANCHES - 1)
            page_let_go(&root[s->freed / BRANCHES]);
    }
    return s->freed == BRANCHES * BRANCHES;
}

void map_destroy(struct shadow *s)
{
    while (s->map && !map_free_some(s))
        ;
    if (s->map)
        heap_page_free(s->map);
}
