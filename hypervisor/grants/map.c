/* A mapping holds the grant (claim.h), a handle (grant-table.h), and an L1 entry with references
 * of its own (guest-paging/): each is undone on its own, whatever the guest did to its entry. */
#include "grants/map.h"
#include "grants/claim.h"
#include "guest-paging/paging.h"
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

static int host_map(struct vcpu *v, struct domain *granter, const struct gnttab_map_grant_ref *op,
                    uint64_t frame)
{
    pte_t e = entry_for(frame, op->flags);
    int r;

    while ((r = paging_lock(v->domain)) == -ERESTART)
        ; /* a walk of ours is pending: finish it, here and now */
    if (op->flags & GNTMAP_contains_pte)
        r = paging_map_granted(v->domain, granter, op->host_addr, e);
    else
        r = paging_map_granted_va(v, granter, op->host_addr, e);
    paging_unlock(v->domain);
    return r ? GNTST_general_error : GNTST_okay;
}

static int map_claimed(struct vcpu *v, struct domain *granter, struct gnttab_map_grant_ref *op,
                       uint64_t frame)
{
    struct grant_table *own = v->domain->grants;
    struct grant_track *track;
    uint32_t handle;
    int r =
        grant_track_allocate(own, op->flags & (FLAGS_KNOWN & ~GNTMAP_guest_avail_mask), &handle);

    if (r)
        return r;
    r = op->flags & GNTMAP_host_map ? host_map(v, granter, op, frame) : GNTST_okay;
    spin_lock(&own->track_lock);
    if (r) {
        grant_track_free_locked(own, handle);
    } else {
        track = grant_track_locked(own, handle);
        track->domid = granter->id;
        track->ref = op->ref;
        track->frame = frame;
    }
    spin_unlock(&own->track_lock);
    op->handle = handle;
    op->dev_bus_addr = frame << PAGE_SHIFT;
    return r;
}

void grant_map(struct vcpu *v, struct gnttab_map_grant_ref *op)
{
    bool write = !(op->flags & GNTMAP_readonly);
    struct domain *granter;
    uint64_t frame;
    int r;

    if (!(op->flags & (GNTMAP_device_map | GNTMAP_host_map)) || (op->flags & ~FLAGS_KNOWN)) {
        op->status = GNTST_bad_gntref;
        return;
    }
    granter = op->dom < DOMID_FIRST_RESERVED ? domain_get(op->dom) : NULL;
    if (!granter) {
        op->status = GNTST_bad_domain;
        return;
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
    op->status = (int16_t)r;
}

static int host_unmap(struct vcpu *v, const struct gnttab_unmap_grant_ref *op, uint32_t flags,
                      uint64_t frame)
{
    int r;

    while ((r = paging_lock(v->domain)) == -ERESTART)
        ;
    r = paging_unmap_granted(v, op->host_addr, flags & GNTMAP_contains_pte, mfn(frame));
    paging_unlock(v->domain);
    return r ? GNTST_general_error : GNTST_okay;
}

/* Takes the record out of a handle, so that nobody else can unmap it too. */
static int track_take(struct grant_table *own, uint32_t handle, struct grant_track *out)
{
    struct grant_track *track;
    int r = GNTST_bad_handle;

    spin_lock(&own->track_lock);
    track = grant_track_locked(own, handle);
    if (track && track->flags && track->frame) {
        *out = *track;
        track->frame = 0; /* being unmapped */
        r = GNTST_okay;
    }
    spin_unlock(&own->track_lock);
    return r;
}

static void track_finish(struct grant_table *own, uint32_t handle, const struct grant_track *back)
{
    spin_lock(&own->track_lock);
    if (back)
        grant_track_locked(own, handle)->frame = back->frame;
    else
        grant_track_free_locked(own, handle);
    spin_unlock(&own->track_lock);
}

void grant_unmap_begin(struct vcpu *v, struct gnttab_unmap_grant_ref *op, struct grant_unmapping *u)
{
    struct grant_table *own = v->domain->grants;
    struct grant_track track;
    int r = track_take(own, op->handle, &track);

    u->granter = NULL;
    /* Even if its entry is gone already: the guest may not have flushed. */
    u->was_mapped = !r && (track.flags & GNTMAP_host_map);
    if (u->was_mapped && op->host_addr) {
        r = host_unmap(v, op, track.flags, track.frame);
        if (r)
            track_finish(own, op->handle, &track);
    }
    op->status = (int16_t)r;
    if (r)
        return;
    track_finish(own, op->handle, NULL);
    u->granter = domain_get(track.domid);
    u->ref = track.ref;
    u->frame = track.frame;
    u->write = !(track.flags & GNTMAP_readonly);
}

void grant_unmap_end(struct grant_unmapping *u)
{
    if (!u->granter)
        return;
    grant_unclaim(u->granter, u->ref, u->write, u->frame);
    domain_put(u->granter); /* the mapping's */
    domain_put(u->granter); /* ours */
}

int grants_release_all(struct domain *d)
{
    struct grant_table *own = d->grants;
    struct grant_track track;
    struct grant_unmapping u;

    for (uint32_t handle = 0; handle < own->track_pages * TRACKS_PER_PAGE; handle++) {
        if (track_take(own, handle, &track))
            continue;
        track_finish(own, handle, NULL);
        u = (struct grant_unmapping){ domain_get(track.domid), track.ref, track.frame,
                                      !(track.flags & GNTMAP_readonly), false };
        grant_unmap_end(&u);
        if (handle % 64 == 63 && preempt_point())
            return -ERESTART;
    }
    return 0;
}
