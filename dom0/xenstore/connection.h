/*
 * A connection: messages in, messages out, and what belongs to its client.
 *
 * The transport moves bytes: it asks where they go (connection_want), says how many came
 * (connection_filled), which handles a message once it is whole, and sends what
 * connection_output shows.  A guest that does not read its answers is not listened to any
 * more (LIMIT_GUEST_REPLIES); events it does not fetch are merged and bounded.
 *
 * A request is always answered: each connection owns room for one short reply, and while that is
 * on its way nothing is read.
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
    struct message *next_alike; /* an event's: the next whose hash falls into the same bucket */
    uint32_t size;              /* header and payload */
    uint32_t sent;
    uint64_t hash; /* of an event's path and token */
    uint32_t cost; /* of a waiting event, counted in event_bytes */
    bool event;
    bool queued;
    bool kept; /* made beforehand, and not freed when it was sent */
    char bytes[];
};

#define EVENT_BUCKETS 256u

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
    uint32_t event_bytes; /* of memory, all told */
    uint64_t events_lost;
    struct message *events[EVENT_BUCKETS]; /* those that wait, by hash */
    struct message *last_word; /* room for a short reply when there is no memory for another */

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
/* Takes the first reply out past the events that wait before it: copies its header and payload
 * (which has room for XENSTORE_PAYLOAD_MAX).  False: there is none. */
bool connection_take_reply(struct connection *connection, struct xsd_sockmsg *header,
                           char *payload);

/* Queues the answer to the message now being handled. */
void connection_reply(struct connection *connection, uint32_t type, const void *data,
                      size_t length);
/* May this client make the store keep more?  dom0 always, a guest while dom0 has memory left. */
bool connection_may_grow(const struct connection *connection);

/* Queues a watch event; `hash` is some hash of the two strings.  -ENOSPC, -ENOMEM: not queued. */
int connection_event(struct connection *connection, const char *path, const char *token,
                     uint64_t hash);
/* The same in two steps, of which the second cannot fail: an event made beforehand, queued
 * unless it waits already or there is none (then one more event is lost); and its end. */
struct message *connection_event_prepare(const char *path, const char *token);
void connection_event_standby(struct connection *connection, struct message *event);
void connection_event_forget(struct message *event);

#endif
