/*
 * Shadow mode: the guest keeps ordinary page tables of guest frames, in ordinary memory; the
 * processor walks the hypervisor's own tables, which are a cache of what the guest's say.
 *
 *   map.c      guest frame -> what is known of it: its machine frame, its shadows, its writers
 *   dirty-log.c  which guest frames may have been written
 *   granted.c  grants of others, which have guest frame numbers while they are mapped
 *   pages.c    the bounded pool of shadow tables, found by (guest frame, level, view)
 *   entries.c  one entry of a shadow table: what it refers to, put in and taken out
 *   fill.c     a fault walks the guest's tables and puts in what they say
 *   sync.c     stores to tables: finished one by one, or let go until the next flush
 *   roots.c    a vCPU's two roots
 *   copies.c   descriptor tables the processor uses
 *   shadow-mode.c  the table of functions; audit.c recounts it all
 *
 * The rules:
 *
 *   1. A shadow table is *in step* with the guest's while no mapping allows writing that: every
 *      store to it faults and is done here, to both.  It is *loose* from when the guest may write
 *      it until the next flush, which compares and puts it in step again.  A processor may use
 *      entries older than the last flush, so a loose one is as good as a TLB.
 *   2. An L1 entry holds a use of its frame, and a TYPE_WRITABLE count if it allows writing, as in
 *      direct mode: what is missed here is at worst a stale mapping of a frame that stays the
 *      guest's.
 *   3. All of a domain's is guarded by shadow.lock; no guest memory is touched by virtual address
 *      under it, for that may fault.  No function does more than some thousand entries at once.
 *   4. A table that is taken out of use is not used as another before every CPU that may have
 *      walked it has flushed (page_take).
 *   5. Everything here may be dropped at any time but the root a vCPU has loaded: it comes back by
 *      faults.  So memory for it is bounded, and running out of it is no error.
 *
 * Views: guests' kernels run in ring 3, where the processor knows no supervisor pages.  A table of
 * VIEW_USER has only entries that user mode may use; one of VIEW_KERNEL has all, open to ring 3,
 * and is reached from kernel roots alone.  Tables all of whose entries are for user mode are
 * shared by both roots.
 */
#ifndef SHADOW_PAGING_SHADOW_H
#define SHADOW_PAGING_SHADOW_H

#include "domain/domain.h"
#include "domain/paging-mode.h"

extern const struct paging_mode shadow_mode;

enum view { VIEW_USER, VIEW_KERNEL };

/* A shadow table by number, 0: none; an entry of one: number * 512 + index, 0: none. */
typedef uint32_t page_id;
typedef uint32_t entry_id;

/* What is known of a guest frame. */
struct guest_frame {
    uint32_t mfn;       /* 0: there is none; and LEAVING, SWEPT, FOREIGN, READ_ONLY, DIRTY */
    page_id shadows;    /* the first of its shadows */
    entry_id writer[2]; /* L1 entries that allow writing it; there may be more than these */
};

/* 64 bytes, so that its place in a chunk is found by shifts. */
struct shadow_page {
    _Alignas(64) uint32_t mfn;
    uint32_t gfn;
    page_id next;       /* another of the same guest frame, or free */
    entry_id parent[2]; /* entries that refer to it; `links` of them in all, roots included */
    uint32_t links;
    uint32_t epoch; /* of the last store to the guest's table, and how many since */
    uint16_t stores;
    uint16_t present; /* entries */
    uint8_t level, view;
    bool loose, dead, recent; /* dead: no longer its guest frame's, waits for its links to go */
    bool busy;                /* in use by the operation under way */
};

#define PAGES_PER_CHUNK (PAGE_SIZE / sizeof(struct shadow_page))
#define CHUNKS          4096

#define LOOSE_MAX       16 /* tables the guest may be writing at a time, not counting roots in use */
#define LOOSE_ROOM      (LOOSE_MAX + 2 * MAX_VCPUS_PER_DOMAIN + 8) /* and some on the way to a page */
#define STORES_IN_A_ROW 3 /* then the guest may write the table until it flushes */

