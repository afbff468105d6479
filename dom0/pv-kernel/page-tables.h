/*
 * Page tables: the mapping area, a range of addresses above the linear map into which foreign
 * frames, grants, device memory and the heap are mapped, and the hypercalls that change it.
 */
#ifndef PV_KERNEL_PAGE_TABLES_H
#define PV_KERNEL_PAGE_TABLES_H

#include "hypercall-abi/types.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PTE_PRESENT  (1ULL << 0)
#define PTE_WRITE    (1ULL << 1)
#define PTE_USER     (1ULL << 2)
#define PTE_PWT      (1ULL << 3)
#define PTE_PCD      (1ULL << 4)
#define PTE_ACCESSED (1ULL << 5)
#define PTE_DIRTY    (1ULL << 6)
#define PTE_NX       (1ULL << 63)

/* What a plain kernel mapping has. */
#define PTE_KERNEL (PTE_PRESENT | PTE_WRITE | PTE_ACCESSED | PTE_DIRTY | PTE_USER)

/* n pages of address space in the mapping area with page tables but no pages; NULL: none left. */
void *mapping_area_reserve(size_t n);
/* The same without page tables, which page_tables_map then makes as they are needed. */
void *mapping_area_reserve_bare(size_t n);
void mapping_area_release(void *va, size_t n);

/*
 * Sets the n entries for the pages from va on to mfns[i] with `flags`; the frames are domid's
 * (DOMID_SELF, DOMID_IO, another domain).  Stops at the first refusal: *done entries were set.
 */
int page_tables_map(void *va, const uint64_t *mfns, size_t n, uint64_t flags, domid_t domid,
                    size_t *done);
/* Clears the n entries and flushes them.  If the hypervisor refuses, some are mapped still: the
 * addresses must not be used again. */
int page_tables_unmap(void *va, size_t n);
/* The linear map's address of the frame of ours that is mapped at va in the mapping area. */
void *page_tables_mapped_frame(const void *va);
/* Makes one page of the linear map read-only or writable again. */
int page_tables_protect(void *va, bool writable);
/* Machine address of the L1 entry for a page in the linear map or the mapping area; 0: none. */
uint64_t page_tables_entry_address(const void *va);

/* Frames [first, end). */
struct frame_range {
    uint64_t first, end;
};

/* In shadow mode the hypervisor translates: tables hold our own frame numbers. */
bool page_tables_translated(void);

/* Called at start: completes the linear map, tells the frames left free, below and above the
 * initrd. */
void page_tables_start(struct frame_range free_frames[2]);

#endif
