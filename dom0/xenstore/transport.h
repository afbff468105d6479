/*
 * What client.c needs from the way its messages travel: in dom0 local-client.c, on Linux
 * vmctl's socket.  A transport makes a client with xs_client_create() in its xs_open().
 */
#ifndef DOM0_XENSTORE_TRANSPORT_H
#define DOM0_XENSTORE_TRANSPORT_H

#include <stddef.h>
#include <stdint.h>

#include "xenstore/wire.h"

struct xs_client;

struct xs_transport {
    /* Sends a whole message. */
    int (*send)(void *transport, const void *message, size_t size);
    /* Gets the next one; payload has room for XENSTORE_PAYLOAD_MAX + 1 bytes.  timeout_ns < 0:
     * no end to waiting.  -ETIMEDOUT, or what broke the connection. */
    int (*receive)(void *transport, struct xsd_sockmsg *header, char *payload, int64_t timeout_ns);
    /* Gets the answer to what was sent and leaves events where they wait; NULL where a wire
     * brings one after the other. */
    int (*answer)(void *transport, struct xsd_sockmsg *header, char *payload);
    void (*close)(void *transport);
};

/* Takes the transport over; NULL: no memory (and the transport is closed). */
struct xs_client *xs_client_create(const struct xs_transport *operations, void *transport);

#endif
