/*
 * A kernel file.  See image.h.  bzImage: Documentation/x86/boot.rst of Linux.
 */
#include "vmctl/image/image.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmctl/image/unpack.h"
#include "vmctl/platform/platform.h"

/* Offsets in a bzImage. */
#define SETUP_SECTORS    0x1f1
#define SETUP_MAGIC      0x202
#define SETUP_VERSION    0x206
#define PAYLOAD_OFFSET   0x248
#define PAYLOAD_LENGTH   0x24c
#define SETUP_HEADER_END 0x250

#define KEPT_MAX      2
#define COMPARE_PIECE (128u << 10)

struct kept_image {
    uint8_t *packed; /* a copy; NULL: nothing is kept here */
    size_t packed_size;
    struct unpacked unpacked;
    unsigned int users;
    unsigned long last_use;
};

static struct kept_image kept_images[KEPT_MAX];
static unsigned long use_clock;

static uint32_t word_at(const uint8_t *data, size_t offset)
{
    uint32_t word;

    memcpy(&word, data + offset, sizeof(word));
    return word;
}

/* Are they the same bytes?  Megabytes take a while: others run between two pieces. */
static bool same_bytes(const uint8_t *a, const uint8_t *b, size_t size)
{
    for (size_t at = 0; at < size; at += COMPARE_PIECE) {
        size_t piece = size - at < COMPARE_PIECE ? size - at : COMPARE_PIECE;

        if (memcmp(a + at, b + at, piece) != 0)
            return false;
        if (unpack_pause)
            unpack_pause();
    }
    return true;
}

/* With its packed bytes, not with a hash of them: one owner's file never starts as another's. */
static struct kept_image *kept_find(const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < KEPT_MAX; i++) {
        struct kept_image *kept = &kept_images[i];

        if (!kept->packed || kept->packed_size != size)
            continue;
        kept->users++; /* it stays what it is while we compare */
        bool same = same_bytes(kept->packed, data, size);

        kept->users--;
        if (same)
            return kept;
    }
    return NULL;
}

/* A place for a new one: the least recently used that nobody uses; NULL if all are in use. */
static struct kept_image *kept_place(void)
{
    struct kept_image *oldest = NULL;

    for (size_t i = 0; i < KEPT_MAX; i++)
        if (!kept_images[i].users && (!oldest || kept_images[i].last_use < oldest->last_use))
            oldest = &kept_images[i];
    if (oldest) {
        free(oldest->packed);
        free(oldest->unpacked.data);
        memset(oldest, 0, sizeof(*oldest));
    }
    return oldest;
}

static int unpack_error(const char *file, const struct unpacker *unpacker, int error,
                        struct failure *failure)
{
    if (error == -ENODATA)
        return failure_set(failure, error,
                           "kernel %s: truncated: its %s data stops short "
                           "(copy the file again)",
                           file, unpacker->name);
    if (error == -ENOMEM)
        return failure_set(failure, error,
                           "kernel %s: not enough memory to unpack it (give dom0 "
                           "more memory)",
                           file);
    if (error == -EFBIG)
        return failure_set(failure, error,
                           "kernel %s: unpacks to more than %u MiB (use another kernel)", file,
                           UNPACKED_MAX >> 20);
    return failure_set(failure, error, "kernel %s: corrupt %s data (copy the file again)", file,
                       unpacker->name);
}

/* Unpacks into a place of its own.  Other tasks may run meanwhile: the place is in use, and
 * empty, until it is filled. */
static int unpack_into(struct kept_image *kept, const struct unpacker *unpacker,
                       const uint8_t *data, size_t size)
{
    struct unpacked unpacked = { NULL, 0, 0 };
    uint8_t *copy = malloc(size);

    if (!copy)
        return -ENOMEM;
    memcpy(copy, data, size);
    kept->users++;
    unpacked_expect(&unpacked, size >= 4 ? word_at(data, size - 4) : 0, size);
    int error = unpacker->unpack(data, size, &unpacked);

    kept->users--;
    if (error) {
        free(copy);
        free(unpacked.data);
        return error;
    }
    kept->packed = copy;
    kept->packed_size = size;
    kept->unpacked = unpacked;
    uint8_t *fitting = realloc(unpacked.data, unpacked.size ? unpacked.size : 1);

    if (fitting)
        kept->unpacked.data = fitting;
    return 0;
}

