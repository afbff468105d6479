/* Shadow mode behind the interface of all modes (domain/paging-mode.h). */
#include "hypercall-abi/version.h"
#include "lib/bits.h"
#include "lib/bug.h"
#include "lib/errno.h"
#include "machine/interrupts.h"
#include "machine/latency.h"
#include "machine/tlb.h"
#include "memory/frame-references.h"
#include "memory/heap.h"
#include "memory/machine-to-physical.h"
#include "shadow-paging/shadow.h"

static size_t shadow_bytes(const struct domain *d)
{
    return sizeof(struct shadow) + d->max_vcpus * sizeof(d->shadow->root[0]);
}

static void destroy(struct domain *d)
{
    struct shadow *s = d->shadow;

    if (!s)
        return;
    BUG_ON(s->copies);
    pool_destroy(s);
    map_destroy(s);
    heap_free(s, shadow_bytes(d));
    d->shadow = NULL;
}

static int create(struct domain *d)
{
    struct shadow *s = d->shadow = heap_allocate(shadow_bytes(d));
    int r = -ENOMEM;

    if (!s)
        return -ENOMEM;
    s->map = heap_page_allocate();
    if (s->map)
        r = pool_create(d);
    return r ? r : guest_frame_place(d, SHARED_GFN, virt_mfn(d->shared_info));
}

static void close(struct domain *d)
{
    spin_lock(&d->shadow->lock);
    d->shadow->closed = true;
    d->shadow->hand = 0; /* finish() goes through all from here */
    spin_unlock(&d->shadow->lock);
}

/* Nobody looks at tables or map any more: closed. */
static int finish_memory(struct shadow *s)
{
    while (!pool_free_some(s) || !map_free_some(s))
        if (latency_is_due() && preempt_point())
            return -ERESTART;
    return 0;
}

static bool has_roots(const struct domain *d)
{
    const struct shadow *s = d->shadow;

    for (unsigned i = 0; i < d->max_vcpus; i++)
        if (s->root[i][VIEW_USER].page || s->root[i][VIEW_KERNEL].page)
            return true;
    return false;
}

/* Of a dying domain: table after table goes, with no vCPU left to bring it back. */
static int finish(struct domain *d)
{
    struct shadow *s = d->shadow;

    if (!s->closed || has_roots(d))
        return 0; /* nothing is ever left half done; and it is not yet time */
    for (; s->hand < s->pages; s->hand++) {
        struct shadow_page *p = page_of(s, s->hand + 1);

        spin_lock(&s->lock); /* a grant's user may still be told to loosen a table */
        if (p->level && !p->dead)
            page_drop(d, p);
        spin_unlock(&s->lock);
        if (latency_is_due() && preempt_point())
            return -ERESTART;
    }
    return finish_memory(s);
}

static int release(struct domain *d, mfn_t m)
{
    (void)!frame_owner_release(&d->frames, m);
    return 0;
}

static int frame_get_by_number(struct domain *d, uint64_t gfn, mfn_t *m)
{
    int r = -EINVAL;

    spin_lock(&d->shadow->lock);
    *m = d->shadow->closed ? MFN_NONE : guest_frame_mfn(d->shadow, gfn);
    if (!mfn_is_none(*m) && frame_get(*m, d->frames.index))
        r = 0;
    spin_unlock(&d->shadow->lock);
    return r;
}

/* A grant has a guest frame here, which no other frame can take the place of. */
static int replace_granted(struct vcpu *v maybe_unused, uint64_t address maybe_unused,
                           uint64_t from maybe_unused, pte_t expected maybe_unused)
{
    return -EINVAL;
}

static void written_by_others(struct domain *d, mfn_t m)
{
    struct guest_frame *f;

    spin_lock(&d->shadow->lock);
    f = d->shadow->closed ? NULL : guest_frame_of(d->shadow, m);
    if (f)
        frame_dirtied(f);
    if (f && guest_frame_is_guarded(d->shadow, f))
        table_loosen(d, f);
    spin_unlock(&d->shadow->lock);
}

static uint64_t gfn_of(mfn_t m)
{
    return machine_to_physical(m);
}

