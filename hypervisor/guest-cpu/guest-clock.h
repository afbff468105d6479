/* The clocks a guest reads without a hypercall. */
#ifndef GUEST_CPU_GUEST_CLOCK_H
#define GUEST_CPU_GUEST_CLOCK_H

#include "domain/domain.h"

/* Writes the vCPU's clock into its vcpu_info, and its registered copy (current vCPU only). */
void guest_clock_update(struct vcpu *v);
/* Writes the wall clock into shared_info. */
void guest_wall_clock_update(struct domain *d);

#endif
