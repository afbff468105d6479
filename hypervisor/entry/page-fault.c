/* A page fault of the guest's own is told it; others are the paging mode's, and a store to one of
 * its own L1 tables is finished for the guest's kernel. */
#include "entry/page-fault.h"
#include "domain/domain.h"
#include "domain/guest-memory.h"
#include "emulation/page-table-write.h"
#include "guest-cpu/trap-injection.h"
#include "machine/registers.h"

static bool fault_resolve(struct vcpu *v, struct cpu_regs *regs, uint64_t address)
{
    const struct paging_mode *mode = v->domain->mode;

    switch (mode->fault(v, address, &regs->error_code)) {
    case FAULT_RESOLVED:
        return true;
    case FAULT_OF_STORE:
        return page_table_write_emulate(v, regs, address) || mode->store_refused(v, address);
    default:
        return false;
    }
}

void guest_page_fault(struct vcpu *v, struct cpu_regs *regs)
{
    uint64_t address = cr2_read();

    v->domain->counters.page_faults++;
    if (!guest_range_ok(address, 1) || !fault_resolve(v, regs, address))
        inject_page_fault(v, regs, address, regs->error_code);
}

#define FAULTS 64 /* of the hypervisor on guest memory, with nothing between */

/* A guest that changes its tables all the time, or has more of them written than there is room for,
 * may have an access fault again and again, of two pages in turn even: that is its own loss. */
static bool is_hopeless(struct cpu *cpu)
{
    if (cpu->access_fault_since != cpu->closed_since) {
        cpu->access_fault_since = cpu->closed_since;
        cpu->access_faults = 0;
    }
    return ++cpu->access_faults > FAULTS;
}

bool guest_access_fault(struct vcpu *v, const struct cpu_regs *regs)
{
    uint64_t address = cr2_read();
    uint32_t error_code = regs->error_code;

    return guest_range_ok(address, 1) && !is_hopeless(this_cpu()) &&
           v->domain->mode->fault(v, address, &error_code) == FAULT_RESOLVED;
}
