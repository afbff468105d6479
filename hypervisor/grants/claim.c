/*
 * The granter may change its entry at any time until GTF_reading or GTF_writing is set: flags and
 * domid are read, checked and marked by one compare-exchange; the frame number is read after it,
 * and the machine frame it stands for remembered.
 */
#include "grants/claim.h"
#include "domain/guest-frames.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "memory/frame-references.h"

#define MARK_TRIES 5

static int check_header(uint32_t header, domid_t user, bool write)
{
    unsigned flags = header & 0xffff;

    if ((flags & GTF_type_mask) != GTF_permit_access || header >> 16 != user)
        return GNTST_general_error;
    return write && (flags & GTF_readonly) ? GNTST_general_error : GNTST_okay;
}

/* Sets the in-use flags, if the entry allows this user this access.  A granter that never leaves
 * its entry alone is not waited for. */
static int mark_entry(struct grant_entry_v1 *e, domid_t user, bool write)
{
    uint32_t *header = (uint32_t *)e, seen = read_once(*header), marked;
    int r;

    for (unsigned tries = 0; tries < MARK_TRIES; tries++) {
        r = check_header(seen, user, write);
        if (r)
            return r;
        marked = seen | GTF_reading | (write ? GTF_writing : 0);
        if (atomic_compare_exchange(header, &seen, marked))
            return GNTST_okay;
    }
    return GNTST_general_error;
}

static void unmark_entry(struct grant_entry_v1 *e, const struct grant_pin *pin)
{
    uint16_t clear = 0;

    if (!pin->writers)
        clear |= GTF_writing;
    if (!pin->writers && !pin->readers)
        clear |= GTF_reading;
    if (clear)
        atomic_and(&e->flags, (uint16_t)~clear);
}

/* References to the frame.  Only the first of those who use an entry at a time looks in it. */
static int frame_claim(struct domain *granter, const struct grant_entry_v1 *e,
                       struct grant_pin *pin, bool write)
{
    mfn_t m = mfn(pin->frame);
    int r = GNTST_okay;

    if (!pin->readers && !pin->writers)
        r = granter->mode->frame_get(granter, read_once(e->frame), &m);
    else if (!frame_get(m, granter->frames.index))
        r = -EINVAL;
    if (r)
        return GNTST_bad_page;
    if (write && frame_type_claim(m, TYPE_WRITABLE)) {
        frame_put(m);
        return GNTST_general_error;
    }
    if (write)
        granter->mode->written_by_others(granter, m);
    pin->frame = m.n;
    return GNTST_okay;
}

static int claim_locked(struct domain *granter, domid_t user, grant_ref_t ref, bool write,
                        uint64_t *frame)
{
    struct grant_table *t = granter->grants;
    struct grant_entry_v1 *e;
    struct grant_pin *pin;
    int r;

    if (ref >= grant_table_limit(t))
        return GNTST_bad_gntref;
    e = grant_entry_locked(t, ref);
    pin = grant_pin_locked(t, ref);
    if (pin->readers + pin->writers == UINT32_MAX)
        return GNTST_no_space;
    r = mark_entry(e, user, write);
    if (r)
        return r;
    r = frame_claim(granter, e, pin, write);
    if (r) {
        unmark_entry(e, pin);
        return r;
    }
    *(write ? &pin->writers : &pin->readers) += 1;
    *frame = pin->frame;
    return GNTST_okay;
}

int grant_claim(struct domain *granter, domid_t user, grant_ref_t ref, bool write, uint64_t *frame)
{
    int r;

    spin_lock(&granter->grants->lock);
    r = claim_locked(granter, user, ref, write, frame);
    spin_unlock(&granter->grants->lock);
    return r;
}

void grant_unclaim(struct domain *granter, grant_ref_t ref, bool write, uint64_t frame)
{
    struct grant_table *t = granter->grants;
    struct grant_pin *pin;

    if (write)
        guest_frame_put_written(granter, mfn(frame));
    else
        frame_put(mfn(frame));
    spin_lock(&t->lock);
    pin = grant_pin_locked(t, ref);
    *(write ? &pin->writers : &pin->readers) -= 1;
    if (ref < grant_table_limit(t)) /* else its table is gone */
        unmark_entry(grant_entry_locked(t, ref), pin);
    spin_unlock(&t->lock);
}
