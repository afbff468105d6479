/* A pin keeps a table validated while no other table refers to it. */
#include "guest-paging/mirrors.h"
#include "guest-paging/walk.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "memory/frame-references.h"
#include "memory/heap.h"

static size_t paging_bytes(void)
{
    return sizeof(struct paging) + releases_max() * sizeof(struct walk_step);
}

int paging_create(struct domain *d)
{
    d->paging = heap_allocate(paging_bytes());
    if (!d->paging)
        return -ENOMEM;
    d->paging->result.table = MFN_NONE;
    return 0;
}

void paging_destroy(struct domain *d)
{
    if (d->paging)
        mirrors_destroy(d);
    heap_free(d->paging, paging_bytes());
    d->paging = NULL;
}

int paging_settle(struct domain *d)
{
    int r;

    /* A look without the lock: this CPU sees what it has let go itself, and others' operations
     * are not over yet. */
    if (likely(!walk_is_pending_locked(d)))
        return 0;
    r = paging_lock(d);
    if (!r)
        paging_unlock(d);
    return r;
}

int paging_finish(struct domain *d)
{
    int r = paging_lock(d);

    if (r)
        return r;
    walk_drop_result_locked(d);
    r = walk_finish_locked(d);
    paging_unlock(d);
    if (!r && d->paging->closed)
        r = mirrors_stop(d);
    return r;
}

void paging_close(struct domain *d)
{
    spin_lock(&d->paging->lock);
    d->paging->closed = true;
    spin_unlock(&d->paging->lock);
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
    r = d->paging->closed ? -EINVAL : table_get_locked(d, m, level);
    if (r) {
        frame_put(m);
    } else if (atomic_or(&frame_of(m)->type, TYPE_PINNED) & TYPE_PINNED) {
        table_put_locked(d, m); /* it has a pin: this call's references go */
        r = -EINVAL;
    }
    paging_leave_locked(d);
    return r;
}

int paging_unpin(struct domain *d, mfn_t m)
{
    int r;

    if (!frame_get(m, d->frames.index))
        return -EINVAL;
    r = paging_lock(d);
    if (!r) {
        if (atomic_and(&frame_of(m)->type, ~TYPE_PINNED) & TYPE_PINNED)
            table_put_locked(d, m);
        else
            r = -EINVAL;
        paging_leave_locked(d);
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
