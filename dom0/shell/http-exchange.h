/*
 * One HTTP request and its answer, over a connection of its own; for the shell's commands.
 */
#ifndef DOM0_SHELL_HTTP_EXCHANGE_H
#define DOM0_SHELL_HTTP_EXCHANGE_H

#include "network/http.h"
#include <stddef.h>
#include <stdint.h>

struct connection;

struct http_exchange {
    struct http_url url;
    struct connection *connection; /* NULL: none is open */
    struct http_head head;
    struct http_body body;
};

struct http_request {
    const char *method;
    uint64_t range_from;   /* not 0: only the bytes from here on are wanted */
    const uint8_t *upload; /* NULL: no body */
    size_t upload_bytes;
};

/* Connects, asks, and reads the answer's head.  0 or -errno; to be closed in either case. */
int http_exchange_begin(struct http_exchange *exchange, const struct http_request *request);
/*
 * Gives the answer's body to the sink, piece by piece, which may stop it with an error.
 * -EPIPE: the connection ended before the body did.
 */
int http_exchange_body(struct http_exchange *exchange,
                       int (*sink)(void *argument, const uint8_t *data, size_t bytes),
                       void *argument);
void http_exchange_close(struct http_exchange *exchange);

#endif
