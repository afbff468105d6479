/*
 * Unpacking what kernels come packed in: gzip, xz, zstd, lz4, bzip2, lzma, lzo.
 *
 * The libraries do the work; here are their loops, one file each, all with the same bounds:
 * never beyond the input, never more than UNPACKED_MAX out.  The input is hostile.
 */
#ifndef TOOLS_VMCTL_IMAGE_UNPACK_H
#define TOOLS_VMCTL_IMAGE_UNPACK_H

#include <stddef.h>
#include <stdint.h>

#define UNPACKED_MAX (256u << 20)

/* A growing output buffer. */
struct unpacked {
    uint8_t *data; /* malloc'ed */
    size_t size;
    size_t capacity;
};

/* Makes room for so many bytes in an empty buffer, if it can: what a packed kernel says of its
 * size (its last four bytes do), which may be a lie: no more than its packed bytes make likely. */
void unpacked_expect(struct unpacked *out, size_t size, size_t packed_size);
/* Makes room for at least `more` bytes (and then some). -EFBIG beyond the bound, -ENOMEM. */
int unpacked_reserve(struct unpacked *out, size_t more);
/* How much of that room to fill before reserving again: never beyond the bound. */
size_t unpacked_window(const struct unpacked *out);

/*
 * Called between two windows, if set.  A kernel takes seconds to unpack; in dom0, where tasks
 * give way by themselves, guests' disks and consoles are served meanwhile.
 */
extern void (*unpack_pause)(void);
/* The same, with what there is so far: for who waits. */
extern void (*unpack_progress)(size_t bytes);

struct unpacker {
    const char *name;
    uint8_t magic[9];
    size_t magic_size;
    /* 0; -EINVAL corrupt; -ENODATA truncated; -EFBIG, -ENOMEM.  Bytes behind the packed data
     * are none of its business. */
    int (*unpack)(const uint8_t *data, size_t size, struct unpacked *out);
};

/* By the first bytes; NULL: not packed in any way known here. */
const struct unpacker *unpacker_find(const uint8_t *data, size_t size);

int unpack_gzip(const uint8_t *data, size_t size, struct unpacked *out);
int unpack_xz(const uint8_t *data, size_t size, struct unpacked *out);
int unpack_lzma(const uint8_t *data, size_t size, struct unpacked *out);
int unpack_zstd(const uint8_t *data, size_t size, struct unpacked *out);
int unpack_bzip2(const uint8_t *data, size_t size, struct unpacked *out);
int unpack_lz4(const uint8_t *data, size_t size, struct unpacked *out);
int unpack_lzo(const uint8_t *data, size_t size, struct unpacked *out);

#endif
