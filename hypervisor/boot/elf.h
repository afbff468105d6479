/* The control domain's kernel: an ELF image with Xen's notes. */
#ifndef BOOT_ELF_H
#define BOOT_ELF_H

#include "lib/types.h"

struct kernel_image {
    const uint8_t *file;
    uint64_t bytes;
    /* from the notes */
    uint64_t entry, virt_base, paddr_offset, hypercall_page, init_p2m;
    bool has_hypercall_page, has_init_p2m, initrd_unmapped;
    /* virtual addresses the segments take */
    uint64_t start, end;
};

/* Panics with the reason if the image is no 64-bit PV kernel. */
void kernel_image_parse(const uint8_t *file, uint64_t bytes, struct kernel_image *out);
/* Calls copy(context, virtual address, data or NULL for zeroes, bytes) for each piece. */
void kernel_image_load(const struct kernel_image *image,
                       void (*copy)(void *context, uint64_t virt, const uint8_t *data,
                                    uint64_t bytes),
                       void *context);

#endif
