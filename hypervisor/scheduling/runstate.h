/* Where a vCPU's time goes: running, runnable, blocked, offline. */
#ifndef SCHEDULING_RUNSTATE_H
#define SCHEDULING_RUNSTATE_H

#include "domain/domain.h"

/* Books the time since the last change and enters a state (RUNSTATE_*). */
void runstate_enter(struct vcpu *v, int state, uint64_t now);
/* What the guest sees, up to now.  The run queue's lock is held. */
void runstate_get(struct vcpu *v, struct vcpu_runstate_info *out);
/* Copies the state to the area the guest registered; running vCPU only. */
void runstate_publish(struct vcpu *v);

#endif
