/* What a domain is made of.  A part that fails to be made leaves the earlier ones to be undone;
 * undoing a part that was never made does nothing. */
#include "lifecycle/parts.h"
#include "events/binding.h"
#include "grants/grant-table.h"
#include "guest-cpu/guest-clock.h"
#include "guest-paging/paging.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "lifecycle/vcpu-parts.h"
#include "lifecycle/watchdog.h"
#include "machine/interrupts.h"
#include "machine/latency.h"
#include "memory/frame-allocator.h"
#include "memory/heap.h"
#include "shadow-paging/shadow.h"

static int shared_info_create(struct domain *d)
{
    mfn_t m = frames_allocate(0, 0, false);

    if (mfn_is_none(m))
        return -ENOMEM;
    d->shared_info = memset(frame_virt(m), 0, PAGE_SIZE);
    memset(d->shared_info->evtchn_mask, 0xff, sizeof(d->shared_info->evtchn_mask));
    frame_share(&d->frames, m, true);
    guest_wall_clock_update(d);
    return 0;
}

static int vcpus_create(struct domain *d)
{
    for (unsigned i = 0; i < d->max_vcpus; i++) {
        int r = vcpu_create(d, i);

        if (r)
            return r;
        if (latency_is_due())
            (void)!preempt_point(); /* nobody knows the domain yet */
    }
    return 0;
}

int parts_create(struct domain *d, const struct xen_domctl_createdomain *config)
{
    int r;

    d->mode = config->flags & PARAVANE_CDF_shadow ? &shadow_mode : &direct_mode;
    watchdogs_init(d);
    r = frame_owner_register(&d->frames, 0);
    if (!r)
        r = shared_info_create(d);
    if (!r)
        r = d->mode->create(d);
    if (!r)
        r = event_ports_create(
            d, config->max_evtchn_port == UINT32_MAX ? MAX_PORTS : config->max_evtchn_port + 1);
    if (!r)
        r = grant_table_create(d, config->max_grant_frames, config->max_maptrack_frames);
    if (!r)
        r = vcpus_create(d);
    return r;
}

void parts_destroy(struct domain *d)
{
    for (unsigned i = 0; i < MAX_VCPUS_PER_DOMAIN; i++)
        vcpu_destroy(d, i);
    grant_table_destroy(d);
    event_ports_destroy(d);
    d->mode->destroy(d);
    if (d->frames.index)
        frame_owner_unregister(&d->frames);
}
