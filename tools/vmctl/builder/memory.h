/*
 * A guest's memory while it is built: getting it, and writing into it.
 */
#ifndef TOOLS_VMCTL_BUILDER_MEMORY_H
#define TOOLS_VMCTL_BUILDER_MEMORY_H

#include <stddef.h>
#include <stdint.h>

struct guest_build;

/* Fills build->p2m for all of layout.pages. */
int guest_memory_populate(struct guest_build *build);
/* Copies bytes to the start of a pfn plus offset; may span pages. */
int guest_memory_write(struct guest_build *build, uint64_t pfn, size_t offset, const void *data,
                       size_t size);
int guest_memory_zero(struct guest_build *build, uint64_t pfn, size_t offset, size_t size);

#endif
