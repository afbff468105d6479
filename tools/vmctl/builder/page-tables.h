/*
 * The contents of a new guest's page tables, made in our own memory.  Pure: takes a layout and
 * the pfn-to-mfn list, fills buffers.
 */
#ifndef TOOLS_VMCTL_BUILDER_PAGE_TABLES_H
#define TOOLS_VMCTL_BUILDER_PAGE_TABLES_H

#include <stdint.h>

#include "vmctl/builder/layout.h"

typedef uint64_t page_table[512];

/* root: one table; kernel: as many as the plan for the kernel's range says, p2m: likewise (or
 * NULL).  All zeroed by the caller.  -EINVAL if both ranges need the same root entry. */
int page_tables_fill(const struct guest_layout *layout, const uint64_t *p2m, page_table *root,
                     page_table *kernel, page_table *p2m_tables);

#endif
