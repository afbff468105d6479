/*
 * lz4 in the "legacy" framing Linux uses: after the magic, blocks of a 32-bit size and that
 * many packed bytes, each unpacking to at most 8 MiB; the blocks themselves are liblz4's.
 * Linux puts the unpacked size behind the last block.
 */
#include <errno.h>
#include <lz4.h>
#include <string.h>

#include "vmctl/image/unpack.h"

#define LEGACY_BLOCK (8u << 20)

int unpack_lz4(const uint8_t *data, size_t size, struct unpacked *out)
{
    size_t at = 4;

    while (size - at > 4) {
        uint32_t packed;

        memcpy(&packed, data + at, sizeof(packed));
        at += sizeof(packed);
        if (packed == 0x184c2102) /* another frame */
            continue;
        if (packed > size - at)
            return -ENODATA;
        int error = unpacked_reserve(out, LEGACY_BLOCK);

        if (error)
            return error;
        int length = LZ4_decompress_safe((const char *)data + at, (char *)out->data + out->size,
                                         (int)packed, (int)LEGACY_BLOCK);

        if (length <= 0)
            return -EINVAL;
        out->size += (size_t)length;
        at += packed;
    }
    return out->size ? 0 : -ENODATA;
}
