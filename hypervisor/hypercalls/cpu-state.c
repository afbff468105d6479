/* The guest processor's registers: traps, callbacks, stacks, segments, descriptors, debug, FPU. */
#include "domain/guest-memory.h"
#include "guest-cpu/debug-registers.h"
#include "guest-cpu/descriptors.h"
#include "guest-cpu/short-calls.h"
#include "guest-cpu/switch.h"
#include "guest-cpu/trap-injection.h"
#include "hypercalls/handlers.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "machine/interrupts.h"
#include "machine/safe-registers.h"
#include "memory/page-table-entry.h"

int64_t hypercall_do_set_trap_table(uint64_t list)
{
    struct vcpu *v = current_vcpu();
    struct trap_info t;

    if (!list) { /* forget all */
        for (unsigned i = 0; i < 256; i++)
            v->traps[i] = (struct guest_trap){ 0 };
        return 0;
    }
    for (unsigned n = 0; n < 257; n++) {
        if (guest_read_element(&t, list, n))
            return -EFAULT;
        if (!t.address)
            return 0;
        if (!address_is_canonical(t.address))
            return -EINVAL;
        v->traps[t.vector] = (struct guest_trap){ t.address, t.cs, t.flags };
    }
    return 0;
}

static int64_t callback_set(struct vcpu *v, unsigned type, uint64_t address, bool mask_events)
{
    struct guest_callback c = { address, mask_events };

    if (!address_is_canonical(address))
        return -EINVAL;
    switch (type) {
    case CALLBACKTYPE_event:
        v->event = c;
        return 0;
    case CALLBACKTYPE_failsafe:
        v->failsafe = c;
        return 0;
    case CALLBACKTYPE_syscall:
        v->syscall = c;
        short_calls_prepare(v);
        return 0;
    case CALLBACKTYPE_syscall32:
        v->syscall32 = c;
        return 0;
    case CALLBACKTYPE_nmi:
        v->traps[TRAP_NMI] = (struct guest_trap){ address, FLAT_KERNEL_CS, TI_MASK_EVENTS };
        return 0;
    case CALLBACKTYPE_sysenter:
    case CALLBACKTYPE_sysenter_deprecated:
        return 0; /* SYSENTER is not offered: CPUID does not show it */
    default:
        return -ENOSYS;
    }
}

/* Entry points are replaced, never taken away, but for NMIs'. */
static int callback_forget(struct vcpu *v, uint16_t type)
{
    switch (type) {
    case CALLBACKTYPE_event:
    case CALLBACKTYPE_failsafe:
    case CALLBACKTYPE_syscall:
    case CALLBACKTYPE_syscall32:
    case CALLBACKTYPE_sysenter:
        return -EINVAL;
    case CALLBACKTYPE_nmi:
        v->traps[TRAP_NMI] = (struct guest_trap){ 0 };
        return 0;
    default:
        return -ENOSYS;
    }
}

int64_t hypercall_do_callback_op(uint64_t cmd, uint64_t arg)
{
    struct callback_register c;
    struct callback_unregister u;

    switch (cmd) {
    case CALLBACKOP_register:
        if (guest_read(&c, arg, sizeof(c)))
            return -EFAULT;
        return callback_set(current_vcpu(), c.type, c.address, c.flags & CALLBACKF_mask_events);
    case CALLBACKOP_unregister:
        if (guest_read(&u, arg, sizeof(u)))
            return -EFAULT;
        return callback_forget(current_vcpu(), u.type);
    default:
        return -ENOSYS;
    }
}

int64_t hypercall_do_set_callbacks(uint64_t event, uint64_t failsafe, uint64_t syscall)
{
    struct vcpu *v = current_vcpu();

    /* An address that cannot be leaves the old one in place; Xen says nothing of it either. */
    (void)callback_set(v, CALLBACKTYPE_event, event, false);
    (void)callback_set(v, CALLBACKTYPE_failsafe, failsafe, false);
    (void)callback_set(v, CALLBACKTYPE_syscall, syscall, false);
    return 0;
}

int64_t hypercall_do_stack_switch(uint64_t ss maybe_unused, uint64_t sp)
{
    struct vcpu *v = current_vcpu();

    v->kernel_sp = sp;
    short_calls_prepare(v);
    return 0;
}

int64_t hypercall_do_fpu_taskswitch(uint64_t set)
{
    struct vcpu *v = current_vcpu();

    v->ts = set;
    if (set)
        cr0_write(cr0_read() | CR0_TS);
    else
        __asm__ volatile("clts");
    return 0;
}

int64_t hypercall_do_set_segment_base(uint64_t which, uint64_t base)
{
    if (which == SEGBASE_GS_USER_SEL) {
        /* Load the selector with the user's base in place, then put it back out of the way. */
        swap_gs();
        if (gs_load((uint16_t)base))
            current_vcpu()->gs = 0;
        swap_gs();
        return 0;
    }
    if (!address_is_canonical(base))
        return -EINVAL;
    switch (which) {
    case SEGBASE_FS:
        msr_write(MSR_FS_BASE, base);
        return 0;
    case SEGBASE_GS_USER:
        msr_write(MSR_KERNEL_GS_BASE, base);
        return 0;
    case SEGBASE_GS_KERNEL:
        msr_write(MSR_GS_BASE, base);
        return 0;
    default:
        return -EINVAL;
    }
}

int64_t hypercall_do_set_gdt(uint64_t list, uint64_t entries)
{
    uint64_t frames[GDT_GUEST_PAGES];

    if (entries > FIRST_RESERVED_GDT_ENTRY)
        return -EINVAL;
    if (guest_read(frames, list, (entries + 511) / 512 * sizeof(frames[0])))
        return -EFAULT;
    return vcpu_set_gdt(current_vcpu(), frames, (unsigned)entries);
}

int64_t hypercall_do_update_descriptor(uint64_t address, uint64_t descriptor)
{
    struct domain *d = current_domain();

    return d->mode->descriptor_update(d, address, descriptor);
}

int64_t hypercall_do_set_debugreg(uint64_t reg, uint64_t value)
{
    return debug_register_set(current_vcpu(), (uint32_t)reg, value);
}

int64_t hypercall_do_get_debugreg(uint64_t reg)
{
    uint64_t value;
    int r = debug_register_get(current_vcpu(), (uint32_t)reg, &value);

    return r ? r : (int64_t)value;
}

int64_t hypercall_do_vm_assist(uint64_t cmd, uint64_t type)
{
    static const uint64_t known =
        1UL << VMASST_TYPE_4gb_segments | 1UL << VMASST_TYPE_4gb_segments_notify |
        1UL << VMASST_TYPE_writable_pagetables | 1UL << VMASST_TYPE_pae_extended_cr3 |
        1UL << VMASST_TYPE_architectural_iopl | 1UL << VMASST_TYPE_runstate_update_flag;
    struct domain *d = current_domain();

    if (type >= 64 || !(known >> type & 1))
        return -EINVAL;
    switch (cmd) {
    case VMASST_CMD_enable:
        atomic_or(&d->vm_assist, 1UL << type);
        break;
    case VMASST_CMD_disable:
        atomic_and(&d->vm_assist, ~(1UL << type));
        break;
    default:
        return -ENOSYS;
    }
    short_calls_follow_assists(d);
    return 0;
}

int64_t hypercall_do_iret(void)
{
    struct vcpu *v = current_vcpu();
    struct cpu_regs *regs = &this_cpu()->frame;

    guest_iret(v, regs);
    return (int64_t)regs->rax; /* stored as the result: the frame's own rax */
}
