/* Instructions of guest kernels that ring 3 may not execute. */
#ifndef EMULATION_PRIVILEGED_INSTRUCTIONS_H
#define EMULATION_PRIVILEGED_INSTRUCTIONS_H

#include "domain/domain.h"

/* Finishes the instruction behind a #GP.  True: done (or the guest got another exception). */
bool privileged_instruction_emulate(struct vcpu *v, struct cpu_regs *regs);
/* UD2 "xen" CPUID: the guest asks for CPUID as the hypervisor sees fit.  True: it was one. */
bool forced_cpuid_emulate(struct vcpu *v, struct cpu_regs *regs);
/* If the instruction is INT n: its vector; else -1.  (The error code of the #GP is not to be
 * trusted: QEMU's is wrong.) */
int software_interrupt_vector(struct cpu_regs *regs);

#endif
