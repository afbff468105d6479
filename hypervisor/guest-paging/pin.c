/* A pin keeps a table validated while no other table refers to it. */
#include "guest-paging/walk.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "memory/frame-references.h"
#include "memory/heap.h"

int paging_create(struct domain *d)
{
    d->paging = heap_allocate(sizeof(*d->paging));
    if (!d->paging)
        return -ENOMEM;
    d->paging->walk.kept = MFN_NONE;
    return 0;
}

void paging_destroy(struct domain *d)
{
    heap_free(d->paging, sizeof(*d->paging));
    d->paging = NULL;
}

int paging_lock(struct domain *d)
{
    int r;

    spin_lock(&d->paging->lock);
    if (likely(d->paging->walk.state == WALK_NONE))
        return 0;
    r = walk_finish_locked(d, true);
    if (r)
        spin_unlock(&d->paging->lock);
    return r;
}

int paging_finish(struct domain *d)
{
    struct table_walk *w = &d->paging->walk;
    int r = paging_lock(d);
    mfn_t kept;

    if (r)
        return r;
    while (!r && !mfn_is_none(w->kept)) {
        kept = w->kept;
        w->kept = MFN_NONE;
        r = table_put_locked(d, kept, true);
        if (r)
            w->kept = kept;
        else
            r = walk_finish_locked(d, true);
    }
    paging_unlock(d);
    return r;
}

int paging_pin(struct domain *d, mfn_t m, unsigned level)
{
    int r;

    if (!frame_get(m, d->frames.index))
        return -EINVAL;
    r = paging_lock(d);
    if (r) {
        frame_put(m);
        return r;
    }
    r = table_get_locked(d, m, level);
    if (r) {
        frame_put(m);
    } else if (atomic_or(&frame_of(m)->type, TYPE_PINNED) & TYPE_PINNED) {
        /* It has a pin: this call's references go. */
        r = table_put_locked(d, m, false);
        r = r ? r : -EINVAL;
    }
    paging_unlock(d);
    return r;
}

static int unpin_locked(struct domain *d, mfn_t m)
{
    int r = walk_finish_locked(d, true);

    if (r)
        return r;
    if (!(atomic_and(&frame_of(m)->type, ~TYPE_PINNED) & TYPE_PINNED))
        return -EINVAL;
    return table_put_locked(d, m, true);
}

int paging_unpin(struct domain *d, mfn_t m)
{
    int r;

    if (!frame_get(m, d->frames.index))
        return -EINVAL;
    r = paging_lock(d);
    if (!r) {
        r = unpin_locked(d, m);
        paging_unlock(d);
    }
    frame_put(m);
    return r;
}

int paging_unpin_all(struct domain *d, mfn_t m)
{
    if (!(read_once(frame_of(m)->type) & TYPE_PINNED))
        return 0;
    return paging_unpin(d, m);
}
