/* Tables grow on demand and shrink only with their domain. */
#include "grants/grant-table.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "machine/interrupts.h"
#include "memory/frame-allocator.h"
#include "memory/heap.h"
#include "memory/tally.h"

/* Handles for all that a disk of 32 requests of 11 segments has under way, and some rings. */
#define CONTROL_TRACK_PAGES 6U

#define PIN_PAGES(frames) (((frames)*ENTRIES_PER_FRAME + PINS_PER_PAGE - 1) / PINS_PER_PAGE)

void grant_table_unshare(struct domain *d)
{
    struct grant_table *t = d->grants;

    spin_lock(&t->lock);
    while (t->frames)
        frame_unshare(&d->frames, virt_mfn(t->entries[--t->frames]));
    t->closed = true;
    spin_unlock(&t->lock);
}

static void table_free(struct grant_table *t)
{
    for (unsigned i = 0; t->pins && i < PIN_PAGES(t->max_frames); i++)
        if (t->pins[i])
            heap_page_free(t->pins[i]);
    for (unsigned i = 0; t->tracks && i < t->track_pages; i++)
        heap_page_free(t->tracks[i]);
    heap_free(t->entries, (t->max_frames + 1) * sizeof(*t->entries));
    heap_free(t->pins, (PIN_PAGES(t->max_frames) + 1) * sizeof(*t->pins));
    heap_free(t->tracks, (t->max_track_pages + 1) * sizeof(*t->tracks));
}

void grant_table_destroy(struct domain *d)
{
    if (!d->grants)
        return;
    table_free(d->grants);
    heap_free(d->grants, sizeof(*d->grants));
    d->grants = NULL;
}

static int grow_pins(struct grant_table *t, unsigned frames)
{
    for (unsigned i = 0; i < PIN_PAGES(frames); i++)
        if (!t->pins[i] && !(t->pins[i] = heap_page_allocate()))
            return -ENOMEM;
    return 0;
}

static int grow_by_one_locked(struct domain *d, struct grant_table *t)
{
    mfn_t m;

    if (t->closed)
        return -EINVAL;
    if (grow_pins(t, t->frames + 1))
        return -ENOMEM;
    m = frames_allocate(0, 0, false);
    if (mfn_is_none(m))
        return -ENOMEM;
    memset(frame_virt(m), 0, PAGE_SIZE);
    frame_share(&d->frames, m, true);
    t->entries[t->frames++] = frame_virt(m);
    return 0;
}

int grant_table_grow(struct domain *d, unsigned frames)
{
    struct grant_table *t = d->grants;
    int r = 0;

    if (frames > t->max_frames)
        return -EINVAL;
    while (!r && read_once(t->frames) < frames) {
        spin_lock(&t->lock);
        if (t->frames < frames)
            r = grow_by_one_locked(d, t);
        spin_unlock(&t->lock);
        if (!r && read_once(t->frames) < frames && preempt_point())
            return -ERESTART;
    }
    return r;
}

uint64_t grant_table_frame(struct domain *d, unsigned i)
{
    return d->mode->shared_gfn(d, virt_mfn(d->grants->entries[i]), 1 + i);
}

struct grant_entry_v1 *grant_entry_locked(struct grant_table *t, grant_ref_t ref)
{
    return &t->entries[ref / ENTRIES_PER_FRAME][ref % ENTRIES_PER_FRAME];
}

struct grant_pin *grant_pin_locked(struct grant_table *t, grant_ref_t ref)
{
    return &t->pins[ref / PINS_PER_PAGE][ref % PINS_PER_PAGE];
}

static int grow_track(struct grant_table *t)
{
    struct grant_track *page;
    uint32_t first = t->track_pages * TRACKS_PER_PAGE;

    if (t->track_pages == t->max_track_pages || !(page = heap_page_allocate()))
        return GNTST_no_space;
    for (unsigned i = 0; i < TRACKS_PER_PAGE; i++)
        page[i].next_free = i + 1 < TRACKS_PER_PAGE ? first + i + 1 : t->free_track;
    t->tracks[t->track_pages++] = page;
    t->free_track = first;
    return GNTST_okay;
}

