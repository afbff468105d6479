/* A store to one of its own L1 tables is finished for the guest's kernel; everything else is the
 * guest's own page fault. */
#include "entry/page-fault.h"
#include "domain/domain.h"
#include "emulation/page-table-write.h"
#include "guest-cpu/trap-injection.h"
#include "machine/registers.h"

#define WRITE_TO_READ_ONLY (PF_PRESENT | PF_WRITE | PF_USER)

void guest_page_fault(struct vcpu *v, struct cpu_regs *regs)
{
    uint64_t address = cr2_read();
    struct domain *d = v->domain;

    d->counters.page_faults++;
    if ((regs->error_code & (WRITE_TO_READ_ONLY | PF_RESERVED | PF_FETCH)) == WRITE_TO_READ_ONLY &&
        v->mode == VCPU_KERNEL && (d->vm_assist & (1UL << VMASST_TYPE_writable_pagetables)) &&
        page_table_write_emulate(v, regs, address))
        return;
    inject_page_fault(v, regs, address, regs->error_code);
}