/* Unpacks, or finds it unpacked. */
static int image_unpack(struct kernel_image *image, const char *file,
                        const struct unpacker *unpacker, const uint8_t *data, size_t size,
                        struct failure *failure)
{
    struct kept_image *kept = kept_find(data, size);

    if (!kept) {
        kept = kept_place(); /* before unpacking: it may give memory back */
        int error = kept ? unpack_into(kept, unpacker, data, size) : -ENOMEM;

        if (error)
            return unpack_error(file, unpacker, error, failure);
    }
    kept->users++;
    kept->last_use = ++use_clock;
    image->kept = kept;
    image->data = kept->unpacked.data;
    image->size = kept->unpacked.size;
    return 0;
}

static bool is_bzimage(const uint8_t *data, size_t size)
{
    return size >= SETUP_HEADER_END && !memcmp(data + SETUP_MAGIC, "HdrS", 4);
}

/* Where a bzImage keeps its kernel. */
static int bzimage_payload(const char *file, const uint8_t **data, size_t *size,
                           struct failure *failure)
{
    unsigned int version = word_at(*data, SETUP_VERSION) & 0xffff;
    unsigned int sectors = (*data)[SETUP_SECTORS] ? (*data)[SETUP_SECTORS] : 4;
    uint64_t start = (uint64_t)(sectors + 1) * 512 + word_at(*data, PAYLOAD_OFFSET);
    uint64_t length = word_at(*data, PAYLOAD_LENGTH);

    if (version < 0x208)
        return failure_set(failure, -EINVAL,
                           "kernel %s: too old a bzImage (boot protocol 2.08 is needed)", file);
    if (start > *size || length > *size - start)
        return failure_set(failure, -EINVAL,
                           "kernel %s: truncated: its payload is not in the file (copy it again)",
                           file);
    *data += start;
    *size = length;
    return 0;
}

static bool is_elf(const uint8_t *data, size_t size)
{
    return size >= 4 && !memcmp(data, "\177ELF", 4);
}

int kernel_image_from_memory(struct kernel_image *image, const char *file, const uint8_t *data,
                             size_t size, struct failure *failure)
{
    int error = 0;

    memset(image, 0, sizeof(*image));
    if (!size)
        return failure_set(failure, -EINVAL, "kernel %s: an empty file (copy it again)", file);
    if (is_bzimage(data, size))
        error = bzimage_payload(file, &data, &size, failure);
    if (error)
        return error;
    const struct unpacker *unpacker = unpacker_find(data, size);

    image->data = data;
    image->size = size;
    if (unpacker)
        error = image_unpack(image, file, unpacker, data, size, failure);
    if (!error && !is_elf(image->data, image->size))
        error = failure_set(failure, -EINVAL,
                            "kernel %s: not a kernel: neither ELF nor bzImage "
                            "(use a vmlinux or vmlinuz)",
                            file);
    if (!error)
        error = kernel_elf_parse(&image->elf, file, image->data, image->size, failure);
    if (error)
        kernel_image_close(image);
    return error;
}

int kernel_image_open(struct kernel_image *image, const char *file, struct failure *failure)
{
    struct platform_file whole;
    int error = platform_file_open(file, &whole);

    memset(image, 0, sizeof(*image));
    if (error)
        return failure_set(failure, error, "kernel %s: %s (check the path in the config)", file,
                           failure_reason(error));
    error = kernel_image_from_memory(image, file, whole.data, whole.size, failure);
    if (error || image->kept)
        platform_file_close(&whole);
    else
        image->file = whole;
    return error;
}

void kernel_image_close(struct kernel_image *image)
{
    if (image->kept)
        image->kept->users--;
    platform_file_close(&image->file);
    memset(image, 0, sizeof(*image));
}