/* In a guest frame's mfn: on its way out, nothing new refers to it; and no entry does any more. */
#define LEAVING 0x80000000U
#define SWEPT   0x40000000U
/* A grant is mapped there, perhaps for reading only.  It has no shadows, and writer[] names all
 * entries for it, so that it goes as quickly as it came. */
#define FOREIGN   0x20000000U
#define READ_ONLY 0x10000000U
/* It may have been written since the log of such frames was read last, or begun. */
#define DIRTY  0x08000000U
#define MFN_OF (DIRTY - 1)

/* What every entry of a shadow table has. */
#define ENTRY_ALWAYS (PTE_P | PTE_US | PTE_A)
/* In an entry of a shadow table, a bit the processor ignores: for a FOREIGN guest frame. */
#define ENTRY_FOREIGN (1UL << 9)
#define ENTRY_COUNTED (1UL << 10) /* during an audit */

struct shadow_root {
    page_id page;
    uint64_t gfn; /* what the guest called it; 0: none */
};

struct shadow {
    struct spinlock lock; /* below domain.lock, above the frame owner's */
    bool closed;

    void *map;          /* map.c: a radix tree, three levels */
    uint64_t map_pages; /* of it */

    struct shadow_page **chunk;
    page_id pages;              /* ever made */
    page_id free;               /* list, by `next` */
    uint32_t in_use;            /* of the pool: made, less free */
    page_id hand;               /* of the clock that chooses what to drop */
    unsigned rounds;            /* it has made without finding any */
    uint32_t made, drops;       /* tables, so far */
    uint32_t epoch;             /* flushes so far */
    uint64_t loose[LOOSE_ROOM]; /* guest frames */
    unsigned loose_count;
    uint64_t store_gfn; /* between store_begin and store_end */

    struct descriptor_copy *copies;
    unsigned copies_count;
    uint64_t sweep; /* for the entries of this guest frame, which leaves; and where next, 0: none */
    page_id sweep_next;
    uint64_t freed;               /* places of the map looked at, at the domain's end */
    struct shadow_root root[][2]; /* of each vCPU, by view */
};

/* Where the guest finds frames that the hypervisor shares with it: just below 64 GiB, where it has
 * no memory of its own. */
#define SHARED_GFN  0xfff000UL
#define SHARED_GFNS 0x1000UL
#define GFN_LIMIT   LOG_FRAMES_MAX /* 256 GiB; the map has three levels */

static inline bool gfn_is_shared(uint64_t gfn)
{
    return gfn >= SHARED_GFN && gfn < SHARED_GFN + SHARED_GFNS;
}

/* -- map.c -- */

#define RECORDS  (PAGE_SIZE / sizeof(struct guest_frame)) /* of a leaf of the map */
#define BRANCHES (PAGE_SIZE / sizeof(void *))

/* NULL: no such frame.  Each fault asks some ten times: it is worth its place here. */
static inline struct guest_frame *guest_frame_find(const struct shadow *s, uint64_t gfn)
{
    void **root = s->map, **branch;
    struct guest_frame *leaf;

    if (unlikely(gfn >= GFN_LIMIT))
        return NULL;
    branch = root[gfn / RECORDS / BRANCHES];
    leaf = branch ? branch[gfn / RECORDS % BRANCHES] : NULL;
    return leaf ? &leaf[gfn % RECORDS] : NULL;
}
/* The first record from *gfn on that is not in an empty part of the map, and its number. */
struct guest_frame *guest_frame_next(struct shadow *s, uint64_t *gfn);
/* The record of one of the domain's own frames.  NULL: it has not been placed. */
struct guest_frame *guest_frame_of(struct shadow *s, mfn_t m);
/* The domain's own machine frame, with no reference: valid while the lock is held.  MFN_NONE:
 * none. */
static inline mfn_t guest_frame_mfn(const struct shadow *s, uint64_t gfn)
{
    const struct guest_frame *f = guest_frame_find(s, gfn);

    return f && f->mfn && !(f->mfn & (LEAVING | FOREIGN)) ? mfn(f->mfn & MFN_OF) : MFN_NONE;
}
int must_check guest_frame_place(struct domain *d, uint64_t gfn, mfn_t m);
/* The record of a guest frame that is nothing yet.  -EINVAL, -ENOMEM. */
int must_check guest_frame_vacant(struct domain *d, uint64_t gfn, struct guest_frame **f);
/* Takes a frame out everywhere, and gives it back.  -EINVAL: none there; -ERESTART. */
int must_check guest_frame_leave(struct domain *d, uint64_t gfn);
int must_check guest_frame_remove(struct domain *d, uint64_t gfn);
/* Frees a part of the map of a closed domain; true: it is all gone. */
bool map_free_some(struct shadow *s);
void map_destroy(struct shadow *s);

