/* Putting a vCPU on this CPU, and taking it off. */
#ifndef GUEST_CPU_SWITCH_H
#define GUEST_CPU_SWITCH_H

#include "domain/vcpu.h"
#include "machine/tlb.h"
#include "machine/registers.h"

/* Saves what the hardware and the CPU's frame hold of the vCPU. */
void vcpu_save(struct vcpu *v);
/* The root table of the mode it is in. */
uint64_t vcpu_root(const struct vcpu *v);
/* Loads its root table; from here on its domain's flushes include this CPU. */
void vcpu_load_root(struct vcpu *v);
/* Loads the rest of the vCPU; the caller then returns to the guest through the frame. */
void vcpu_load(struct vcpu *v);
/* Loads the descriptor windows of the running vCPU anew. */
void vcpu_load_descriptors(struct vcpu *v);
void vcpu_load_debug(struct vcpu *v);
/* What RDTSCP and RDPID read on this CPU. */
void tsc_aux_load(uint32_t value);
/* Called once per CPU: what its GDT window shows at first. */
void vcpu_switch_init(unsigned cpu, uint64_t *descriptor_page);

/* The guest's kernel and user mode differ in root table and GS base. */
static inline void vcpu_enter_kernel(struct vcpu *v)
{
    v->mode = VCPU_KERNEL;
    v->root_switches++;
    swap_gs();
    root_switch(v->kernel_root);
}

/* The vCPU must have a user root. */
static inline void vcpu_enter_user(struct vcpu *v)
{
    v->mode = VCPU_USER;
    v->root_switches++;
    swap_gs();
    root_switch(v->user_root);
}

#endif
