/*
 * The hypervisor's own page tables: sixteen L4 entries, the same in every root (address-map.h).
 * Only grown, never shrunk, and only at boot or under its own lock.
 */
#ifndef MEMORY_HYPERVISOR_MAPPINGS_H
#define MEMORY_HYPERVISOR_MAPPINGS_H

#include "memory/page-table-entry.h"

/* Where page-table frames come from until the frame allocator runs. */
void mappings_init(mfn_t boot_root, mfn_t (*early_frame)(void));
/* Maps count frames; flags: PTE_*.  Uses 2 MiB pages where everything is aligned. */
void mappings_add(uint64_t virt, mfn_t first, uint64_t count, uint64_t flags);
void mapping_remove(uint64_t virt);
/* Makes device memory or firmware tables visible; flags: a MAP_* below.  Never undone.
 * NULL: more than there are addresses left for, which are 256 GiB at first. */
void *device_map(uint64_t physical, size_t bytes, uint64_t flags);
/* The same for a page of device registers that may have been asked for before: then it lies where
 * it lay.  NULL: too many different ones. */
void *device_page_map(uint64_t physical);
/* Fills the hypervisor's slots of a root table. */
void root_table_fill(pte_t *l4);
/* A root with nothing but the hypervisor: for idle CPUs. */
uint64_t idle_root(void);
/* The L1 entry of a hypervisor address whose tables exist. */
pte_t *mapping_entry(uint64_t virt);
/* Copies a table of the M2P's leaf mappings: the frame behind each 2 MiB of the guest's view,
 * for XENMEM_machphys_mfn_list.  MFN_NONE where there is none. */
mfn_t mapping_lookup(uint64_t virt);

#define MAP_RW     (PTE_P | PTE_RW | PTE_A | PTE_D | PTE_NX | PTE_G)
#define MAP_RO     (PTE_P | PTE_A | PTE_NX | PTE_G)
#define MAP_RX     (PTE_P | PTE_A | PTE_G)
#define MAP_DEVICE (MAP_RW | PTE_PCD | PTE_PWT)
#define MAP_SCREEN (MAP_RW | PTE_PAT) /* write-combining, by our PAT (cpu-features.c) */

#endif
