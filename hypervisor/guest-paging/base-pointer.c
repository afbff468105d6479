/* The two roots of a vCPU; each holds a use and an L4 type reference. */
#include "guest-paging/mirrors.h"
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

/* What the guest called the root that it has no more.  `load`: the processor gets the new one at
 * once, before the old one may stop being a table. */
static uint64_t root_exchange_mirrored(struct vcpu *v, bool user, uint64_t root, bool load)
{
    uint64_t *at = user ? &v->user_root : &v->kernel_root, loaded = *at;
    uint64_t old = guest_root(v, user);

    write_once(*at, mirror_load(v->domain, root));
    if (load)
        root_load(*at);
    mirror_unload(v->domain, loaded);
    return old;
}

static inline uint64_t root_exchange(struct vcpu *v, bool user, uint64_t root, bool load)
{
    uint64_t *at = user ? &v->user_root : &v->kernel_root, old = *at;

    if (unlikely(v->domain->paging->mirrored))
        return root_exchange_mirrored(v, user, root, load);
    *at = root;
    if (load)
        root_load(root);
    return old;
}

static int root_replace(struct vcpu *v, bool user, mfn_t m, bool load)
{
    struct domain *d = v->domain;
    uint64_t old;
    int r = paging_lock(d);

    if (r)
        return r;
    r = d->paging->closed ? -EINVAL : m.n ? root_get_locked(d, m) : 0;
    if (!r) {
        old = root_exchange(v, user, m.n << PAGE_SHIFT, load);
        root_put_locked(d, old);
    }
    paging_leave_locked(d);
    return r;
}

int paging_set_kernel_root(struct vcpu *v, mfn_t m)
{
    if (!m.n)
        return -EINVAL;
    return root_replace(v, false, m, v == current_vcpu());
}

int paging_set_user_root(struct vcpu *v, mfn_t m)
{
    return root_replace(v, true, m, false);
}

int paging_drop_roots(struct vcpu *v)
{
    struct domain *d = v->domain;
    int r = paging_lock(d);

    if (r)
        return r;
    root_put_locked(d, root_exchange(v, false, 0, false));
    root_put_locked(d, root_exchange(v, true, 0, false));
    r = walk_finish_locked(d);
    paging_unlock(d);
    return r;
}
