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

uint32_t tlb_clock = 1;

void root_load(uint64_t physical)
{
    struct cpu *cpu = this_cpu();

    cpu->flush_seen = __atomic_add_fetch(&tlb_clock, 1, __ATOMIC_SEQ_CST);
    cpu->root = physical;
    cr3_write(physical);
}

void tlb_flush_local(void)
{
    root_load(this_cpu()->root);
}

static void flush_page(uint64_t address)
{
    page_invalidate(address);
}

static void flush_all(uint64_t unused maybe_unused)
{
    tlb_flush_local();
}

void tlb_flush_cpus(uint64_t mask)
{
    remote_call(mask, flush_all, 0);
}

void tlb_flush_page_cpus(uint64_t mask, uint64_t address)
{
    remote_call(mask, flush_page, address);
}

uint64_t tlb_stale_cpus(uint64_t mask, uint32_t stamp)
{
    uint64_t stale = 0;

    for_each_cpu(id, mask & cpus_online_mask)
        if ((int32_t)((uint32_t)read_once(cpu_table[id]->flush_seen) - stamp) <= 0)
            stale |= BIT(id);
    return stale;
}
