/*
 * TLB flushes across CPUs.  A request is a bit in the target's mailbox and an IPI; the requester
 * waits for the bit to go, answering its own mailbox meanwhile, so two CPUs that flush each
 * other both get on.
 */
#include "machine/tlb.h"
#include "lib/atomic.h"
#include "lib/bits.h"
#include "machine/lapic.h"
#include "machine/per-cpu.h"
#include "machine/registers.h"
#include "machine/remote.h"

void root_load(uint64_t physical)
{
    struct cpu *cpu = this_cpu();

    tlb_note_flush();
    cpu->root = physical;
    cr3_write(physical);
}

void tlb_flush_local(void)
{
    root_load(this_cpu()->root);
}

void tlb_flush_page_local(uint64_t address)
{
    page_invalidate(address);
}

static void flush_all(uint64_t unused maybe_unused)
{
    tlb_flush_local();
}

void tlb_flush_cpus(const struct cpu_set *cpus)
{
    remote_call(cpus, flush_all, 0);
}

void tlb_flush_page_cpus(const struct cpu_set *cpus, uint64_t address)
{
    remote_call(cpus, tlb_flush_page_local, address);
}
