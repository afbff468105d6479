/*
 * Frames: this domain's own memory.  All of it is mapped writable at its pseudo-physical
 * address (page 0 excepted), so a frame's virtual address is its number times 4096; the machine
 * frame behind it, which devices and other domains need, comes from the p2m list.
 */
#ifndef PV_KERNEL_FRAMES_H
#define PV_KERNEL_FRAMES_H

#include <stddef.h>
#include <stdint.h>

#define PAGE_SHIFT 12
#define PAGE_SIZE  4096UL
#define PAGE_MASK  (~(PAGE_SIZE - 1))

/*
 * 2^order pages consecutive in virtual (not machine) memory, zeroed; NULL if there are none.
 * Not for upcall handlers.
 */
void *frames_alloc(unsigned int order);
void frames_free(void *va, unsigned int order);

/* The machine frame behind an address in the linear map. */
uint64_t frames_virt_to_mfn(const void *va);
/* The machine address behind an address in the linear map. */
uint64_t frames_virt_to_machine(const void *va);
/* The machine frame of pseudo-physical frame pfn. */
uint64_t frames_pfn_to_mfn(uint64_t pfn);

size_t frames_total(void);
size_t frames_free_count(void);

/* Called at start. */
void frames_start(void);

#endif
