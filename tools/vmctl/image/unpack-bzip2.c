/*
 * bzip2 through libbz2.  See unpack.h.
 */
#include <bzlib.h>
#include <errno.h>

#include "vmctl/image/unpack.h"

int unpack_bzip2(const uint8_t *data, size_t size, struct unpacked *out)
{
    bz_stream stream = { .next_in = (char *)(uintptr_t)data, .avail_in = (unsigned int)size };
    int result = BZ2_bzDecompressInit(&stream, 0, 0), error = 0;

    if (result != BZ_OK)
        return -ENOMEM;
    while (result == BZ_OK) {
        error = unpacked_reserve(out, 65536);
        if (error)
            break;
        stream.next_out = (char *)out->data + out->size;
        unsigned int window = (unsigned int)unpacked_window(out);

        stream.avail_out = window;
        result = BZ2_bzDecompress(&stream);
        out->size += window - stream.avail_out;
        if (result == BZ_OK && !stream.avail_in && stream.avail_out) {
            error = -ENODATA;
            break;
        }
    }
    BZ2_bzDecompressEnd(&stream);
    if (error || result == BZ_STREAM_END)
        return error;
    return result == BZ_MEM_ERROR ? -ENOMEM : -EINVAL;
}
