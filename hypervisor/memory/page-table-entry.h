/* Page-table entries: SDM volume 3, 4.5. */
#ifndef MEMORY_PAGE_TABLE_ENTRY_H
#define MEMORY_PAGE_TABLE_ENTRY_H

#include "memory/frame.h"

typedef uint64_t pte_t;

#define PTE_P          (1UL << 0)
#define PTE_RW         (1UL << 1)
#define PTE_US         (1UL << 2)
#define PTE_PWT        (1UL << 3)
#define PTE_PCD        (1UL << 4)
#define PTE_A          (1UL << 5)
#define PTE_D          (1UL << 6)
#define PTE_PS         (1UL << 7) /* a large page, above L1 */
#define PTE_PAT        (1UL << 7) /* in L1 */
#define PTE_G          (1UL << 8)
#define PTE_AVAIL      (7UL << 9)
#define PTE_AVAIL_HIGH (0x7ffUL << 52)
#define PTE_NX         (1UL << 63)
#define PTE_ADDRESS    0x000ffffffffff000UL

#define PT_ENTRIES 512

static inline mfn_t pte_mfn(pte_t e)
{
    return mfn((e & PTE_ADDRESS) >> PAGE_SHIFT);
}

static inline pte_t pte_make(mfn_t m, uint64_t flags)
{
    return m.n << PAGE_SHIFT | flags;
}

/* Index into a table of this level (1-4) for an address. */
static inline unsigned pt_index(uint64_t address, unsigned level)
{
    return address >> (PAGE_SHIFT + 9 * (level - 1)) & (PT_ENTRIES - 1);
}

static inline bool address_is_canonical(uint64_t address)
{
    return (uint64_t)((int64_t)(address << 16) >> 16) == address;
}

#endif
