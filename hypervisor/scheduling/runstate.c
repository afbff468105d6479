/* Run-state accounting; written by whoever moves the vCPU, under its run queue's lock. */
#include "scheduling/runstate.h"
#include "domain/guest-memory.h"
#include "guest-cpu/switch.h"
#include "machine/clock.h"

void runstate_enter(struct vcpu *v, int state, uint64_t now)
{
    struct vcpu_runstate_info *r = &v->runstate;

    if (r->state == state)
        return;
    if (now > r->state_entry_time) {
        r->time[r->state] += now - r->state_entry_time;
        r->state_entry_time = now;
    }
    r->state = state;
}

void runstate_get(struct vcpu *v, struct vcpu_runstate_info *out)
{
    uint64_t now = clock_now();

    *out = v->runstate;
    if (now > out->state_entry_time) /* which stays: it is in that state since then */
        out->time[out->state] += now - out->state_entry_time;
}

void runstate_publish(struct vcpu *v)
{
    bool user = v->mode == VCPU_USER;
    struct vcpu_runstate_info copy = v->runstate;
    guest_handle_t entry_time =
        v->runstate_area + offsetof(struct vcpu_runstate_info, state_entry_time);
    bool flagged = v->domain->vm_assist & (1UL << VMASST_TYPE_runstate_update_flag);

    if (!v->runstate_area)
        return;
    /* The address is the guest kernel's: use its root for the moment. */
    if (user)
        root_switch(v->kernel_root);
    /* The flag is there before the first byte changes and goes after the last one has. */
    copy.state_entry_time |= flagged ? XEN_RUNSTATE_UPDATE : 0;
    if ((flagged && guest_write(entry_time, &copy.state_entry_time, 8)) ||
        guest_write(v->runstate_area, &copy, sizeof(copy)) ||
        (flagged && guest_write(entry_time, &v->runstate.state_entry_time, 8)))
        v->runstate_area = 0; /* gone: it is not tried again */
    if (user)
        root_switch(v->user_root);
}
