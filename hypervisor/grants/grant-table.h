/*
 * A domain's two sides of granting: the table in which it lets others use its frames, with what
 * is in use of it (pins), and the handles of what it has mapped itself (track).
 */
#ifndef GRANTS_GRANT_TABLE_H
#define GRANTS_GRANT_TABLE_H

#include "domain/domain.h"
#include "hypercall-abi/grants.h"

/* How often an entry of the table is in use. */
struct grant_pin {
    uint32_t readers, writers;
    uint64_t frame; /* of the machine, while in use: the guest's entry is not looked at again */
};

/*
 * One mapping made by this domain, by handle:
 *   free     flags 0
 *   busy     an operation is making or undoing it; nobody else looks at it
 *   mapped   flags say which of its two parts (host and device mapping) are still there
 * It holds one claim of the grant, given back with the last part.
 */
struct grant_track {
    struct domain *granter; /* referenced */
    uint64_t frame;
    uint64_t host_addr; /* where the host part is: it is taken away there and nowhere else */
    uint32_t flags;     /* GNTMAP_* */
    grant_ref_t ref;
    uint32_t next_free;
    bool busy;
    bool was_mapped; /* it had a host part: translations may last though that is gone */
};

#define ENTRIES_PER_FRAME   ((unsigned)(PAGE_SIZE / sizeof(struct grant_entry_v1)))
#define PINS_PER_PAGE       ((unsigned)(PAGE_SIZE / sizeof(struct grant_pin)))
#define TRACKS_PER_PAGE     ((unsigned)(PAGE_SIZE / sizeof(struct grant_track)))
#define PIN_PAGES_PER_FRAME (ENTRIES_PER_FRAME / (PINS_PER_PAGE & ~1U) + 2)

struct grant_table {
    /* Guards pins and the size.  Leaf but for frame references; never two tables' at once. */
    struct spinlock lock;
    unsigned frames, max_frames;
    bool closed;                     /* dying: the table is gone, pins on it may last */
    struct grant_entry_v1 **entries; /* max_frames pointers to shared frames */
    struct grant_pin **pins;         /* as many pages as needed */
    /* Guards the track pages.  Above `lock` of any table. */
    struct spinlock track_lock;
    unsigned track_pages, max_track_pages;
    uint32_t release_next; /* how far grants_release_all has come */
    uint32_t free_track;   /* UINT32_MAX: none */
    struct grant_track **tracks;
};

int must_check grant_table_create(struct domain *d, int max_frames, int max_track_frames);
/* Takes the table's frames away; grants in use stay so until they are given back. */
void grant_table_unshare(struct domain *d);
void grant_table_destroy(struct domain *d);

/* Grows to at least `frames`.  -EINVAL above the limit, -ENOMEM, -ERESTART. */
int must_check grant_table_grow(struct domain *d, unsigned frames);
/* The guest frame of frame i of the table, which must be below the size. */
uint64_t grant_table_frame(struct domain *d, unsigned i);

/* lock held; ref checked to be below grant_table_limit. */
struct grant_entry_v1 *grant_entry_locked(struct grant_table *t, grant_ref_t ref);
struct grant_pin *grant_pin_locked(struct grant_table *t, grant_ref_t ref);
static inline unsigned grant_table_limit(const struct grant_table *t)
{
    return t->frames * ENTRIES_PER_FRAME;
}

/* Tells the domain's paging mode of some of its frames that users of its grants hold for writing,
 * from *next on (0 at first); true: these were the last. */
bool grants_for_writing_mark(struct domain *d, uint64_t *next);

struct tally;
/* Adds what grants of the domain's frames that are in use account for (memory/tally.h), and takes
 * off the entries for frames of others that the domain's mapped grants allow. */
void grant_table_tally(struct domain *d, struct tally *t);

/* A free handle; the record is busy, with `flags`.  GNTST_*. */
int must_check grant_track_allocate(struct grant_table *t, uint32_t flags, uint32_t *handle);
/* track_lock held. */
struct grant_track *grant_track_locked(struct grant_table *t, uint32_t handle);
void grant_track_free_locked(struct grant_table *t, uint32_t handle);

#endif
