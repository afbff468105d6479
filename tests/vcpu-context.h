/*
 * The registers of another vCPU of a test's guest: it runs a C function on a stack of its own, in
 * the kernel's address space, with events masked.
 */
#ifndef TESTS_VCPU_CONTEXT_H
#define TESTS_VCPU_CONTEXT_H

#include "hypercall-abi/cpu.h"
#include "pv-kernel/frames.h"
#include "pv-kernel/kernel.h"

void event_entry(void);
void failsafe_entry(void);

static inline void vcpu_context_fill(struct vcpu_guest_context *c, void (*fn)(void), char *stack,
                                     size_t stack_bytes)
{
    c->flags = VGCF_in_kernel;
    c->user_regs.rip = (uint64_t)(uintptr_t)fn;
    c->user_regs.rsp = (uint64_t)(uintptr_t)stack + stack_bytes - 8; /* as after a call */
    c->user_regs.cs = FLAT_KERNEL_CS;
    c->user_regs.ss = FLAT_KERNEL_SS;
    c->user_regs.rflags = 0x1000;
    c->kernel_ss = FLAT_KERNEL_SS;
    c->kernel_sp = c->user_regs.rsp;
    c->event_callback_eip = (uint64_t)(uintptr_t)event_entry;
    c->failsafe_callback_eip = (uint64_t)(uintptr_t)failsafe_entry;
    c->ctrlreg[3] = frames_virt_to_mfn((void *)start_info->pt_base) << PAGE_SHIFT;
}

#endif
