/*
 * A PV kernel as an ELF file: its segments and Xen notes, checked once, used after.
 */
#ifndef TOOLS_VMCTL_IMAGE_ELF_H
#define TOOLS_VMCTL_IMAGE_ELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmctl/failure.h"

#define SEGMENTS_MAX 32

/* One PT_LOAD; offset and file_size lie within the file, addresses do not overflow. */
struct elf_segment {
    uint64_t offset, file_size;
    uint64_t physical, memory_size;
};

struct kernel_elf {
    struct elf_segment segments[SEGMENTS_MAX];
    size_t segment_count;
    uint64_t start, end; /* physical: the lowest and highest of all segments */
    /* From the notes, or what they default to: */
    uint64_t entry; /* virtual */
    uint64_t virt_base;
    uint64_t paddr_offset;
    uint64_t hypercall_page; /* virtual; if has_hypercall_page */
    uint64_t init_p2m;       /* virtual; if has_init_p2m */
    bool has_hypercall_page, has_init_p2m;
    bool mod_start_pfn;   /* the ramdisk need not be mapped */
    bool runs_translated; /* with tables of guest frames: shadow mode */
    char guest_os[16];
};

/* file is the path for messages.  -EINVAL with a failure for whatever is wrong with it. */
int kernel_elf_parse(struct kernel_elf *elf, const char *file, const uint8_t *data, size_t size,
                     struct failure *failure);

#endif
