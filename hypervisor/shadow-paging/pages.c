/*
 * The pool of shadow tables.  Their records are numbered from 1, in chunks that stay; a record
 * keeps its frame while it is free.  The frame's own record, which nobody else uses, says which
 * table it is.
 */
#include "lib/atomic.h"
#include "lib/bug.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "machine/tlb.h"
#include "memory/frame-allocator.h"
#include "memory/heap.h"
#include "memory/hypervisor-mappings.h"
#include "shadow-paging/shadow.h"

/* Tables at most: some 1 % of the guest's memory, but enough for every root and a path to fill. */
#define POOL_SHARE   96
#define FREE_AT_ONCE 256  /* tables */
#define LOOKS        4096 /* of the clock, in one go */

static unsigned pool_least(const struct domain *d)
{
    return max(2 * d->max_vcpus + 96, 160U);
}

static void page_free(struct shadow *s, struct shadow_page *p)
{
    BUG_ON(p->present || p->links);
    if (p->level == 4) /* the hypervisor's slots */
        memset(page_entries(p), 0, PAGE_SIZE);
    write_once(frame_of(mfn(p->mfn))->stamp, tlb_stamp());
    p->level = 0;
    p->dead = p->loose = p->recent = false;
    p->parent[0] = p->parent[1] = 0;
    p->next = s->free;
    s->free = page_id_of(p);
    s->in_use--;
}

/* A table of level 1 or 2 has two places from which it is reached, and the oldest goes for a third:
 * so that it can always be dropped.  One of level 3 may be in all roots, as a kernel's are. */
void page_link(struct domain *d, struct shadow_page *p, entry_id from)
{
    struct shadow *s = d->shadow;
    entry_id oldest = p->parent[0];

    if (from && p->level < 3 && oldest && p->parent[1]) {
        p->links++; /* while it gives that one up */
        entry_clear(d, page_of(s, oldest / PT_ENTRIES), oldest % PT_ENTRIES);
        p->links--;
        p->parent[0] = p->parent[1];
        p->parent[1] = 0;
    }
    p->links++;
    for (unsigned k = 0; from && k < 2; k++)
        if (!p->parent[k]) {
            p->parent[k] = from;
            return;
        }
}

void page_unlink(struct domain *d, struct shadow_page *p, entry_id from)
{
    for (unsigned k = 0; from && k < 2; k++)
        if (p->parent[k] == from)
            p->parent[k] = 0;
    if (!--p->links && p->dead)
        page_free(d->shadow, p);
}

/* Off the list of its guest frame's shadows. */
static void page_unchain(struct shadow *s, struct shadow_page *p)
{
    struct guest_frame *f = guest_frame_find(s, p->gfn);
    page_id id = page_id_of(p), *at = &f->shadows;

    while (*at != id)
        at = &page_of(s, *at)->next;
    *at = p->next;
    p->next = 0;
}

void page_empty(struct domain *d, struct shadow_page *p)
{
    for (unsigned line = 0; p->present && line < PT_ENTRIES; line += LINE_ENTRIES) {
        if (line_is_empty(page_entries(p) + line))
            continue;
        for (unsigned i = line; i < line + LINE_ENTRIES; i++)
            entry_clear(d, p, i);
    }
}

void page_drop(struct domain *d, struct shadow_page *p)
{
    struct shadow *s = d->shadow;

    s->drops++;
    page_empty(d, p);
    if (p->level == 4 && p->links)
        return; /* a vCPU has it loaded: empty will do */
    page_unchain(s, p);
    p->dead = true;
    p->links++; /* until we are through with it */
    for (unsigned k = 0; k < 2; k++)
        if (p->parent[k])
            entry_clear(d, page_of(s, p->parent[k] / PT_ENTRIES), p->parent[k] % PT_ENTRIES);
    page_unlink(d, p, 0);
}

void pages_drop_of(struct domain *d, struct guest_frame *f)
{
    page_id id = f->shadows;

    while (id) {
        page_id next = page_of(d->shadow, id)->next;

        page_drop(d, page_of(d->shadow, id));
        id = next;
    }
}

/* Whether the clock may take a table: first those whose loss is cheap and that nobody used since it
 * came by last; after two rounds without one, any. */
static bool may_be_taken(const struct shadow *s, struct shadow_page *p)
{
    bool any = s->rounds >= 2;

    if (!p->level || p->busy || p->dead)
        return false;
    if (p->level == 4 && p->links && !p->present)
        return false; /* loaded: nothing to be had from it */
    if (p->recent && !any) {
        p->recent = false;
        return false;
    }
    return p->level == 1 || !p->links || !p->present || any;
}

