/*
 * The machine-to-physical table: for each frame the pfn its owner gave it.  Guests read it
 * (M2P_GUEST_VIRT), the hypervisor writes it and never relies on what it says.
 */
#ifndef MEMORY_MACHINE_TO_PHYSICAL_H
#define MEMORY_MACHINE_TO_PHYSICAL_H

#include "memory/frame.h"

#define M2P_INVALID UINT64_MAX

static inline void machine_to_physical_set(mfn_t m, uint64_t pfn)
{
    ((volatile uint64_t *)M2P_VIRT)[m.n] = pfn;
}

static inline uint64_t machine_to_physical(mfn_t m)
{
    return ((volatile uint64_t *)M2P_VIRT)[m.n];
}

#endif
