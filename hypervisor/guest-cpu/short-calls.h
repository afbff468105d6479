/*
 * What the short way of system calls and irets (entry/syscall.S) relies on: a vCPU's syscall_stack
 * and care, worked out when what they depend on changes and not at each call.
 */
#ifndef GUEST_CPU_SHORT_CALLS_H
#define GUEST_CPU_SHORT_CALLS_H

#include "domain/vcpu.h"

/* To be called whenever the vCPU's kernel stack or its handler for system calls have changed. */
void short_calls_prepare(struct vcpu *v);
/* To be called whenever the domain's vm_assist may have changed. */
void short_calls_follow_assists(struct domain *d);

#endif
