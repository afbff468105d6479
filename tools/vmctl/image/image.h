/*
 * A kernel file, unpacked if need be, and what is in it.
 *
 * An ELF file is taken as it is; a bzImage's payload and a packed ELF file are unpacked, and
 * the last few unpacked ones are kept with their packed bytes: unpacking costs more time
 * than all the rest of starting a guest.
 */
#ifndef TOOLS_VMCTL_IMAGE_IMAGE_H
#define TOOLS_VMCTL_IMAGE_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "vmctl/failure.h"
#include "vmctl/image/elf.h"
#include "vmctl/platform/platform.h"

struct kernel_image {
    struct kernel_elf elf;
    const uint8_t *data; /* what elf's offsets are in */
    size_t size;
    struct platform_file file; /* itself, if data points into it */
    struct kept_image *kept;   /* else the one it is in */
};

/* 0; -errno with a failure that names the file, what is wrong and what to do. */
int kernel_image_open(struct kernel_image *image, const char *file, struct failure *failure);
void kernel_image_close(struct kernel_image *image);

/* The same for bytes in memory, which the image then points to (for tests and fuzzing). */
int kernel_image_from_memory(struct kernel_image *image, const char *file, const uint8_t *data,
                             size_t size, struct failure *failure);

#endif
