/*
 * The debug registers of the running vCPU, as it may set them.  In the hardware only while one of
 * its breakpoints is on (switch.h).
 */
#ifndef GUEST_CPU_DEBUG_REGISTERS_H
#define GUEST_CPU_DEBUG_REGISTERS_H

#include "domain/vcpu.h"

/* As a processor has them at its start. */
void debug_registers_init(struct vcpu *v);
/* Registers 4 and 5 are 6 and 7, unless the guest has set CR4.DE.  -ENODEV: no such register;
 * -EINVAL: bits that must be 0; -EPERM: what no guest may have. */
int must_check debug_register_set(struct vcpu *v, uint64_t reg, uint64_t value);
/* A debug exception: what happened joins what the guest has not cleared yet, and the hardware's
 * register is as it was, which another guest reads next. */
void debug_status_take(struct vcpu *v);
int must_check debug_register_get(const struct vcpu *v, uint64_t reg, uint64_t *value);

#endif
