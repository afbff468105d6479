/*
 * HTTP/1.1's messages (RFC 9112), pure: addresses, a response's head, a body's framing.  Whatever
 * the server sends, what is kept of it is bounded.
 */
#ifndef NETWORK_HTTP_H
#define NETWORK_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_LINE_MAX 2048u
#define HTTP_HEAD_MAX 65536u /* bytes of a whole head */

struct http_url {
    char host[256]; /* without the brackets of an IPv6 address */
    uint16_t port;
    char path[1536]; /* with the query; begins with / */
};

/* 0; -EPROTONOSUPPORT: not http; -EINVAL. */
int http_url_parse(const char *text, struct http_url *url);
/* A Location, which may be relative to the URL that was asked for (RFC 3986, 5.2). */
int http_url_follow(const struct http_url *from, const char *location, struct http_url *url);
/* "host", "host:port" or "[host]:port", as the Host field wants it. */
void http_url_authority(const struct http_url *url, char *text, size_t size);

/* A response's head, as it comes in; zeroes to begin with. */
struct http_head {
    char line[HTTP_LINE_MAX];
    size_t line_bytes, bytes;
    bool have_status, done;
    int status;
    bool chunked, has_length, has_range, has_total;
    uint64_t length;      /* Content-Length */
    uint64_t range_first; /* Content-Range: bytes FIRST-LAST/TOTAL */
    uint64_t range_total; /* and of "bytes *" "/TOTAL" */
    char location[HTTP_LINE_MAX];
};

/*
 * Takes bytes up to the head's end: *used are taken, head->done says whether that was it.
 * -EBADMSG: this is no HTTP; -E2BIG.
 */
int http_head_take(struct http_head *head, const uint8_t *data, size_t bytes, size_t *used);

/* A body. */
enum http_body_state {
    BODY_TO_END, /* until the connection ends */
    BODY_LENGTH, /* `left` bytes more */
    CHUNK_SIZE,  /* in a chunk's size, or what stands behind it */
    CHUNK_DATA,  /* `left` bytes more, then a line's end */
    CHUNK_END,   /* in that line's end */
    CHUNK_TRAILER,
    BODY_DONE
};

struct http_body {
    enum http_body_state state;
    uint64_t left;
    unsigned int digits, line_bytes; /* of a size; of a line */
    bool extension;
    size_t trailer_bytes;
};

void http_body_begin(struct http_body *body, const struct http_head *head);
/*
 * The next piece of the body in these bytes: *used are taken, and *piece, *piece_bytes lie within
 * them (perhaps none).  To be called until everything is used or the body is done.  -EBADMSG.
 */
int http_body_take(struct http_body *body, const uint8_t *data, size_t bytes, size_t *used,
                   const uint8_t **piece, size_t *piece_bytes);
/* The connection has ended: is that the body's end too? */
bool http_body_may_end(const struct http_body *body);

#endif