/* Takes a table out of use, or none: then the clock goes on where it stopped. */
static bool make_room(struct domain *d)
{
    struct shadow *s = d->shadow;

    for (unsigned looks = 0; looks < LOOKS; looks++) {
        if (s->hand >= s->pages) {
            s->hand = 0;
            s->rounds++;
        }
        if (!may_be_taken(s, page_of(s, ++s->hand)))
            continue;
        page_drop(d, page_of(s, s->hand));
        break; /* a full one is a piece of work by itself */
    }
    if (s->free)
        s->rounds = 0;
    return s->free != 0;
}

/* One more than there ever was; NULL: not now. */
static struct shadow_page *page_new(struct shadow *s)
{
    page_id id = s->pages + 1;
    struct shadow_page **chunk = &s->chunk[s->pages / PAGES_PER_CHUNK];
    mfn_t m;

    if (s->pages >= CHUNKS * PAGES_PER_CHUNK || (!*chunk && !(*chunk = heap_page_allocate())))
        return NULL;
    m = frames_allocate(0, 0, true);
    if (mfn_is_none(m))
        return NULL;
    s->pages++;
    frame_of(m)->next = id;
    page_of(s, id)->mfn = (uint32_t)m.n;
    return page_of(s, id);
}

static struct shadow_page *page_take(struct domain *d)
{
    struct shadow *s = d->shadow;
    uint64_t limit = max(d->frames.limit / POOL_SHARE, (uint64_t)pool_least(d));
    struct shadow_page *p = NULL;
    struct cpu_set stale;

    if (!s->free && s->pages < limit)
        p = page_new(s);
    if (!p && !s->free && !make_room(d))
        return NULL;
    if (!p) {
        p = page_of(s, s->free);
        s->free = p->next;
        /* Who may still walk it as what it was. */
        if (tlb_stale_cpus(&d->frames.cpus, frame_of(mfn(p->mfn))->stamp, &stale))
            tlb_flush_cpus(&stale);
    }
    s->in_use++;
    return p;
}

/* The first shadow of a guest frame: from now on its stores fault, if that can be had. */
static void guard(struct domain *d, struct guest_frame *f)
{
    struct cpu_set stale = { { 0 } };
    bool guarded = writers_remove(d, f, &stale);

    if (!cpu_set_is_empty(&stale))
        tlb_flush_cpus(&stale);
    if (!guarded)
        table_loosen(d, f);
}

static struct shadow_page *page_make(struct domain *d, struct guest_frame *f, uint64_t gfn,
                                     unsigned level, enum view view)
{
    struct shadow *s = d->shadow;
    struct shadow_page *p = page_take(d);
    bool first;

    if (!p)
        return NULL;
    first = !f->shadows;
    s->made++;
    *p = (struct shadow_page){ .mfn = p->mfn,
                               .gfn = (uint32_t)gfn,
                               .next = f->shadows,
                               .epoch = s->epoch,
                               .level = (uint8_t)level,
                               .view = view,
                               .loose = !first && page_of(s, f->shadows)->loose,
                               .busy = true };
    f->shadows = page_id_of(p);
    if (level == 4)
        root_table_fill(page_entries(p));
    if (first)
        guard(d, f);
    p->busy = false;
    return p;
}

struct shadow_page *page_get(struct domain *d, uint64_t gfn, unsigned level, enum view view,
                             bool make)
{
    struct shadow *s = d->shadow;
    struct guest_frame *f = guest_frame_find(s, gfn);

    if (!f || !f->mfn || (f->mfn & (LEAVING | FOREIGN)))
        return NULL;
    for (page_id id = f->shadows; id; id = page_of(s, id)->next)
        if (page_of(s, id)->level == level && page_of(s, id)->view == view)
            return page_of(s, id);
    return make ? page_make(d, f, gfn, level, view) : NULL;
}

int pool_create(struct domain *d)
{
    struct shadow *s = d->shadow;

    s->chunk = heap_allocate(CHUNKS * sizeof(*s->chunk));
    while (s->chunk && s->pages < pool_least(d)) {
        struct shadow_page *p = page_new(s);

        if (!p)
            return -ENOMEM;
        s->in_use++;
        page_free(s, p);
    }
    return s->chunk ? 0 : -ENOMEM;
}

bool pool_free_some(struct shadow *s)
{
    for (unsigned n = 0; n < FREE_AT_ONCE && s->pages; n++, s->pages--)
        frames_free(mfn(page_of(s, s->pages)->mfn), 0);
    return !s->pages;
}

void pool_destroy(struct shadow *s)
{
    if (!s->chunk)
        return;
    while (!pool_free_some(s))
        ;
    for (unsigned c = 0; c < CHUNKS && s->chunk[c]; c++)
        heap_page_free(s->chunk[c]);
    heap_free(s->chunk, CHUNKS * sizeof(*s->chunk));
}
