/* What a vCPU that disturbs other domains' CPUs pays for it. */
#ifndef SCHEDULING_DISTURBANCE_H
#define SCHEDULING_DISTURBANCE_H

struct vcpu;

void disturbance_init(struct vcpu *v);
/* On the way out: the running vCPU's domain is charged for the flushes counted on this CPU; the
 * vCPU waits until all it has been charged is past.  The control domain is not charged. */
void disturbance_charge(void);

#endif
