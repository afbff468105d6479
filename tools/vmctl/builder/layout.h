/*
 * Where everything lies in a new guest's memory.  Pure arithmetic.
 *
 *   pfn 0 = virt_base                                             map_end
 *   |  ...  | kernel | (ramdisk) (p2m) | start_info | store | console | page tables | stack | >=
 * 512 KiB | then, not mapped by these tables:  ramdisk (if the kernel takes it as a pfn), p2m list
 * and the tables that map it at the kernel's INIT_P2M address.
 *
 * The order and the slack are what GUEST start of day promises (xen.h of Xen's public headers).
 */
#ifndef TOOLS_VMCTL_BUILDER_LAYOUT_H
#define TOOLS_VMCTL_BUILDER_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "vmctl/image/elf.h"

/* The tables that map one range of addresses, and how many of each level. */
struct table_plan {
    uint64_t virt_start, virt_end;
    uint64_t first_pfn; /* of the tables: level 3 tables, then 2, then 1 */
    uint64_t level3, level2, level1;
};

struct guest_layout {
    uint64_t virt_base;
    uint64_t pages;      /* of the domain */
    uint64_t kernel_pfn; /* of physical address paddr_offset: 0; kept for clarity */
    uint64_t ramdisk_pfn, ramdisk_pages;
    uint64_t start_info_pfn, store_pfn, console_pfn;
    uint64_t root_pfn; /* the level 4 table; the kernel range's other tables follow it */
    uint64_t stack_pfn;
    uint64_t p2m_pfn, p2m_pages; /* the list itself */
    uint64_t p2m_virt;
    bool ramdisk_mapped, p2m_separate;
    bool translated; /* shadow mode: the tables are ordinary memory.  The planner leaves it false */
    struct table_plan kernel_tables;
    struct table_plan p2m_tables; /* if p2m_separate */
};

/* -ENOSPC: the domain's memory is too small (*wanted says how many pages would do).  -ERANGE: where
 * the kernel wants to be, it and what follows it are not all in one half of a guest's addresses. */
int guest_layout_plan(struct guest_layout *layout, const struct kernel_elf *elf,
                      uint64_t ramdisk_size, uint64_t pages, uint64_t *wanted);

uint64_t table_plan_count(const struct table_plan *plan);
/* The virtual address of a pfn in the kernel's range. */
uint64_t guest_layout_virt(const struct guest_layout *layout, uint64_t pfn);

#endif
