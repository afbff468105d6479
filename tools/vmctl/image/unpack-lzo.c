/*
 * lzo in lzop's file format, as Linux packs it: a header, then blocks of unpacked size, packed
 * size, checksums and data, ended by a size of 0.  The blocks themselves are liblzo2's.
 */
#include <errno.h>
#include <lzo/lzo1x.h>
#include <stdbool.h>
#include <string.h>

#include "vmctl/image/unpack.h"

#define FLAG_ADLER_UNPACKED 0x0001u
#define FLAG_ADLER_PACKED   0x0002u
#define FLAG_EXTRA_FIELD    0x0040u
#define FLAG_CRC_UNPACKED   0x0100u
#define FLAG_CRC_PACKED     0x0200u
#define FLAG_FILTER         0x0800u
#define BLOCK_MAX           (64u << 20)

struct lzo_input {
    const uint8_t *data;
    size_t size, at;
    bool short_of; /* a read went beyond the end */
};

static uint32_t take(struct lzo_input *input, size_t bytes)
{
    uint32_t value = 0;

    if (input->size - input->at < bytes) {
        input->short_of = true;
        input->at = input->size;
        return 0;
    }
    while (bytes--)
        value = value << 8 | input->data[input->at++];
    return value;
}

static void pass(struct lzo_input *input, size_t bytes)
{
    if (input->size - input->at < bytes)
        input->short_of = true;
    else
        input->at += bytes;
}

static uint32_t read_header(struct lzo_input *input)
{
    pass(input, 9); /* magic */
    uint32_t version = take(input, 2);

    pass(input, 2); /* library version */
    if (version >= 0x0940)
        pass(input, 2); /* version needed */
    pass(input, 1);     /* method */
    if (version >= 0x0940)
        pass(input, 1); /* level */
    uint32_t flags = take(input, 4);

    if (flags & FLAG_FILTER)
        pass(input, 4);
    pass(input, 8); /* mode, time */
    if (version >= 0x0940)
        pass(input, 4);          /* time, upper half */
    pass(input, take(input, 1)); /* name */
    pass(input, 4);              /* checksum */
    if (flags & FLAG_EXTRA_FIELD) {
        pass(input, take(input, 4));
        pass(input, 4);
    }
    return flags;
}

static int unpack_block(struct lzo_input *input, uint32_t flags, uint32_t length,
                        struct unpacked *out)
{
    uint32_t packed = take(input, 4);

    pass(input, (flags & FLAG_ADLER_UNPACKED ? 4 : 0) + (flags & FLAG_CRC_UNPACKED ? 4 : 0));
    if (packed < length)
        pass(input, (flags & FLAG_ADLER_PACKED ? 4 : 0) + (flags & FLAG_CRC_PACKED ? 4 : 0));
    if (input->short_of || packed > input->size - input->at)
        return -ENODATA;
    if (length > BLOCK_MAX || packed > length)
        return -EINVAL;
    int error = unpacked_reserve(out, length);

    if (error)
        return error;
    lzo_uint got = length;

    if (packed == length)
        memcpy(out->data + out->size, input->data + input->at, length);
    else if (lzo1x_decompress_safe(input->data + input->at, packed, out->data + out->size, &got,
                                   NULL) != LZO_E_OK ||
             got != length)
        return -EINVAL;
    out->size += length;
    input->at += packed;
    return 0;
}

int unpack_lzo(const uint8_t *data, size_t size, struct unpacked *out)
{
    struct lzo_input input = { data, size, 0, false };
    uint32_t flags = read_header(&input);

    for (;;) {
        uint32_t length = take(&input, 4);

        if (input.short_of)
            return -ENODATA;
        if (!length)
            return 0;
        int error = unpack_block(&input, flags, length, out);

        if (error)
            return error;
    }
}