int grant_table_create(struct domain *d, int max_frames, int max_track_frames)
{
    struct grant_table *t = heap_allocate(sizeof(*t));

    if (!t)
        return -ENOMEM;
    d->grants = t;
    t->max_frames = max_frames < 0 ? DEFAULT_GRANT_FRAMES : (unsigned)max_frames;
    t->max_track_pages =
        max_track_frames < 0 ? DEFAULT_MAPTRACK_FRAMES : (unsigned)max_track_frames;
    if (t->max_frames > 1024 || t->max_track_pages > 4096)
        return -EINVAL;
    t->free_track = UINT32_MAX;
    t->entries = heap_allocate((t->max_frames + 1) * sizeof(*t->entries));
    t->pins = heap_allocate((PIN_PAGES(t->max_frames) + 1) * sizeof(*t->pins));
    t->tracks = heap_allocate((t->max_track_pages + 1) * sizeof(*t->tracks));
    if (!t->entries || !t->pins || !t->tracks)
        return -ENOMEM;
    /* The control domain is going to map grants: its first handles do not wait until then. */
    while (d->privileged && t->track_pages < min(CONTROL_TRACK_PAGES, t->max_track_pages))
        if (grow_track(t))
            return -ENOMEM;
    return t->max_frames ? grant_table_grow(d, 1) : 0;
}

struct grant_track *grant_track_locked(struct grant_table *t, uint32_t handle)
{
    if (handle >= t->track_pages * TRACKS_PER_PAGE)
        return NULL;
    return &t->tracks[handle / TRACKS_PER_PAGE][handle % TRACKS_PER_PAGE];
}

int grant_track_allocate(struct grant_table *t, uint32_t flags, uint32_t *handle)
{
    struct grant_track *track;
    int r = GNTST_okay;

    spin_lock(&t->track_lock);
    if (t->free_track == UINT32_MAX)
        r = grow_track(t);
    if (!r) {
        *handle = t->free_track;
        track = grant_track_locked(t, *handle);
        t->free_track = track->next_free;
        track->flags = flags;
        track->busy = true;
        track->was_mapped = flags & GNTMAP_host_map;
    }
    spin_unlock(&t->track_lock);
    return r;
}

void grant_track_free_locked(struct grant_table *t, uint32_t handle)
{
    struct grant_track *track = grant_track_locked(t, handle);

    track->flags = 0;
    track->busy = false;
    track->next_free = t->free_track;
    t->free_track = handle;
}

bool grants_for_writing_mark(struct domain *d, uint64_t *next)
{
    struct grant_table *t = d->grants;
    const struct grant_pin *pins;

    if (*next >= PIN_PAGES(t->max_frames))
        return true;
    spin_lock(&t->lock);
    pins = t->pins[*next];
    for (unsigned i = 0; pins && i < PINS_PER_PAGE; i++)
        if (pins[i].writers)
            d->mode->written_by_others(d, mfn(pins[i].frame));
    spin_unlock(&t->lock);
    ++*next;
    return false;
}

static void tally_mapped(struct grant_table *t, struct tally *tally)
{
    for (unsigned i = 0; i < t->track_pages; i++)
        for (unsigned k = 0; k < TRACKS_PER_PAGE; k++) {
            const struct grant_track *m = &t->tracks[i][k];

            if (m->flags & GNTMAP_host_map)
                tally_foreign(tally, mfn(m->frame), !(m->flags & GNTMAP_readonly), -1);
        }
}

void grant_table_tally(struct domain *d, struct tally *tally)
{
    struct grant_table *t = d->grants;

    for (unsigned i = 0; i < PIN_PAGES(t->max_frames); i++)
        for (unsigned k = 0; t->pins[i] && k < PINS_PER_PAGE; k++) {
            const struct grant_pin *p = &t->pins[i][k];

            tally_add(tally, mfn(p->frame), p->readers + p->writers, p->writers);
        }
    for (unsigned i = 0; i < t->frames; i++)
        tally_add(tally, virt_mfn(t->entries[i]), 1, 1); /* a frame shared with its owner */
    tally_mapped(t, tally);
}
