/* A vCPU, its FPU area and its timers. */
#include "lifecycle/vcpu-parts.h"
#include "emulation/fetch.h"
#include "events/binding.h"
#include "guest-cpu/debug-registers.h"
#include "guest-cpu/guest-clock.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "machine/clock.h"
#include "machine/fpu.h"
#include "memory/heap.h"
#include "scheduling/disturbance.h"
#include "scheduling/scheduler.h"

static void singleshot_fired(struct timer *t)
{
    virq_raise(container_of(t, struct vcpu, singleshot), VIRQ_TIMER);
}

static void periodic_fired(struct timer *t)
{
    struct vcpu *v = container_of(t, struct vcpu, periodic);

    uint64_t period = read_once(v->periodic_ns);

    virq_raise(v, VIRQ_TIMER);
    if (period)
        timer_set(t, read_once(v->sched.cpu), max(read_once(t->when) + period, clock_now()));
}

static void poll_timed_out(struct timer *t)
{
    vcpu_wake(container_of(t, struct vcpu, poll_timer));
}

static void parts_free(struct vcpu *v)
{
    heap_free(v->fpu, fpu_area_bytes());
    heap_free(v->decoded, DECODED_BYTES);
    heap_free(v, sizeof(*v));
}

int vcpu_create(struct domain *d, unsigned id)
{
    struct vcpu *v = heap_allocate(sizeof(*v));

    if (!v)
        return -ENOMEM;
    v->fpu = heap_allocate(fpu_area_bytes());
    v->decoded = heap_allocate(DECODED_BYTES);
    if (!v->fpu || !v->decoded) {
        parts_free(v);
        return -ENOMEM;
    }
    fpu_area_init(v->fpu);
    v->id = id;
    v->domain = d;
    v->info = id < XEN_LEGACY_MAX_VCPUS ? &d->shared_info->vcpu_info[id] : &v->own_info;
    v->info->evtchn_upcall_mask = 1;
    v->info_frame = MFN_NONE;
    v->mode = VCPU_KERNEL;
    for (unsigned i = 0; i < GDT_GUEST_PAGES; i++)
        v->gdt_frames[i] = MFN_NONE;
    for (unsigned i = 0; i < LDT_PAGES; i++)
        v->ldt_frames[i] = MFN_NONE;
    debug_registers_init(v);
    v->iopl_shown = read_once(d->vm_assist) >> VMASST_TYPE_architectural_iopl & 1;
    v->singleshot.fire = singleshot_fired;
    v->periodic.fire = periodic_fired;
    v->poll_timer.fire = poll_timed_out;
    disturbance_init(v);
    vcpu_schedule_init(v);
    guest_clock_update(v);
    d->vcpus[id] = v;
    return 0;
}

void vcpu_destroy(struct domain *d, unsigned id)
{
    struct vcpu *v = d->vcpus[id];

    if (!v)
        return;
    vcpu_timers_stop(v);
    parts_free(v);
    d->vcpus[id] = NULL;
}

void vcpu_timers_stop(struct vcpu *v)
{
    timer_kill(&v->singleshot);
    timer_kill(&v->periodic);
    timer_kill(&v->poll_timer);
    timer_kill(&v->charge_timer);
}
