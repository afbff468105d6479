/*
 * Entering the guest's kernel: exceptions, events, system calls.  Each pushes a frame onto the
 * guest's kernel stack, as a real processor would, and points the registers at the handler.
 * A guest whose stack or handler is unusable is crashed.
 */
#ifndef GUEST_CPU_TRAP_INJECTION_H
#define GUEST_CPU_TRAP_INJECTION_H

#include "domain/vcpu.h"

/* regs: the running vCPU's frame.  error_code is pushed for vectors that have one. */
void inject_trap(struct vcpu *v, struct cpu_regs *regs, unsigned vector, uint32_t error_code);
/* A page fault at `address`; the error code is the hardware's. */
void inject_page_fault(struct vcpu *v, struct cpu_regs *regs, uint64_t address,
                       uint32_t error_code);
void inject_event(struct vcpu *v, struct cpu_regs *regs);
/* SYSCALL from user mode (compat: from 32-bit code). */
void inject_syscall(struct vcpu *v, struct cpu_regs *regs, bool compat);
/* A selector or an iret frame the CPU refused.  The frame shows the selectors in v->ds to gs: if
 * they are those loaded, it was the iret. */
void inject_failsafe(struct vcpu *v, struct cpu_regs *regs);
/* INT n from the guest, if its table allows the ring; else a #GP. */
void inject_software_interrupt(struct vcpu *v, struct cpu_regs *regs, unsigned vector);

/* An NMI that is pending, unless the handler of another one runs: it ends with its iret. */
void nmi_deliver(struct vcpu *v, struct cpu_regs *regs);

/* HYPERVISOR_iret: takes the frame off the guest's stack and returns to what it says. */
void guest_iret(struct vcpu *v, struct cpu_regs *regs);

#endif
