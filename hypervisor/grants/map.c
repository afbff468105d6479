/* A mapping holds the grant (claim.h), a handle (grant-table.h), and an L1 entry with references
 * of its own (the domain's paging mode): each is undone on its own, whatever the guest did to its
 * entry. */
#include "grants/map.h"
#include "grants/claim.h"
#include "lib/errno.h"
#include "machine/interrupts.h"
#include "machine/tlb.h"
#include "memory/frame-references.h"

#define FLAGS_KNOWN                                                                   \
    (GNTMAP_device_map | GNTMAP_host_map | GNTMAP_readonly | GNTMAP_application_map | \
     GNTMAP_contains_pte | GNTMAP_can_fail | GNTMAP_guest_avail_mask)

static pte_t entry_for(uint64_t frame, uint32_t flags)
{
    pte_t e = pte_make(mfn(frame), PTE_P | PTE_US | PTE_A | PTE_D | PTE_NX);

    if (!(flags & GNTMAP_readonly))
        e |= PTE_RW;
    return e | (uint64_t)(flags >> GNTMAP_guest_avail0 & 7) << 9;
}

/* GNTST_*, or -ERESTART. */
static int host_map(struct vcpu *v, struct domain *granter, const struct gnttab_map_grant_ref *op,
                    uint64_t frame)
{
    int r = v->domain->mode->map_granted(v, granter, op->host_addr, op->flags & GNTMAP_contains_pte,
                                         entry_for(frame, op->flags));

    return r && r != -ERESTART ? GNTST_general_error : r;
}

/* GNTST_*, or -ERESTART. */
static int map_claimed(struct vcpu *v, struct domain *granter, struct gnttab_map_grant_ref *op,
                       uint64_t frame)
{
    struct grant_table *own = v->domain->grants;
    struct grant_track *track;
    uint64_t bus;
    uint32_t handle;
    int r;

    if (v->domain->mode->bus_address(mfn(frame), op->flags & GNTMAP_host_map ? op->host_addr : 0,
                                     op->flags & GNTMAP_device_map, &bus))
        return GNTST_no_device_space;
    r = grant_track_allocate(own, op->flags & (FLAGS_KNOWN & ~GNTMAP_guest_avail_mask), &handle);
    if (r)
        return r;
    r = op->flags & GNTMAP_host_map ? host_map(v, granter, op, frame) : GNTST_okay;
    spin_lock(&own->track_lock);
    if (r) {
        grant_track_free_locked(own, handle);
    } else {
        track = grant_track_locked(own, handle);
        track->granter = granter;
        track->ref = op->ref;
        track->frame = frame;
        track->host_addr = op->host_addr;
        track->busy = false;
    }
    spin_unlock(&own->track_lock);
    if (r)
        return r;
    op->handle = handle;
    op->dev_bus_addr = bus;
    return GNTST_okay;
}

int grant_map(struct vcpu *v, struct gnttab_map_grant_ref *op)
{
    bool write = !(op->flags & GNTMAP_readonly);
    struct domain *granter;
    uint64_t frame;
    int r;

    if (!(op->flags & (GNTMAP_device_map | GNTMAP_host_map)) || (op->flags & ~FLAGS_KNOWN)) {
        op->status = GNTST_bad_gntref;
        return 0;
    }
    granter = op->dom < DOMID_FIRST_RESERVED ? domain_get(op->dom) : NULL;
    if (!granter) {
        op->status = GNTST_bad_domain;
        return 0;
    }
    r = grant_claim(granter, v->domain->id, op->ref, write, &frame);
    if (!r) {
        r = map_claimed(v, granter, op, frame);
        if (r)
            grant_unclaim(granter, op->ref, write, frame);
    }
    /* A mapping keeps the granter's structure: the reference goes with the handle. */
    if (r)
        domain_put(granter);
    if (r == -ERESTART)
        return r;
    op->status = (int16_t)r;
    return 0;
}

/* What a guest asks to be undone: by addresses, 0 for none. */
struct unmap {
    uint64_t host_addr, bus_addr;
    uint64_t new_addr; /* whose mapping takes the host part's place */
};

/* GNTST_*, or -ERESTART. */
static int host_unmap(struct vcpu *v, const struct unmap *op, const struct grant_track *t)
{
    const struct paging_mode *mode = v->domain->mode;
    pte_t expected = pte_make(mfn(t->frame), t->flags & GNTMAP_readonly ? 0 : PTE_RW);
    int r;

    if (op->host_addr != t->host_addr || (op->new_addr && t->flags & GNTMAP_contains_pte))
        return GNTST_general_error;
    r = op->new_addr
            ? mode->replace_granted(v, op->host_addr, op->new_addr, expected)
            : mode->unmap_granted(v, op->host_addr, t->flags & GNTMAP_contains_pte, expected);
    return r && r != -ERESTART ? GNTST_general_error : r;
}