/* -- dirty-log.c -- */

static inline void frame_dirtied(struct guest_frame *f)
{
    f->mfn |= DIRTY;
}
int must_check shadow_log_start(struct domain *d);
int must_check shadow_log_stop(struct domain *d);
bool shadow_log_step(struct domain *d, enum log_phase phase, uint64_t *next);
unsigned shadow_log_take(struct domain *d, uint64_t first, unsigned n, uint8_t *bits, bool clean);

/* -- granted.c -- */

int must_check shadow_map_granted(struct vcpu *v, struct domain *frames_of, uint64_t address,
                                  bool contains_pte, pte_t value);
int must_check shadow_unmap_granted(struct vcpu *v, uint64_t address, bool contains_pte,
                                    pte_t expected);
int must_check shadow_bus_address(mfn_t m, uint64_t address, bool for_device, uint64_t *bus);
/* References for an entry that maps it; *rw: also for writing. */
int must_check granted_take(struct domain *d, const struct guest_frame *f, bool rw);
/* Such an entry is there now. */
void granted_entry_add(struct domain *d, struct guest_frame *f, entry_id id);
/* How many of them there are that have not been counted yet, or (`again`) that have been. */
unsigned granted_entries(struct shadow *s, const struct guest_frame *f, bool again);

/* -- pages.c -- */

static inline struct shadow_page *page_of(const struct shadow *s, page_id id)
{
    return &s->chunk[(id - 1) / PAGES_PER_CHUNK][(id - 1) % PAGES_PER_CHUNK];
}
/* The frame's own record, which nobody else uses, says which table it is. */
static inline page_id page_id_of(const struct shadow_page *p)
{
    return frame_of(mfn(p->mfn))->next;
}
static inline pte_t *page_entries(const struct shadow_page *p)
{
    return frame_virt(mfn(p->mfn));
}
/* A shadow of a guest's table; with `make`, a new one if there is none.  NULL: none. */
struct shadow_page *page_get(struct domain *d, uint64_t gfn, unsigned level, enum view view,
                             bool make);
/* The table below an entry. */
static inline struct shadow_page *page_below(const struct shadow *s, pte_t e)
{
    return page_of(s, frame_of(pte_mfn(e))->next);
}
/* Whether a cache line of a table has no entry: most have none. */
#define LINE_ENTRIES 8
static inline bool line_is_empty(const pte_t e[LINE_ENTRIES])
{
    return !(e[0] | e[1] | e[2] | e[3] | e[4] | e[5] | e[6] | e[7]);
}
/* Takes a shadow out of use: nothing refers to it through its frame any more, its entries are
 * gone, and it is free as soon as nothing links it. */
void page_drop(struct domain *d, struct shadow_page *p);
/* Makes all entries not present. */
void page_empty(struct domain *d, struct shadow_page *p);
void page_link(struct domain *d, struct shadow_page *p, entry_id from);
void page_unlink(struct domain *d, struct shadow_page *p, entry_id from);
/* All shadows of a guest frame. */
void pages_drop_of(struct domain *d, struct guest_frame *f);
/* Makes the pool, with so many tables that the guest gets on whatever else is short of memory. */
int must_check pool_create(struct domain *d);
/* Frees a part of the pool of a closed domain; true: it is all gone. */
bool pool_free_some(struct shadow *s);
void pool_destroy(struct shadow *s);

/* -- entries.c -- */

