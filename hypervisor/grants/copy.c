/* Both ends are claimed while bytes are copied, which goes through the hypervisor's own view of
 * memory: nothing is mapped. */
#include "grants/copy.h"
#include "domain/guest-frames.h"
#include "grants/claim.h"
#include "lib/string.h"

/* A frame of the caller's own (or of another domain's, for the control domain). */
static int own_frame_claim(struct grant_copy_end *e, uint64_t gfn)
{
    struct domain *d = e->owner;
    mfn_t m;

    if (e->write ? guest_frame_get_writable(d, gfn, &m) : d->mode->frame_get(d, gfn, &m))
        return GNTST_bad_page;
    e->frame = m.n;
    return GNTST_okay;
}

static int owner_claim(struct domain *d, struct grant_copy_end *e)
{
    if (e->granted)
        return grant_claim(e->owner, d->id, (grant_ref_t)e->name, e->write, &e->frame);
    if (e->owner != d && !d->privileged)
        return GNTST_permission_denied;
    return own_frame_claim(e, e->name);
}

static void end_release(struct grant_copy_end *e)
{
    struct domain *owner = e->owner;

    if (!owner)
        return;
    e->owner = NULL;
    if (e->granted)
        grant_unclaim(owner, (grant_ref_t)e->name, e->write, e->frame);
    else if (e->write)
        guest_frame_put_written(owner, mfn(e->frame));
    else
        frame_put(mfn(e->frame));
    domain_put(owner);
}

/* Unless the last copy has left the very same claimed. */
static int end_claim(struct domain *d, const struct gnttab_copy_ptr *p, bool granted, bool write,
                     struct grant_copy_end *e)
{
    uint64_t name = granted ? p->u.ref : p->u.gmfn;
    int r;

    if (e->owner && e->granted == granted && e->name == name && e->domid == p->domid)
        return GNTST_okay;
    end_release(e);
    *e = (struct grant_copy_end){ .owner = domain_get(p->domid),
                                  .name = name,
                                  .domid = p->domid,
                                  .granted = granted,
                                  .write = write };
    if (!e->owner)
        return GNTST_bad_domain;
    r = owner_claim(d, e);
    if (r) {
        domain_put(e->owner);
        e->owner = NULL;
    }
    return r;
}

int grant_copy(struct grant_copier *c, const struct gnttab_copy *op)
{
    int r;

    if (op->source.offset + op->len > PAGE_SIZE || op->dest.offset + op->len > PAGE_SIZE)
        return GNTST_bad_copy_arg;
    r = end_claim(c->self, &op->source, op->flags & GNTCOPY_source_gref, false, &c->from);
    if (!r)
        r = end_claim(c->self, &op->dest, op->flags & GNTCOPY_dest_gref, true, &c->to);
    if (!r)
        memmove((char *)frame_virt(mfn(c->to.frame)) + op->dest.offset,
                (char *)frame_virt(mfn(c->from.frame)) + op->source.offset, op->len);
    return r;
}

void grant_copier_release(struct grant_copier *c)
{
    end_release(&c->to);
    end_release(&c->from);
}
