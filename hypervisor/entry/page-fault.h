/* Page faults of guests. */
#ifndef ENTRY_PAGE_FAULT_H
#define ENTRY_PAGE_FAULT_H

#include "domain/vcpu.h"

void guest_page_fault(struct vcpu *v, struct cpu_regs *regs);

#endif
