/*
 * While the writes to a domain's frames are logged (domain/dirty-log.h), processors walk *mirrors*
 * of its validated tables: tables of the hypervisor's own, filled by faults.
 *
 *   mirrors.c       the bounded pool, found by the guest's table; roots; on and off
 *   mirror-fault.c  a fault walks the guest's tables and puts in what they say
 *   write-log.c     the marks
 *
 * The rules:
 *
 *   1. An entry of a mirror is there only while the guest's entry is, and allows no more.  Whoever
 *      changes an entry of a validated table takes the mirror's away without letting go of the lock
 *      in between (mirror_follow), before a reference of the guest's entry goes.  So a mirror needs
 *      none of its own, and what holds for TLBs and the guest's tables holds for mirrors.
 *   2. Upper entries lead to mirrors of the tables the guest's lead to.  A mirror goes when its
 *      table begins to be released (walk.c): nothing leads to either by then.
 *   3. An L1 entry allows writing only if the frame has been marked since marks were taken off.
 *   4. Accessed and dirty bits are set in the guest's entry first, and always stand in ours: no
 *      processor writes to either.
 *   5. When there is no room, all mirrors are dropped but loaded roots, which become empty: they
 *      come back by faults.  A mirror's frame is not used for another before every CPU that may
 *      have walked it has flushed.
 *
 * All of it is guarded by the paging lock, but for the marks, which are atomic.
 */
#ifndef GUEST_PAGING_MIRRORS_H
#define GUEST_PAGING_MIRRORS_H

#include "guest-paging/paging.h"
#include "lib/atomic.h"

struct tally;

#define MIRROR_BUCKETS     1024
#define MIRRORS_PER_CHUNK  (PAGE_SIZE / sizeof(struct mirror))
#define MIRROR_CHUNKS      16
#define MIRROR_MARKS       (PAGE_SIZE * 8) /* of a page */
#define MIRROR_MARKS_PAGES (LOG_FRAMES_MAX / MIRROR_MARKS)

/* By number from 1 on; 0: none. */
typedef uint16_t mirror_id;

struct mirror {
    uint32_t frame, table; /* ours and the guest's */
    mirror_id next;        /* in its bucket, or free */
    uint16_t loads;        /* roots of vCPUs that are this */
    uint8_t level;         /* 0: free */
};

struct mirrors {
    struct mirror *chunk[MIRROR_CHUNKS];
    unsigned limit, made, unused; /* made: ever; unused: of these */
    mirror_id free;               /* list, by `next` */
    mirror_id bucket[MIRROR_BUCKETS];
    uint64_t key; /* of the buckets */
    /* One bit for each number the guest gives its frames; NULL where it can have none. */
    uint64_t *marks[MIRROR_MARKS_PAGES];
};

/* -- mirrors.c -- */

struct mirror *mirror_of_number(struct mirrors *s, mirror_id id);
/* The mirror of a table, NULL: none; of an entry or a root of our own that leads to one. */
struct mirror *mirror_find(struct mirrors *s, mfn_t table);
struct mirror *mirror_behind(struct mirrors *s, uint64_t e);
/* The mirror of a validated table; there is one or room for it (mirrors_make_room). */
struct mirror *mirror_get(struct domain *d, mfn_t table, unsigned level);
/* From now on n mirrors can be made. */
void mirrors_make_room(struct domain *d, unsigned n);
/* The table is none any more. */
void mirror_drop(struct domain *d, mfn_t table);
void mirror_entry_clear(struct domain *d, const pte_t *at);

/* What a vCPU's root of the guest's (0: none) is for the processor, and an end of that. */
uint64_t mirror_load(struct domain *d, uint64_t root);
void mirror_unload(struct domain *d, uint64_t hardware_root);
/* From a root the processor has to the guest's. */
uint64_t mirror_root_table(const struct domain *d, uint64_t hardware_root);

/* What marks and mirrors are kept in; then the mirrors themselves, loaded, or none any more. */
int must_check mirrors_make(struct domain *d);
int must_check mirrors_start(struct domain *d);
int must_check mirrors_stop(struct domain *d);
/* All that is left: it had no roots any more when it stopped. */
void mirrors_destroy(struct domain *d);
void mirrors_tally(struct domain *d, struct tally *t);

static inline pte_t *mirror_entries(const struct mirror *m)
{
    return frame_virt(mfn(m->frame));
}

/* A vCPU's root as the guest named it; 0: none. */
static inline uint64_t guest_root(const struct vcpu *v, bool user)
{
    uint64_t root = user ? v->user_root : v->kernel_root;

    return likely(!v->domain->paging->mirrored) ? root : mirror_root_table(v->domain, root);
}

/* -- mirror-fault.c -- */

enum fault_answer mirror_fault(struct vcpu *v, uint64_t address, uint32_t *error_code);

/* -- write-log.c -- */

/* One of the domain's frames may have been written.  Callable without the lock. */
void frame_mark(struct domain *d, mfn_t m);
bool frame_is_marked(const struct domain *d, mfn_t m);
int must_check direct_log_start(struct domain *d);
bool direct_log_step(struct domain *d, enum log_phase phase, uint64_t *next);
unsigned direct_log_take(struct domain *d, uint64_t first, unsigned n, uint8_t *bits, bool clean);

static inline void frame_written(struct domain *d, mfn_t m)
{
    if (unlikely(atomic_load(&d->paging->mirrors)))
        frame_mark(d, m);
}

/* An entry of a validated table is going to be changed before the lock is let go, or has been: the
 * mirror's goes before a reference of the old one does. */
static inline void mirror_follow(struct domain *d, const pte_t *at)
{
    if (unlikely(d->paging->mirrored))
        mirror_entry_clear(d, at);
}

#endif
