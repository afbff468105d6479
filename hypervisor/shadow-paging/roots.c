/*
 * The two roots of a vCPU.  One that never names a root for user mode, as a kernel written for the
 * bare machine would not, has user mode see what its one root opens to it.
 */
#include "lib/errno.h"
#include "machine/interrupts.h"
#include "machine/per-cpu.h"
#include "machine/tlb.h"
#include "shadow-paging/shadow.h"

static uint64_t *hardware_root(struct vcpu *v, enum view view)
{
    return view == VIEW_KERNEL ? &v->kernel_root : &v->user_root;
}

/* p: NULL for none. */
static void load(struct vcpu *v, enum view view, struct shadow_page *p)
{
    struct shadow *s = v->domain->shadow;
    struct shadow_root *root = &s->root[v->id][view];
    page_id old = root->page;

    if (p) {
        page_link(v->domain, p, 0);
        p->recent = true;
    }
    root->page = p ? page_id_of(p) : 0;
    *hardware_root(v, view) = p ? (uint64_t)p->mfn << PAGE_SHIFT : 0;
    if (p && view == VIEW_KERNEL && v == current_vcpu())
        root_load(*hardware_root(v, view));
    if (old)
        page_unlink(v->domain, page_of(s, old), 0);
}

/* The clock has not been everywhere: it goes on when called again. */
static int no_room(struct shadow *s)
{
    if (s->rounds < 4)
        return -EAGAIN;
    s->rounds = 0;
    return -ENOMEM;
}

/* user_gfn: what user mode's root is called after it. */
static int set_locked(struct vcpu *v, enum view view, uint64_t gfn, uint64_t user_gfn)
{
    struct domain *d = v->domain;
    struct shadow_root *root = d->shadow->root[v->id];
    bool both = view == VIEW_KERNEL && !user_gfn;
    struct shadow_page *p, *for_user = NULL;

    if (d->shadow->closed || mfn_is_none(guest_frame_mfn(d->shadow, gfn)))
        return -EINVAL;
    p = page_get(d, gfn, 4, view, true);
    if (!p)
        return no_room(d->shadow);
    p->busy = true;
    if (both)
        for_user = page_get(d, gfn, 4, VIEW_USER, true);
    p->busy = false;
    if (both && !for_user)
        return no_room(d->shadow);
    load(v, view, p);
    if (both)
        load(v, VIEW_USER, for_user);
    root[view].gfn = gfn;
    root[VIEW_USER].gfn = user_gfn;
    return 0;
}

uint64_t root_gfn(const struct vcpu *v, bool user)
{
    return v->domain->shadow->root[v->id][user ? VIEW_USER : VIEW_KERNEL].gfn;
}

static int set_once(struct vcpu *v, enum view view, uint64_t gfn)
{
    struct shadow_root *root = v->domain->shadow->root[v->id];
    int r = 0;

    spin_lock(&v->domain->shadow->lock);
    if (view == VIEW_KERNEL)
        r = set_locked(v, view, gfn, root[VIEW_USER].gfn);
    else if (gfn)
        r = set_locked(v, view, gfn, gfn);
    else if (root[VIEW_KERNEL].gfn) /* from now on it is the kernel's */
        r = set_locked(v, VIEW_KERNEL, root[VIEW_KERNEL].gfn, 0);
    spin_unlock(&v->domain->shadow->lock);
    return r;
}

int root_set(struct vcpu *v, enum view view, uint64_t gfn)
{
    int r;

    tables_step(v->domain); /* a load is a flush */
    while ((r = set_once(v, view, gfn)) == -EAGAIN)
        (void)!preempt_point();
    return r;
}

int roots_drop(struct vcpu *v)
{
    struct shadow *s = v->domain->shadow;

    spin_lock(&s->lock);
    load(v, VIEW_USER, NULL);
    load(v, VIEW_KERNEL, NULL);
    s->root[v->id][VIEW_USER].gfn = s->root[v->id][VIEW_KERNEL].gfn = 0;
    spin_unlock(&s->lock);
    return 0;
}