/* Whether a shadow's entry still is what the guest's entry allows. */
bool entry_is_in_step(struct shadow *s, const struct shadow_page *p, pte_t guest, pte_t e);
/* Makes an entry not present if it is not what the guest's allows (any more). */
void entry_compare(struct domain *d, struct shadow_page *p, unsigned index, pte_t guest);
/* All entries: those the guest's table allows stay as they are. */
void page_compare(struct domain *d, struct shadow_page *p);
/* Makes an L1 entry one for reading only. */
void entry_protect(struct domain *d, struct shadow_page *p, unsigned index);
/* Makes an entry not present. */
void entry_clear(struct domain *d, struct shadow_page *p, unsigned index);
/* Puts in what a present entry of the guest's L1 table, for the frame f, allows; writing before
 * there is a write only if none is logged.  -EINVAL: no such frame. */
int must_check entry_fill(struct domain *d, struct shadow_page *p, unsigned index, pte_t guest,
                          struct guest_frame *f, bool write);
/* An entry that leads to a table, with the rights that the guest's has. */
static inline pte_t entry_to(const struct shadow_page *below, pte_t guest)
{
    return pte_make(mfn(below->mfn), ENTRY_ALWAYS | (guest & (PTE_RW | PTE_NX)));
}
void entry_link(struct domain *d, struct shadow_page *p, unsigned index, pte_t guest,
                struct shadow_page *below);
/* Nobody may write the frame through shadows any more; true: nor otherwise, once these CPUs have
 * flushed, too. */
bool writers_remove(struct domain *d, struct guest_frame *f, struct cpu_set *cpus);
/* Whether its stores fault: one of the guest's tables, in step. */
static inline bool guest_frame_is_guarded(const struct shadow *s, const struct guest_frame *f)
{
    return f->shadows && !page_of(s, f->shadows)->loose;
}

/* -- fill.c -- */

/* A guest's walk: entries and tables as its own tables have them. */
struct guest_walk {
    uint64_t gfn[5]; /* of the table of level 1 to 4; 0: of the frame mapped */
    pte_t entry[5];  /* by level */
    unsigned level;  /* the last one looked at */
    pte_t all, any;  /* of one that went all the way: bits that every entry has, that some have */
    struct guest_frame *frame; /* what is known of the frame mapped, if that is there */
};

/* 0, or the bits of a page fault's error code (PF_PRESENT, PF_RESERVED) it would be told of, and
 * WALK_ABSENT if it is not there. */
int guest_walk(struct domain *d, uint64_t root, uint64_t address, struct guest_walk *w);
#define WALK_ABSENT 0x10000
enum fault_answer shadow_fault(struct vcpu *v, uint64_t address, uint32_t *error_code);

/* -- sync.c -- */

/* A store to a guarded table: whether it is finished by itself; else the table is to be loose. */
bool store_is_finished(struct shadow *s, struct guest_frame *f);
/* The guest may write the table from now on. */
void table_loosen(struct domain *d, struct guest_frame *f);
/* All loose tables in step again.  The lock is not held. */
void tables_step(struct domain *d);
/* An entry of the guest's table was changed: so are its shadows. */
void table_changed(struct domain *d, uint64_t gfn, unsigned index, pte_t now);

/* -- roots.c -- */

/* The root as the guest named it; 0: none. */
uint64_t root_gfn(const struct vcpu *v, bool user);
int must_check root_set(struct vcpu *v, enum view view, uint64_t gfn);
int must_check roots_drop(struct vcpu *v);

/* -- stores.c: the guest's entries, changed by the hypervisor for it -- */

int must_check shadow_store_begin(struct vcpu *v, uint64_t address, pte_t **slot);
int must_check shadow_store_exchange(struct vcpu *v, pte_t *slot, pte_t expected, pte_t value);
void shadow_store_end(struct vcpu *v);
bool shadow_store_refused(struct vcpu *v, uint64_t address);
int must_check shadow_update(struct domain *d, struct domain *frames_of, const struct mmu_update *u,
                             unsigned n, unsigned *done);
int must_check shadow_update_va(struct vcpu *v, struct domain *frames_of, uint64_t address,
                                pte_t value);

/* -- copies.c -- */

int must_check copy_get(struct domain *d, uint64_t gfn, mfn_t *m);
void copy_put(struct domain *d, mfn_t m);
uint64_t copy_gfn(struct domain *d, mfn_t m);
int must_check copy_update(struct domain *d, uint64_t address, uint64_t descriptor);

/* -- audit.c -- */

void shadow_tally(struct domain *d, struct tally *t);

#endif
