/* Kept apart from the flushes themselves, so that host tests run it over a model of TLBs. */
#include "machine/tlb-clock.h"
#include "lib/bits.h"
#include "machine/per-cpu.h"

uint64_t tlb_clock = 1;

void tlb_note_flush(void)
{
    atomic_store(&this_cpu()->flush_seen, atomic_add(&tlb_clock, 1));
}

/* Of one word of a set, those that have not flushed since. */
static uint64_t stale_in_word(unsigned w, uint64_t left, uint64_t taken)
{
    uint64_t stale = 0;

    for (; left; left &= left - 1)
        if (atomic_load(&cpu_table[w * CPU_WORD_BITS + bit_lowest(left)]->flush_seen) <= taken)
            stale |= left & -left;
    return stale;
}

bool tlb_stale_cpus(const struct cpu_set *among, uint32_t stamp, struct cpu_set *stale)
{
    uint64_t any = 0, now = atomic_load(&tlb_clock), taken = now - ((now - stamp) & STAMP_MASK);

    for (unsigned w = 0; w < cpu_words; w++) {
        uint64_t left = read_once(cpus_online.word[w]);

        if (among)
            left &= atomic_load(&among->word[w]);
        any |= stale->word[w] = stale_in_word(w, left, taken);
    }
    return any;
}
