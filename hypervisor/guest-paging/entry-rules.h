/*
 * What the bits of a guest's page-table entry may be: pure functions of bits, no state, so that
 * host tests try every one of the 64 at every level.
 */
#ifndef GUEST_PAGING_ENTRY_RULES_H
#define GUEST_PAGING_ENTRY_RULES_H

#include "memory/page-table-entry.h"

/* Bits a guest may set freely in a present entry. */
#define ENTRY_FREE_BITS \
    (PTE_P | PTE_RW | PTE_US | PTE_A | PTE_D | PTE_AVAIL | PTE_AVAIL_HIGH | PTE_NX | PTE_ADDRESS)
#define ENTRY_CACHE_BITS (PTE_PWT | PTE_PCD | PTE_PAT)

/* cache_control: the domain has devices and may choose memory types in L1. */
static inline bool entry_is_allowed(unsigned level, pte_t e, bool cache_control)
{
    uint64_t allowed = ENTRY_FREE_BITS;

    if (!(e & PTE_P))
        return true;
    if (level == 1)
        allowed |= PTE_G | (cache_control ? ENTRY_CACHE_BITS : 0);
    return !(e & ~allowed);
}

/* What goes into the table for what the guest asked: ring 3 may use it; never global, or the
 * entry would survive the flush of a root switch. */
static inline pte_t entry_adjust(pte_t e)
{
    return e & PTE_P ? (e | PTE_US) & ~PTE_G : e;
}

/* Slots of an L4 table that belong to the hypervisor. */
static inline bool slot_is_hypervisor(unsigned level, unsigned index)
{
    return level == 4 && index >= HYPERVISOR_FIRST_SLOT &&
           index < HYPERVISOR_FIRST_SLOT + HYPERVISOR_SLOTS;
}

/* Two entries that refer to the same frame in the same way: no reference has to move. */
static inline bool entry_same_reference(pte_t a, pte_t b)
{
    return !((a ^ b) & (PTE_P | PTE_RW | PTE_ADDRESS));
}

#endif
