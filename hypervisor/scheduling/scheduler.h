/*
 * Which vCPU runs where.  One run queue per CPU; the vCPU that got the least service runs next.
 * A vCPU that wakes may preempt one that has had more; an idle CPU takes waiting work of others.
 */
#ifndef SCHEDULING_SCHEDULER_H
#define SCHEDULING_SCHEDULER_H

#include "domain/domain.h"

/* Before anything runs on it. */
void scheduler_add_cpu(unsigned cpu);
/* Gives a new vCPU its place; it starts stopped (VCPU_DOWN). */
void vcpu_schedule_init(struct vcpu *v);

/* Adds or removes reasons not to run (VCPU_*).  A vCPU that loses its last reason is queued; one
 * that gains its first stops at its next way out: vcpu_wait_stopped waits for that. */
void vcpu_stop(struct vcpu *v, uint32_t why);
void vcpu_start(struct vcpu *v, uint32_t why);
/* Wakes a blocked vCPU: an event arrived. */
void vcpu_wake(struct vcpu *v);
/* Blocks the running vCPU unless an event waits for it already. */
void vcpu_block(struct vcpu *v);
/* Until it does not run on any CPU; not for the running vCPU itself. */
void vcpu_wait_stopped(struct vcpu *v);
/* The running vCPU gives its turn away. */
void scheduler_yield(void);

/* Makes the CPU a vCPU runs on look at its events. */
void vcpu_kick(struct vcpu *v);
/* Makes a vCPU take an NMI as soon as it runs; one that is blocked wakes. */
void vcpu_nmi(struct vcpu *v);

/* CPUs a vCPU may use: -EINVAL if none of them is online. */
int must_check vcpu_set_affinity(struct vcpu *v, const struct cpu_set *cpus);
void vcpu_affinity(struct vcpu *v, struct cpu_set *cpus);

/* Switches to whom it chooses; returns only if that is who runs already. */
void schedule(void);
/* The idle CPU had to flush its TLB for the vCPU that is still loaded: not again. */
void idle_disturbed(void);
/* The first schedule of a CPU, from its boot stack. */
void scheduler_start_cpu(void) __attribute__((noreturn));

/* Where its time went, up to now. */
void vcpu_runstate(struct vcpu *v, struct vcpu_runstate_info *out);
/* Nanoseconds a vCPU has run. */
uint64_t vcpu_run_time(struct vcpu *v);

#endif
