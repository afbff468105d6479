/* See short-calls.h and entry/syscall.S. */
#include "guest-cpu/short-calls.h"
#include "domain/domain.h"
#include "domain/guest-memory.h"
#include "lib/atomic.h"

#define FRAME (7UL * 8) /* rcx, r11, rip, cs, rflags, rsp, ss */

void short_calls_prepare(struct vcpu *v)
{
    uint64_t stack = (v->kernel_sp & ~15UL) - FRAME;
    bool plain = v->syscall.address && v->syscall.mask_events && guest_range_ok(stack, FRAME);

    v->syscall_stack = plain ? stack : 0;
}

void short_calls_follow_assists(struct domain *d)
{
    struct vcpu *v;

    for_each_vcpu(v, d)
        v->iopl_shown = read_once(d->vm_assist) >> VMASST_TYPE_architectural_iopl & 1;
}
