/*
 * The TSC is the same on every CPU and never changes its pace, so a vCPU's clock is written once
 * and stays right: no update on a switch.  Readers detect an update by the version (odd while it
 * is written), as vcpu_time_info describes.
 */
#include "guest-cpu/guest-clock.h"
#include "domain/guest-memory.h"
#include "lib/atomic.h"
#include "machine/clock.h"
#include "machine/tlb.h"

static void fill(struct vcpu_time_info *t)
{
    t->tsc_timestamp = clock_scale.tsc_start;
    t->system_time = 0;
    t->tsc_to_system_mul = clock_scale.mul;
    t->tsc_shift = clock_scale.shift;
    t->flags = clock_never_warps ? XEN_PVCLOCK_TSC_STABLE_BIT : 0;
}

void guest_clock_update(struct vcpu *v)
{
    struct vcpu_time_info *t = &v->info->time, copy = { .version = 2 };
    uint32_t version = read_once(t->version) | 1;

    write_once(t->version, version);
    compiler_barrier(); /* stores are seen in order on x86; pairs with the guest's version checks */
    fill(t);
    compiler_barrier();
    write_once(t->version, version + 1);
    if (!v->time_area)
        return;
    v->time_area_due = v != current_vcpu();
    if (v->time_area_due)
        return;
    fill(&copy);
    /* The address is the guest kernel's: use its root for the moment. */
    if (v->mode == VCPU_USER)
        root_switch(v->kernel_root);
    if (guest_write(v->time_area, &copy, sizeof(copy)))
        v->time_area = 0; /* gone: it is not tried again */
    if (v->mode == VCPU_USER)
        root_switch(v->user_root);
}

void guest_wall_clock_update(struct domain *d)
{
    struct shared_info *s = d->shared_info;
    uint32_t version = read_once(s->wc_version) | 1, nanoseconds;
    uint64_t seconds;

    clock_wall_base(&seconds, &nanoseconds);
    seconds += (uint64_t)d->time_offset_seconds;
    write_once(s->wc_version, version);
    compiler_barrier();
    s->wc_sec = (uint32_t)seconds;
    s->wc_sec_hi = (uint32_t)(seconds >> 32);
    s->wc_nsec = nanoseconds;
    compiler_barrier();
    write_once(s->wc_version, version + 1);
}
