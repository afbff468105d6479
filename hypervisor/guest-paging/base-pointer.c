/* The two roots of a vCPU; each holds a use and an L4 type reference. */
#include "guest-paging/walk.h"
#include "lib/errno.h"
#include "machine/per-cpu.h"
#include "machine/tlb.h"
#include "memory/frame-references.h"

/* References for a root; -EINVAL if it cannot be one. */
static int root_get_locked(struct domain *d, mfn_t m)
{
    int r;

    if (!frame_get(m, d->frames.index))
        return -EINVAL;
    r = table_get_locked(d, m, 4);
    if (r)
        frame_put(m);
    return r;
}

static void root_put_locked(struct domain *d, uint64_t root)
{
    if (root)
        table_put_locked(d, mfn(root >> PAGE_SHIFT));
}

static int root_replace(struct vcpu *v, uint64_t *root, mfn_t m, bool load)
{
    struct domain *d = v->domain;
    uint64_t old;
    int r = paging_lock(d);

    if (r)
        return r;
    r = d->paging->closed ? -EINVAL : m.n ? root_get_locked(d, m) : 0;
    if (!r) {
        old = *root;
        *root = m.n << PAGE_SHIFT;
        if (load)
            root_load(*root); /* before the old one may stop being a table */
        root_put_locked(d, old);
    }
    paging_leave_locked(d);
    return r;
}

int paging_set_kernel_root(struct vcpu *v, mfn_t m)
{
    if (!m.n)
        return -EINVAL;
    return root_replace(v, &v->kernel_root, m, v == current_vcpu());
}

int paging_set_user_root(struct vcpu *v, mfn_t m)
{
    return root_replace(v, &v->user_root, m, false);
}

int paging_drop_roots(struct vcpu *v)
{
    struct domain *d = v->domain;
    uint64_t *roots[2] = { &v->kernel_root, &v->user_root };
    int r = paging_lock(d);

    if (r)
        return r;
    for (unsigned i = 0; i < 2; i++) {
        root_put_locked(d, *roots[i]);
        *roots[i] = 0;
    }
    r = walk_finish_locked(d);
    paging_unlock(d);
    return r;
}
