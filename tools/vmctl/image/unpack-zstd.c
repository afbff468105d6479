/*
 * zstd through libzstd.  See unpack.h.
 */
#include <errno.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "vmctl/image/unpack.h"

int unpack_zstd(const uint8_t *data, size_t size, struct unpacked *out)
{
    ZSTD_DStream *stream = ZSTD_createDStream();
    ZSTD_inBuffer input = { data, size, 0 };
    size_t hint = 1;
    int error = 0;

    if (!stream)
        return -ENOMEM;
    ZSTD_DCtx_setParameter(stream, ZSTD_d_windowLogMax, 27); /* 128 MiB, what Linux uses */
    while (hint && !error) {
        error = unpacked_reserve(out, 65536);
        if (error)
            break;
        ZSTD_outBuffer output = { out->data, out->size + unpacked_window(out), out->size };

        hint = ZSTD_decompressStream(stream, &output, &input);
        if (ZSTD_isError(hint)) {
            error = ZSTD_getErrorCode(hint) == ZSTD_error_memory_allocation ? -ENOMEM : -EINVAL;
        } else if (hint && input.pos == input.size && output.pos < output.size) {
            error = -ENODATA;
        }
        out->size = output.pos;
    }
    ZSTD_freeDStream(stream);
    return error;
}
