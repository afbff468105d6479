/* Making and freeing vCPUs. */
#ifndef LIFECYCLE_VCPU_PARTS_H
#define LIFECYCLE_VCPU_PARTS_H

#include "domain/domain.h"

int must_check vcpu_create(struct domain *d, unsigned id);
void vcpu_destroy(struct domain *d, unsigned id);
/* Stops its timers; it is not running and never will again. */
void vcpu_timers_stop(struct vcpu *v);

#endif
