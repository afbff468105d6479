/*
 * Fuzzer: any bytes as a server's answer, in pieces of any size: the body that comes out does not
 * depend on where it was cut.
 *
 * Sources: dom0/network/http.c
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "network/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
    int error;
    uint64_t bytes, sum;
    bool done;
};

/* One stretch of what came: as much as is understood. */
static int feed(struct http_head *head, struct http_body *body, struct outcome *outcome,
                const uint8_t *data, size_t size)
{
    size_t used = 0, piece_bytes, at = 0;
    const uint8_t *piece;
    int error = 0;

    if (!head->done) {
        error = http_head_take(head, data, size, &at);
        if (!error && head->done)
            http_body_begin(body, head);
    }
    while (!error && head->done && at < size && body->state != BODY_DONE) {
        error = http_body_take(body, data + at, size - at, &used, &piece, &piece_bytes);
        if (used > size - at ||
            (piece_bytes && (piece < data + at || piece + piece_bytes > data + at + used)))
            abort();
        for (size_t i = 0; !error && i < piece_bytes; i++)
            outcome->sum = outcome->sum * 31 + piece[i];
        outcome->bytes += error ? 0 : piece_bytes;
        at += used;
    }
    return error;
}

static struct outcome read_all(const uint8_t *data, size_t size, size_t stretch)
{
    struct outcome outcome = { 0 };
    struct http_head head;
    struct http_body body;

    memset(&head, 0, sizeof(head));
    memset(&body, 0, sizeof(body));
    for (size_t at = 0; at < size && !outcome.error; at += stretch)
        outcome.error =
            feed(&head, &body, &outcome, data + at, size - at < stretch ? size - at : stretch);
    outcome.done = head.done && body.state == BODY_DONE;
    return outcome;
}

static void follow(const uint8_t *data, size_t size)
{
    char text[HTTP_LINE_MAX];
    struct http_url url, next;

    size = size < sizeof(text) - 1 ? size : sizeof(text) - 1;
    memcpy(text, data, size);
    text[size] = 0;
    if (!http_url_parse(text, &url))
        http_url_authority(&url, text, sizeof(text));
    http_url_parse("http://host/a/b?c/d", &url);
    memcpy(text, data, size);
    if (!http_url_follow(&url, text, &next) && *next.path != '/')
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char chunked[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    static uint8_t text[65536];
    size_t head = size && data[0] & 0x80 ? sizeof(chunked) - 1 : 0;
    struct outcome whole, pieces;

    if (!size || size > sizeof(text) - head)
        return 0;
    follow(data, size);
    memcpy(text, chunked, head);
    memcpy(text + head, data + 1, size - 1);
    whole = read_all(text, head + size - 1, sizeof(text));
    pieces = read_all(text, head + size - 1, data[0] % 16 + 1);
    if (whole.error != pieces.error || whole.done != pieces.done ||
        (!whole.error && (whole.bytes != pieces.bytes || whole.sum != pieces.sum)))
        abort();
    return 0;
}
