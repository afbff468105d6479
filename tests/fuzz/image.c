/*
 * Fuzzer: any bytes as a kernel.  What is taken from it stays within it.
 *
 * Sources: tools/vmctl/image/elf.c tools/vmctl/image/image.c tools/vmctl/image/unpack.c
 * Sources: tools/vmctl/image/unpack-gzip.c tools/vmctl/image/unpack-xz.c
 * Sources: tools/vmctl/image/unpack-zstd.c tools/vmctl/image/unpack-bzip2.c
 * Sources: tools/vmctl/image/unpack-lz4.c tools/vmctl/image/unpack-lzo.c tools/vmctl/failure.c
 * Sources: tools/vmctl/builder/layout.c
 * Libraries: -lz -llzma -lzstd -llz4 -lbz2 -llzo2
 */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "vmctl/builder/layout.h"
#include "vmctl/image/image.h"
#include "vmctl/platform/platform.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int platform_file_open(const char *path, struct platform_file *file)
{
    (void)path;
    (void)file;
    return -ENOENT;
}

void platform_file_close(struct platform_file *file)
{
    (void)file;
}

static void check_segments(const struct kernel_image *image)
{
    struct guest_layout layout;
    uint64_t wanted;

    for (size_t i = 0; i < image->elf.segment_count; i++) {
        const struct elf_segment *segment = &image->elf.segments[i];

        if (segment->offset > image->size || segment->file_size > image->size - segment->offset ||
            segment->file_size > segment->memory_size)
            abort();
    }
    if (!guest_layout_plan(&layout, &image->elf, 1 << 20, 65536, &wanted) &&
        layout.stack_pfn >= layout.pages)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kernel_image image;
    struct failure failure = { "" };

    if (!kernel_image_from_memory(&image, "fuzz", data, size, &failure)) {
        check_segments(&image);
        kernel_image_close(&image);
    } else if (!failure.text[0]) {
        abort();
    }
    return 0;
}
