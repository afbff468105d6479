/* Model-specific registers as guests see them. */
#ifndef GUEST_CPU_MSR_VIEW_H
#define GUEST_CPU_MSR_VIEW_H

#include "domain/domain.h"

/* For the running vCPU.  -EINVAL: the guest gets a #GP. */
int must_check msr_view_read(struct vcpu *v, uint32_t msr, uint64_t *value);
int must_check msr_view_write(struct vcpu *v, uint32_t msr, uint64_t value);

#endif
