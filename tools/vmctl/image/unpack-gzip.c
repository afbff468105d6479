/*
 * gzip through zlib.  See unpack.h.
 */
#include <errno.h>
#include <zlib.h>

#include "vmctl/image/unpack.h"

int unpack_gzip(const uint8_t *data, size_t size, struct unpacked *out)
{
    z_stream stream = { .next_in = (Bytef *)(uintptr_t)data, .avail_in = (uInt)size };
    int result = inflateInit2(&stream, 15 + 16), error = 0; /* + 16: a gzip header */

    if (result != Z_OK)
        return -ENOMEM;
    while (result == Z_OK) {
        error = unpacked_reserve(out, 65536);
        if (error)
            break;
        stream.next_out = out->data + out->size;
        uInt window = (uInt)unpacked_window(out);

        stream.avail_out = window;
        result = inflate(&stream, Z_NO_FLUSH);
        out->size += window - stream.avail_out;
        if (result == Z_BUF_ERROR && stream.avail_in && !stream.avail_out)
            result = Z_OK;
    }
    inflateEnd(&stream);
    if (error || result == Z_STREAM_END)
        return error;
    return result == Z_BUF_ERROR ? -ENODATA : result == Z_MEM_ERROR ? -ENOMEM : -EINVAL;
}
