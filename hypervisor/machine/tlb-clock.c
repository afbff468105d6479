/* Kept apart from the flushes themselves, so that host tests run it over a model of TLBs. */
#include "machine/tlb-clock.h"
#include "lib/bits.h"
#include "machine/per-cpu.h"

uint64_t tlb_clock = 1;

void tlb_note_flush(void)
{
    atomic_store(&this_cpu()->flush_seen, atomic_add(&tlb_clock, 1));
}

uint64_t tlb_stale_cpus(uint64_t mask, uint32_t stamp)
{
    uint64_t stale = 0, now = atomic_load(&tlb_clock), taken = now - ((now - stamp) & STAMP_MASK);

    for_each_cpu(id, mask & cpus_online_mask)
        if (atomic_load(&cpu_table[id]->flush_seen) <= taken)
            stale |= BIT(id);
    return stale;
}
