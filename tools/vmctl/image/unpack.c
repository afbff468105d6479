/*
 * Which unpacker, and the buffer they fill.  See unpack.h.
 */
#include "vmctl/image/unpack.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY (8u << 20)
#define EXPECT_SLACK   ((8u << 20) + 65536) /* the most any unpacker asks for at once */
#define WINDOW         (8u << 10)           /* between two pauses: xz may take 3 ms for so much */
#define PACKED_BY_MAX  16u                  /* a kernel is packed by four to eight */

void (*unpack_pause)(void);
void (*unpack_progress)(size_t bytes);

size_t unpacked_window(const struct unpacked *out)
{
    size_t limit = out->capacity < UNPACKED_MAX ? out->capacity : UNPACKED_MAX;
    size_t room = limit - out->size;

    return room < WINDOW ? room : WINDOW;
}

void unpacked_expect(struct unpacked *out, size_t size, size_t packed_size)
{
    if (size > UNPACKED_MAX || size / PACKED_BY_MAX > packed_size)
        return;
    out->data = malloc(size + EXPECT_SLACK);
    out->capacity = out->data ? size + EXPECT_SLACK : 0;
}

int unpacked_reserve(struct unpacked *out, size_t more)
{
    size_t capacity = out->capacity ? out->capacity : FIRST_CAPACITY;

    if (unpack_pause)
        unpack_pause();
    if (unpack_progress)
        unpack_progress(out->size);
    if (out->size > UNPACKED_MAX || more > UNPACKED_MAX - out->size)
        return -EFBIG;
    while (capacity < out->size + more)
        capacity *= 2;
    if (capacity == out->capacity)
        return 0;
    if (capacity > UNPACKED_MAX)
        capacity = UNPACKED_MAX;
    uint8_t *data = realloc(out->data, capacity);

    if (!data)
        return -ENOMEM;
    out->data = data;
    out->capacity = capacity;
    return 0;
}

static const struct unpacker unpackers[] = {
    { "gzip", { 0x1f, 0x8b }, 2, unpack_gzip },
    { "xz", { 0xfd, '7', 'z', 'X', 'Z', 0 }, 6, unpack_xz },
    { "zstd", { 0x28, 0xb5, 0x2f, 0xfd }, 4, unpack_zstd },
    { "lz4", { 0x02, 0x21, 0x4c, 0x18 }, 4, unpack_lz4 },
    { "bzip2", { 'B', 'Z', 'h' }, 3, unpack_bzip2 },
    { "lzo", { 0x89, 'L', 'Z', 'O', 0, '\r', '\n', 0x1a, '\n' }, 9, unpack_lzo },
    { "lzma", { 0x5d, 0, 0 }, 3, unpack_lzma },
};

const struct unpacker *unpacker_find(const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < sizeof(unpackers) / sizeof(unpackers[0]); i++)
        if (size >= unpackers[i].magic_size &&
            !memcmp(data, unpackers[i].magic, unpackers[i].magic_size))
            return &unpackers[i];
    return NULL;
}
