/*
 * Direct mode: the guest's own tables are what the processor walks, so every entry is checked
 * before it is there, and tables are read-only for the guest.
 *
 * References: a present L1 entry holds a use of its frame, and a TYPE_WRITABLE count if it allows
 * writing; an entry above holds a use and a type count of the table below.  A table is validated
 * when its type count leaves 0 and released when it returns there (walk.c).
 *
 * Functions named *_locked want the domain's paging lock.  Those that may return -ERESTART were
 * interrupted with nothing lost: call again with the same arguments.  They may drop the lock on
 * the way; what they return 0 for holds when they return.
 */
#ifndef GUEST_PAGING_PAGING_H
#define GUEST_PAGING_PAGING_H

#include "domain/domain.h"
#include "memory/page-table-entry.h"

enum walk_state { WALK_NONE, WALK_PROMOTE, WALK_DEMOTE };

/* A table being walked: entries below `index` hold their references. */
struct walk_step {
    mfn_t table;
    uint16_t index;
    uint8_t level;
};

/* One promotion or demotion, possibly interrupted.  It holds a use reference of its root. */
struct table_walk {
    enum walk_state state;
    int error;       /* why a promotion turned back */
    uint64_t ticket; /* of the promotion */
    unsigned depth;
    struct walk_step step[4];
};

/* How the last promotion ended. */
struct walk_result {
    uint64_t ticket;
    int error;
    mfn_t table; /* MFN_NONE, or a validated table with a type and a use reference */
    unsigned level;
};

struct paging {
    /* Guards every validated table of the domain and what follows.  Below domain.lock, above the
     * frame owner's. */
    struct spinlock lock;
    struct table_walk walk;
    struct walk_result result;
    uint64_t last_ticket;
    bool closed;             /* dying: no table is made or changed any more */
    bool mirrored;           /* processors walk mirrors of its tables (mirrors.h) */
    struct mirrors *mirrors; /* NULL before they first did */
    /* Tables whose last type reference is gone, with a use reference each. */
    unsigned releases;
    struct walk_step release[]; /* releases_max() of them */
};

/* A CPU is in one operation at a time, and an operation lets three tables go at most: what it held
 * while the lock was down, the old entry's, and a result nobody came for. */
static inline unsigned releases_max(void)
{
    return 3 * cpu_count;
}

/* What the rest of the hypervisor sees of all this (direct-mode.c). */
extern const struct paging_mode direct_mode;

int must_check paging_create(struct domain *d);
/* Drops what is left of an interrupted walk.  -ERESTART. */
int must_check paging_finish(struct domain *d);
/* From here on nothing is pinned, loaded or changed, whoever asks: the domain is dying. */
void paging_close(struct domain *d);
void paging_destroy(struct domain *d);

/* Whether a walk or a release waits. */
static inline bool walk_is_pending_locked(const struct domain *d)
{
    return d->paging->walk.state != WALK_NONE || d->paging->releases;
}
/* Does all that waits, dropping the lock on the way.  -ERESTART: there is other work; the lock is
 * still held. */
int must_check walk_finish_locked(struct domain *d);

static inline void paging_unlock(struct domain *d)
{
    spin_unlock(&d->paging->lock);
}

/* Takes the lock with no walk pending.  -ERESTART: not taken. */
static inline int must_check paging_lock(struct domain *d)
{
    int r;

    spin_lock(&d->paging->lock);
    if (likely(!walk_is_pending_locked(d)))
        return 0;
    r = walk_finish_locked(d);
    if (r)
        paging_unlock(d);
    return r;
}

/* The same where it is held already, between two operations.  -ERESTART: it is still held. */
static inline int must_check paging_settle_locked(struct domain *d)
{
    return likely(!walk_is_pending_locked(d)) ? 0 : walk_finish_locked(d);
}

/* The same without the lock, at the end of an operation: what it let go is ready for other uses
 * when the guest goes on. */
int must_check paging_settle(struct domain *d);

/* Releases what the operation has let go, as far as other work allows, and drops the lock. */
static inline void paging_leave_locked(struct domain *d)
{
    /* What remains is done by whoever takes the lock next: this operation is through. */
    if (unlikely(walk_is_pending_locked(d)))
        (void)!walk_finish_locked(d);
    paging_unlock(d);
}

/*
 * Writes an entry at a machine address.  frames_of: whose frames an L1 entry may map.
 * preserve_ad: keep accessed and dirty bits the processor has set meanwhile.
 * -EINVAL: not a table, not its owner's, or an entry that may not be.
 */
int must_check paging_update_locked(struct domain *d, struct domain *frames_of,
                                    uint64_t machine_address, pte_t value, bool preserve_ad);
/* The same for the L1 entry that maps `address` under a root. */
int must_check paging_update_va_locked(struct domain *d, struct domain *frames_of, uint64_t root,
                                       uint64_t address, pte_t value);

/* The L1 entry for an address, NULL if the tables do not reach that far. */
pte_t *paging_find_l1_locked(uint64_t root, uint64_t address);
/*
 * A store to one of its own L1 tables: `begin` finds the entry that is stored to at an address, and
 * takes the lock; -EINVAL, -ERESTART: it has not.  `exchange` replaces it only if it is `expected`;
 * -EAGAIN if it is not, -EINVAL or -EBUSY if it may not be.
 */
int must_check paging_store_begin(struct vcpu *v, uint64_t address, pte_t **slot);
int must_check paging_store_exchange(struct vcpu *v, pte_t *slot, pte_t expected, pte_t value);

int must_check paging_pin(struct domain *d, mfn_t m, unsigned level);
int must_check paging_unpin(struct domain *d, mfn_t m);
/* Roots of a vCPU; the running one's is loaded at once.  mfn 0 as user root: none. */
int must_check paging_set_kernel_root(struct vcpu *v, mfn_t m);
int must_check paging_set_user_root(struct vcpu *v, mfn_t m);
/* Drops both roots of a vCPU that will not run again. */
int must_check paging_drop_roots(struct vcpu *v);
/* Drops every pin; for a domain that is being destroyed. */
int must_check paging_unpin_all(struct domain *d, mfn_t m);

/* Writes an L1 entry for a granted frame, which belongs to `frames_of`; the entry holds its own
 * references.  expected: for unmapping, -ENOENT if it is not this frame that is mapped there, or
 * not with this permission (PTE_RW). */
int must_check paging_map_granted(struct domain *d, struct domain *frames_of,
                                  uint64_t machine_address, pte_t value);
int must_check paging_map_granted_va(struct vcpu *v, struct domain *frames_of, uint64_t address,
                                     pte_t value);
int must_check paging_unmap_granted(struct vcpu *v, uint64_t address, bool is_machine_address,
                                    pte_t expected);
/* By virtual addresses: the entry for `from` takes the place of the one for `address`. */
int must_check paging_replace_granted(struct vcpu *v, uint64_t address, uint64_t from,
                                      pte_t expected);

#endif
