/* The hypervisor's small objects: cleared when allocated, in sizes up to a few pages. */
#ifndef MEMORY_HEAP_H
#define MEMORY_HEAP_H

#include "lib/types.h"

/* NULL if there is no memory.  64-byte aligned from 64 bytes on. */
void *heap_allocate(size_t size);
void heap_free(void *p, size_t size);
/* Whole pages, cleared. */
void *heap_page_allocate(void);
void heap_page_free(void *page);
uint64_t heap_bytes_used(void);

#endif
