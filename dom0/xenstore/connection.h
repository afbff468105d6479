/*
 * A connection: messages in, messages out, and what belongs to its client.
 *
 * The transport moves bytes: it asks where they go (connection_want), says how many came
 * (connection_filled), which handles a message once it is whole, and sends what
 * connection_output shows.  A guest that does not read its answers is not listened to any
 * more (LIMIT_GUEST_REPLIES); events it does not fetch are merged and bounded.
 */
#ifndef DOM0_XENSTORE_CONNECTION_H
#define DOM0_XENSTORE_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "xenstore/wire.h"

struct store_domain;
struct transaction;
struct watch;
struct xenstore;

/* One message on its way out. */
struct message {
    struct message *next;
    uint32_t size; /* header and payload */
    uint32_t sent;
    uint32_t hash; /* of an event's payload */
    bool event;
    char bytes[];
};

struct connection {
    struct xenstore *store;
    struct connection *next;
    uint32_t domid;
    uint32_t target;             /* whose rights it has too, or DOMAIN_NONE */
    struct store_domain *domain; /* NULL for dom0's own connections */
    /* Called when there is something to send; may be NULL. */
    void (*output_ready)(void *argument);
    void *output_argument;

    union {
        struct xsd_sockmsg header;
        char bytes[WIRE_MESSAGE_MAX + 1]; /* one more: payloads are read as strings */
    } input;
    uint32_t input_length;
    struct message *first_output;
    struct message *last_output;
    uint32_t replies_waiting;
    uint32_t event_bytes;
    uint64_t events_lost;

    struct watch *watches;
    uint32_t watch_count;
    struct transaction *transactions;
    uint32_t transaction_count;
    uint32_t transaction_bytes;
};

/* NULL: no memory. */
struct connection *connection_create(struct xenstore *store, uint32_t domid);
/* Ends its transactions and watches and frees it. */
void connection_destroy(struct connection *connection);
/* Back to the state of a fresh connection (a guest reconnects, or its kernel was replaced). */
void connection_reset(struct connection *connection);
/* Are its client's requests bounded and its permissions checked? */
bool connection_is_guest(const struct connection *connection);

/* Where the next bytes of input go and how many are wanted; 0: not now. */
size_t connection_want(struct connection *connection, void **buffer);
/* That many came.  -EPROTO when the client broke the protocol beyond repair. */
int connection_filled(struct connection *connection, size_t length);

/* What is to be sent; 0: nothing. */
size_t connection_output(const struct connection *connection, const void **data);
void connection_sent(struct connection *connection, size_t length);

/* Queues the answer to the message now being handled. */
void connection_reply(struct connection *connection, uint32_t type, const void *data,
                      size_t length);
/* Queues a watch event. */
void connection_event(struct connection *connection, const char *path, const char *token);

#endif
