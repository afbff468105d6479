/*
 * One HTTP request and its answer.  See http-exchange.h.
 */
#include "shell/http-exchange.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "network/connection.h"
#include "network/host-names.h"
#include "network/host-stack.h"
#include "shell/network.h"
#include "tasks/console-input.h"
#include "tasks/task.h"

#define REQUEST_MAX 2560u
/* What is looked at before others get a turn. */
#define STRETCH (32u << 10)

/* Other tasks' turn; -EINTR: Ctrl-C. */
static int breathe(void)
{
    host_stack_flush();
    task_yield();
    return console_take_interrupt() ? -EINTR : 0;
}

static int send_upload(struct http_exchange *exchange, const struct http_request *request)
{
    size_t sent = 0;
    int error = 0;

    while (!error && sent < request->upload_bytes) {
        struct patience patience = patience_ms(NETWORK_PATIENCE_MS);
        size_t part = request->upload_bytes - sent;

        part = part < STRETCH ? part : STRETCH;
        error = connection_send(exchange->connection, &patience, request->upload + sent, part);
        sent += part;
        if (!error)
            error = breathe();
    }
    return error;
}

static int send_request(struct http_exchange *exchange, const struct http_request *request)
{
    struct patience patience = patience_ms(NETWORK_PATIENCE_MS);
    char text[REQUEST_MAX], authority[300], range[64] = "", length[64] = "";
    int bytes, error;

    http_url_authority(&exchange->url, authority, sizeof(authority));
    if (request->range_from)
        snprintf(range, sizeof(range), "Range: bytes=%llu-\r\n",
                 (unsigned long long)request->range_from);
    if (request->upload)
        snprintf(length, sizeof(length), "Content-Length: %zu\r\n", request->upload_bytes);
    bytes = snprintf(text, sizeof(text),
                     "%s %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: Paravane\r\nAccept: */*\r\n"
                     "Accept-Encoding: identity\r\nConnection: close\r\n%s%s\r\n",
                     request->method, exchange->url.path, authority, range, length);
    if ((size_t)bytes >= sizeof(text))
        return -E2BIG;
    error = connection_send(exchange->connection, &patience, text, (size_t)bytes);
    return error || !request->upload ? error : send_upload(exchange, request);
}

/* The head of one response, perhaps an interim one. */
static int receive_head(struct http_exchange *exchange)
{
    struct patience patience = patience_ms(NETWORK_PATIENCE_MS);
    int error = 0;

    memset(&exchange->head, 0, sizeof(exchange->head));
    while (!error && !exchange->head.done) {
        const uint8_t *data;
        size_t bytes, used = 0;

        error = connection_peek(exchange->connection, &patience, &data, &bytes);
        if (!error && !bytes)
            error = -EPIPE;
        if (!error)
            error = http_head_take(&exchange->head, data, bytes, &used);
        if (used)
            connection_consume(exchange->connection, used);
    }
    host_stack_flush(); /* what follows need not be about the network */
    return error;
}

int http_exchange_begin(struct http_exchange *exchange, const struct http_request *request)
{
    struct patience patience = patience_ms(NETWORK_PATIENCE_MS);
    unsigned int interim = 0;
    ip_addr_t address;
    int error;

    error = host_name_resolve(exchange->url.host, HOST_ANY_FAMILY, &patience, &address);
    if (!error)
        error = connection_open(&address, exchange->url.port, &patience, &exchange->connection);
    if (!error)
        error = send_request(exchange, request);
    if (error == -ECONNRESET) /* it may have said why before it broke off */
        error = 0;
    do {
        if (!error)
            error = exchange->connection ? receive_head(exchange) : -ECONNRESET;
    } while (!error && exchange->head.status < 200 && ++interim < 10);
    if (!error)
        http_body_begin(&exchange->body, &exchange->head);
    return error;
}

/* Gives what is in these bytes to the sink; *taken says how far that went. */
static int sink_all(struct http_exchange *exchange,
                    int (*sink)(void *argument, const uint8_t *data, size_t bytes), void *argument,
                    const uint8_t *data, size_t bytes, size_t *taken)
{
    int error = 0;

    *taken = 0;
    while (!error && *taken < bytes && exchange->body.state != BODY_DONE) {
        const uint8_t *piece;
        size_t used, piece_bytes;

        error = http_body_take(&exchange->body, data + *taken, bytes - *taken, &used, &piece,
                               &piece_bytes);
        if (!error && piece_bytes)
            error = sink(argument, piece, piece_bytes);
        *taken += used;
    }
    return error;
}

int http_exchange_body(struct http_exchange *exchange,
                       int (*sink)(void *argument, const uint8_t *data, size_t bytes),
                       void *argument)
{
    int error = 0;

    while (!error && exchange->body.state != BODY_DONE) {
        struct patience patience = patience_ms(NETWORK_PATIENCE_MS);
        const uint8_t *data;
        size_t bytes, taken;

        error = connection_peek(exchange->connection, &patience, &data, &bytes);
        if (error)
            return error;
        if (!bytes)
            return http_body_may_end(&exchange->body) ? 0 : -EPIPE;
        error = sink_all(exchange, sink, argument, data, bytes < STRETCH ? bytes : STRETCH, &taken);
        connection_consume(exchange->connection, taken);
        if (!error)
            error = breathe();
    }
    return error;
}

void http_exchange_close(struct http_exchange *exchange)
{
    if (exchange->connection)
        connection_close(exchange->connection);
    exchange->connection = NULL;
}
