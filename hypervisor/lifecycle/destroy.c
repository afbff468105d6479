/*
 * A domain dies in stages, each of which may be interrupted and is found where it was left:
 * stopped, its ports closed, its roots and tables dropped, its grant mappings given back (after the
 * last entry for them, so that no frame of another domain's goes with an entry), its frames
 * released.  Frames that others still map stay until they let go; until then the domain
 * is a zombie, seen as dying, and its id is not used again.
 */
#include "lifecycle/destroy.h"
#include "events/binding.h"
#include "events/device-irq.h"
#include "grants/grant-table.h"
#include "grants/map.h"
#include "guest-cpu/descriptors.h"
#include "guest-paging/paging.h"
#include "lib/atomic.h"
#include "lib/bug.h"
#include "lib/errno.h"
#include "lifecycle/parts.h"
#include "lifecycle/vcpu-parts.h"
#include "lifecycle/watchdog.h"
#include "machine/interrupts.h"
#include "memory/frame-references.h"
#include "memory/heap.h"
#include "scheduling/scheduler.h"

#define RELEASES_A_CALL 4096u /* frames; then the caller may look after something else */

static void domain_free(struct domain *d)
{
    parts_destroy(d);
    heap_free(d, sizeof(*d));
}

void lifecycle_init(void)
{
    domain_last_put = domain_free;
    io_domain.mode = &direct_mode;
}

static void stop_everything(struct domain *d)
{
    struct vcpu *v;

    for_each_vcpu(v, d)
        vcpu_stop(v, VCPU_PAUSED);
    watchdogs_end(d);
    for_each_vcpu(v, d) {
        vcpu_wait_stopped(v);
        vcpu_timers_stop(v);
    }
}

static int drop_vcpu_state(struct domain *d)
{
    struct vcpu *v;
    int r;

    for_each_vcpu(v, d) {
        bool had = v->gdt_entries || v->ldt_entries;

        vcpu_drop_descriptors(v);
        if (had && preempt_point())
            return -ERESTART;
        if (!mfn_is_none(v->info_frame)) {
            frame_put_writable(v->info_frame);
            v->info_frame = MFN_NONE;
        }
        r = d->mode->drop_roots(v);
        if (r)
            return r;
    }
    return d->mode->finish(d);
}

/* Unpins and releases frame by frame; each one leaves the walk. */
static int release_frames(struct domain *d)
{
    unsigned done = 0;
    mfn_t m;
    int r;

    while (m = frame_owner_first(&d->frames), !mfn_is_none(m)) {
        r = d->mode->release(d, m);
        frame_put(m);
        if (r)
            return r;
        if (++done % 64 == 0 && (done == RELEASES_A_CALL || preempt_point()))
            return -ERESTART;
    }
    return d->mode->finish(d);
}

static void finalize(struct domain *d)
{
    domain_list_remove(d);
    domain_set_changed(d);
    virq_raise_global(VIRQ_DOM_EXC);
    domain_put(d);
}

void domain_emptied(struct frame_owner *owner)
{
    struct domain *d = container_of(owner, struct domain, frames);
    enum domain_life zombie = DOMAIN_ZOMBIE;

    /* Only once, and not before the teardown itself is through. */
    if (atomic_compare_exchange(&d->life, &zombie, DOMAIN_GONE))
        finalize(d);
}

/* The shared frames become ordinary ones, which go when nobody maps them. */
static void unshare(struct domain *d)
{
    struct shared_info *s = d->shared_info;

    grant_table_unshare(d);
    d->shared_info = NULL;
    if (s)
        frame_unshare(&d->frames, virt_mfn(s));
}

int domain_destroy(struct domain *d)
{
    int r;

    if (d->life == DOMAIN_ZOMBIE || d->life == DOMAIN_GONE)
        return 0;
    if (d->life == DOMAIN_ALIVE) {
        d->life = DOMAIN_DYING;
        stop_everything(d);
        d->mode->close(d);
        spin_lock(&d->frames.lock);
        d->frames.closed = true;
        spin_unlock(&d->frames.lock);
        domain_set_changed(d);
        virq_raise_global(VIRQ_DOM_EXC);
    }
    r = ports_close_all(d, true);
    if (!r) {
        device_irqs_unmap_all(d);
        r = drop_vcpu_state(d);
    }
    if (!r)
        r = grants_release_all(d);
    if (!r)
        r = release_frames(d);
    if (r)
        return r;
    /* A count of our own, so that the last frame's going is seen after the state is set. */
    spin_lock(&d->frames.lock);
    d->frames.count++;
    spin_unlock(&d->frames.lock);
    unshare(d);
    d->life = DOMAIN_ZOMBIE;
    spin_lock(&d->frames.lock);
    r = --d->frames.count == 0;
    spin_unlock(&d->frames.lock);
    if (r)
        domain_emptied(&d->frames);
    return 0;
}

void domain_unmake(struct domain *d)
{
    d->frames.closed = true;
    d->frames.emptied = NULL;
    BUG_ON(d->ports && ports_close_all(d, true)); /* it has none yet */
    if (d->grants)
        grant_table_unshare(d);
    if (d->shared_info)
        frame_unshare(&d->frames, virt_mfn(d->shared_info));
    domain_free(d);
}
