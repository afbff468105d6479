/* Both ends are claimed for the length of the copy, which goes through the hypervisor's own view
 * of memory: nothing is mapped. */
#include "grants/copy.h"
#include "domain/guest-frames.h"
#include "grants/claim.h"
#include "lib/string.h"

struct end {
    struct domain *owner; /* referenced */
    uint64_t frame;
    grant_ref_t ref;
    bool granted, write;
};

/* A frame of the caller's own (or of another domain's, for the control domain). */
static int own_frame_claim(struct end *e, uint64_t gfn)
{
    struct domain *d = e->owner;
    mfn_t m;

    if (e->write ? guest_frame_get_writable(d, gfn, &m) : d->mode->frame_get(d, gfn, &m))
        return GNTST_bad_page;
    e->frame = m.n;
    return GNTST_okay;
}

static int end_claim(struct domain *d, const struct gnttab_copy_ptr *p, bool granted, bool write,
                     struct end *e)
{
    int r;

    *e = (struct end){ .ref = p->u.ref, .granted = granted, .write = write };
    e->owner = domain_get(p->domid);
    if (!e->owner)
        return GNTST_bad_domain;
    if (granted)
        r = grant_claim(e->owner, d->id, e->ref, write, &e->frame);
    else if (e->owner != d && !d->privileged)
        r = GNTST_permission_denied;
    else
        r = own_frame_claim(e, p->u.gmfn);
    if (r)
        domain_put(e->owner);
    return r;
}

static void end_release(struct end *e)
{
    if (e->granted)
        grant_unclaim(e->owner, e->ref, e->write, e->frame);
    else if (e->write)
        guest_frame_put_written(e->owner, mfn(e->frame));
    else
        frame_put(mfn(e->frame));
    domain_put(e->owner);
}

int grant_copy(struct domain *d, const struct gnttab_copy *op)
{
    struct end from, to;
    int r;

    if (op->source.offset + op->len > PAGE_SIZE || op->dest.offset + op->len > PAGE_SIZE)
        return GNTST_bad_copy_arg;
    r = end_claim(d, &op->source, op->flags & GNTCOPY_source_gref, false, &from);
    if (r)
        return r;
    r = end_claim(d, &op->dest, op->flags & GNTCOPY_dest_gref, true, &to);
    if (!r) {
        memmove((char *)frame_virt(mfn(to.frame)) + op->dest.offset,
                (char *)frame_virt(mfn(from.frame)) + op->source.offset, op->len);
        end_release(&to);
    }
    end_release(&from);
    return r;
}
