/*
 * xz and its older form lzma, through liblzma.  See unpack.h.
 */
#include <errno.h>
#include <lzma.h>

#include "vmctl/image/unpack.h"

#define DECODER_MEMORY_MAX (192u << 20)

static int unpack_run(lzma_stream *stream, const uint8_t *data, size_t size, struct unpacked *out)
{
    lzma_ret result = LZMA_OK;
    int error = 0;

    stream->next_in = data;
    stream->avail_in = size;
    while (result == LZMA_OK) {
        error = unpacked_reserve(out, 65536);
        if (error)
            break;
        stream->next_out = out->data + out->size;
        size_t window = unpacked_window(out);

        stream->avail_out = window;
        result = lzma_code(stream, LZMA_RUN);
        out->size += window - stream->avail_out;
    }
    lzma_end(stream);
    if (error || result == LZMA_STREAM_END)
        return error;
    if (result == LZMA_BUF_ERROR)
        return -ENODATA;
    return result == LZMA_MEM_ERROR || result == LZMA_MEMLIMIT_ERROR ? -ENOMEM : -EINVAL;
}

int unpack_xz(const uint8_t *data, size_t size, struct unpacked *out)
{
    lzma_stream stream = LZMA_STREAM_INIT;

    if (lzma_stream_decoder(&stream, DECODER_MEMORY_MAX, 0) != LZMA_OK)
        return -ENOMEM;
    return unpack_run(&stream, data, size, out);
}

int unpack_lzma(const uint8_t *data, size_t size, struct unpacked *out)
{
    lzma_stream stream = LZMA_STREAM_INIT;

    if (lzma_alone_decoder(&stream, DECODER_MEMORY_MAX) != LZMA_OK)
        return -ENOMEM;
    return unpack_run(&stream, data, size, out);
}