static int frame_at(struct vcpu *v, uint64_t address, uint64_t *gfn)
{
    struct shadow *s = v->domain->shadow;
    struct guest_walk w;
    int r;

    spin_lock(&s->lock);
    r = s->closed || guest_walk(v->domain, root_gfn(v, false), address, &w) ? -EINVAL : 0;
    spin_unlock(&s->lock);
    if (!r)
        *gfn = w.gfn[0];
    return r;
}

static uint64_t shared_gfn(struct domain *d, mfn_t m, unsigned index)
{
    struct shadow *s = d->shadow;
    uint64_t gfn = SHARED_GFN + index;
    int r = 0;

    spin_lock(&s->lock);
    if (!s->closed && guest_frame_mfn(s, gfn).n != m.n)
        r = guest_frame_place(d, gfn, m);
    spin_unlock(&s->lock);
    return r ? UINT64_MAX : gfn;
}

static int place(struct domain *d, mfn_t m, uint64_t gfn)
{
    int r = -EINVAL;

    if (gfn_is_shared(gfn))
        return r;
    spin_lock(&d->shadow->lock);
    if (!d->shadow->closed)
        r = guest_frame_place(d, gfn, m);
    spin_unlock(&d->shadow->lock);
    return r;
}

/* Pins mean nothing here; that a root's pin goes is a hint that its tables go, too. */
static int pin(struct domain *d, uint64_t gfn, unsigned level maybe_unused)
{
    mfn_t m;

    if (frame_get_by_number(d, gfn, &m))
        return -EINVAL;
    frame_put(m);
    return 0;
}

static int unpin(struct domain *d, uint64_t gfn)
{
    struct guest_frame *f;
    int r = -EINVAL;

    spin_lock(&d->shadow->lock);
    f = d->shadow->closed ? NULL : guest_frame_find(d->shadow, gfn);
    if (f && f->mfn) {
        pages_drop_of(d, f);
        r = 0;
    }
    spin_unlock(&d->shadow->lock);
    return r;
}

static int settle(struct domain *d maybe_unused)
{
    return 0;
}

static int set_kernel_root(struct vcpu *v, uint64_t gfn)
{
    return root_set(v, VIEW_KERNEL, gfn);
}

static int set_user_root(struct vcpu *v, uint64_t gfn)
{
    return root_set(v, VIEW_USER, gfn);
}

static void flush(struct vcpu *v, const struct cpu_set *cpus, enum flush_extent extent,
                  uint64_t address)
{
    struct domain *d = v->domain;

    tables_step(d);
    if (extent == FLUSH_PAGE)
        cpus ? tlb_flush_page_cpus(cpus, address) : tlb_flush_page_local(address);
    else
        cpus ? tlb_flush_cpus(cpus) : tlb_flush_local();
}

const struct paging_mode shadow_mode = {
    .name = "shadow",
    .features = 1U << XENFEAT_writable_page_tables | 1U << XENFEAT_writable_descriptor_tables |
                1U << XENFEAT_auto_translated_physmap,
    .create = create,
    .finish = finish,
    .close = close,
    .drop_roots = roots_drop,
    .release = release,
    .destroy = destroy,
    .tally = shadow_tally,
    .frame_get = frame_get_by_number,
    .written_by_others = written_by_others,
    .gfn_of = gfn_of,
    .frame_at = frame_at,
    .shared_gfn = shared_gfn,
    .place = place,
    .remove = guest_frame_remove,
    .leave = guest_frame_leave,
    .update = shadow_update,
    .update_va = shadow_update_va,
    .pin = pin,
    .unpin = unpin,
    .settle = settle,
    .set_kernel_root = set_kernel_root,
    .set_user_root = set_user_root,
    .root_gfn = root_gfn,
    .flush = flush,
    .log_start = shadow_log_start,
    .log_stop = shadow_log_stop,
    .log_step = shadow_log_step,
    .log_take = shadow_log_take,
    .map_granted = shadow_map_granted,
    .unmap_granted = shadow_unmap_granted,
    .replace_granted = replace_granted,
    .bus_address = shadow_bus_address,
    .descriptor_get = copy_get,
    .descriptor_put = copy_put,
    .descriptor_gfn = copy_gfn,
    .descriptor_update = copy_update,
    .fault = shadow_fault,
    .store_begin = shadow_store_begin,
    .store_exchange = shadow_store_exchange,
    .store_end = shadow_store_end,
    .store_refused = shadow_store_refused,
};
