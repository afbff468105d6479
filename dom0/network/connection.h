/*
 * TCP connections for commands: calls that wait, upon lwIP's callbacks.
 *
 * Each connection has two buffers.  What arrives is copied into one, as large as the window, so
 * lwIP's own buffers are free again at once and a slow reader holds none; the window opens as he
 * reads.  What is sent is copied into the other, and lwIP's segments point into it until they are
 * acknowledged.
 *
 * Errors besides those named: -ETIMEDOUT, -EINTR (patience.h), -ENOMEM, -ECONNRESET.
 */
#ifndef NETWORK_CONNECTION_H
#define NETWORK_CONNECTION_H

#include "network/patience.h"
#include <stddef.h>
#include <stdint.h>

#include "lwip/ip_addr.h"

struct connection;
struct listener;

/* -ECONNREFUSED, -EHOSTUNREACH: no route there. */
int connection_open(const ip_addr_t *address, uint16_t port, const struct patience *patience,
                    struct connection **connection);
/*
 * Waits until something has arrived: *data, *bytes, of which connection_consume takes away what
 * was read.  *bytes is 0 at the end.  Nothing has to be consumed before the next look.
 */
int connection_peek(struct connection *connection, const struct patience *patience,
                    const uint8_t **data, size_t *bytes);
void connection_consume(struct connection *connection, size_t bytes);
/* Returns when all is in the buffer. */
int connection_send(struct connection *connection, const struct patience *patience,
                    const void *data, size_t bytes);
/* Waits until all that was sent is acknowledged, and says that no more will come. */
int connection_finish(struct connection *connection, const struct patience *patience);
/* What was not acknowledged yet is lost; who minds calls connection_finish first. */
void connection_close(struct connection *connection);

/* Has anything arrived (or the end), so that peek would not wait? */
bool connection_ready(const struct connection *connection);
/* Woken by whatever happens to it. */
struct wait_queue *connection_changes(struct connection *connection);
void connection_peer(const struct connection *connection, ip_addr_t *address, uint16_t *port);

/* -EADDRINUSE. */
int listener_open(uint16_t port, struct listener **listener);
int listener_accept(struct listener *listener, const struct patience *patience,
                    struct connection **connection);
void listener_close(struct listener *listener);

/* lwIP's err_t as 0 or -errno. */
int connection_error(int error);

#endif
