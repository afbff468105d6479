/* Page faults of guests. */
#ifndef ENTRY_PAGE_FAULT_H
#define ENTRY_PAGE_FAULT_H

#include "domain/vcpu.h"

void guest_page_fault(struct vcpu *v, struct cpu_regs *regs);
/* One of the hypervisor's, on memory of the guest's.  True: resolved, the access will do now. */
bool must_check guest_access_fault(struct vcpu *v, const struct cpu_regs *regs);

#endif