/* Makes a handle's record busy, so that nobody else unmaps it too. */
static int track_take(struct grant_table *own, uint32_t handle, struct grant_track *out)
{
    struct grant_track *track;
    int r = GNTST_bad_handle;

    spin_lock(&own->track_lock);
    track = grant_track_locked(own, handle);
    if (track && track->flags && !track->busy) {
        *out = *track;
        track->busy = true;
        r = GNTST_okay;
    }
    spin_unlock(&own->track_lock);
    return r;
}

/* Puts it back with the parts it still has. */
static void track_finish(struct grant_table *own, uint32_t handle, uint32_t flags)
{
    struct grant_track *track;

    spin_lock(&own->track_lock);
    track = grant_track_locked(own, handle);
    track->flags = flags;
    track->busy = false;
    if (!(flags & (GNTMAP_host_map | GNTMAP_device_map)))
        grant_track_free_locked(own, handle);
    spin_unlock(&own->track_lock);
}

/* Undoes the parts whose address the caller gives; *flags: what is left.  GNTST_*, or -ERESTART. */
static int parts_unmap(struct vcpu *v, const struct unmap *op, const struct grant_track *t,
                       uint32_t *flags)
{
    int r;

    if (op->bus_addr && (*flags & GNTMAP_device_map)) {
        if (op->bus_addr != t->frame << PAGE_SHIFT)
            return GNTST_general_error;
        *flags &= ~(uint32_t)GNTMAP_device_map;
    }
    if (!op->host_addr || !(*flags & GNTMAP_host_map))
        return GNTST_okay;
    r = host_unmap(v, op, t);
    if (r)
        *flags = t->flags;
    else
        *flags &= ~(uint32_t)GNTMAP_host_map;
    return r;
}

static int unmap_begin(struct vcpu *v, const struct unmap *op, grant_handle_t handle,
                       int16_t *status, struct grant_unmapping *u)
{
    struct grant_table *own = v->domain->grants;
    struct grant_track track;
    uint32_t flags;
    int r = track_take(own, handle, &track);

    *u = (struct grant_unmapping){ .granter = NULL };
    *status = (int16_t)r;
    if (r)
        return 0;
    flags = track.flags;
    r = parts_unmap(v, op, &track, &flags);
    track_finish(own, handle, flags);
    if (r == -ERESTART)
        return r;
    *status = (int16_t)r;
    /* Even if its entry was gone already: the guest may not have flushed, and who took the host
     * part of the handle on another vCPU may not have come to its flush. */
    u->was_mapped = track.was_mapped;
    if (r || (flags & (GNTMAP_host_map | GNTMAP_device_map)))
        return 0;
    u->granter = track.granter;
    u->ref = track.ref;
    u->frame = track.frame;
    u->write = !(track.flags & GNTMAP_readonly);
    return 0;
}

int grant_unmap_begin(struct vcpu *v, struct gnttab_unmap_grant_ref *op, struct grant_unmapping *u)
{
    struct unmap unmap = { .host_addr = op->host_addr, .bus_addr = op->dev_bus_addr };

    return unmap_begin(v, &unmap, op->handle, &op->status, u);
}

int grant_replace_begin(struct vcpu *v, struct gnttab_unmap_and_replace *op,
                        struct grant_unmapping *u)
{
    struct unmap unmap = { .host_addr = op->host_addr, .new_addr = op->new_addr };

    return unmap_begin(v, &unmap, op->handle, &op->status, u);
}

void grant_unmap_end(struct grant_unmapping *u)
{
    if (!u->granter)
        return;
    grant_unclaim(u->granter, u->ref, u->write, u->frame);
    domain_put(u->granter);
}

int grants_release_all(struct domain *d)
{
    struct grant_table *own = d->grants;
    struct grant_track track;
    struct grant_unmapping u;
    uint32_t handle;

    while (own->release_next < own->track_pages * TRACKS_PER_PAGE) {
        handle = own->release_next++;
        if (!track_take(own, handle, &track)) {
            track_finish(own, handle, 0);
            u = (struct grant_unmapping){ track.granter, track.ref, track.frame,
                                          !(track.flags & GNTMAP_readonly), false };
            grant_unmap_end(&u);
        }
        if (handle % 64 == 63 && preempt_point())
            return -ERESTART;
    }
    return 0;
}
