/*
 * Connections: framing, queues, bounds.  See connection.h.
 */
#include "xenstore/connection.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "xenstore/domain.h"
#include "xenstore/limits.h"
#include "xenstore/requests.h"
#include "xenstore/store.h"
#include "xenstore/transaction.h"
#include "xenstore/watch.h"

#define LAST_WORD_MAX 64u /* "OK", numbers, the names of errors */
#define LOOKS_MAX     64u /* at events of one bucket, however many a guest has made fall there */

struct connection *connection_create(struct xenstore *store, uint32_t domid)
{
    struct connection *connection = calloc(1, sizeof(*connection));

    if (!connection)
        return NULL;
    connection->last_word =
        calloc(1, sizeof(struct message) + sizeof(struct xsd_sockmsg) + LAST_WORD_MAX);
    if (!connection->last_word) {
        free(connection);
        return NULL;
    }
    connection->last_word->kept = true;
    connection->store = store;
    connection->domid = domid;
    connection->target = DOMAIN_NONE;
    connection->next = store->connections;
    store->connections = connection;
    return connection;
}

static struct message **event_bucket(struct connection *connection, uint64_t hash)
{
    return &connection->events[hash % EVENT_BUCKETS];
}

/* Takes the message behind `previous` (NULL: the first) out of the queue. */
static struct message *message_unlink(struct connection *connection, struct message *previous)
{
    struct message **from = previous ? &previous->next : &connection->first_output;
    struct message *message = *from;

    *from = message->next;
    if (!message->next)
        connection->last_output = previous;
    message->queued = false;
    message->sent = 0;
    if (!message->event) {
        connection->replies_waiting--;
        return message;
    }
    connection->event_bytes -= message->cost;
    for (from = event_bucket(connection, message->hash); *from; from = &(*from)->next_alike)
        if (*from == message) {
            *from = message->next_alike;
            break;
        }
    return message;
}

static void message_put(struct message *message)
{
    if (!message->kept)
        free(message);
}

static void output_drop(struct connection *connection)
{
    while (connection->first_output)
        message_put(message_unlink(connection, NULL));
}

void connection_reset(struct connection *connection)
{
    transactions_drop(connection);
    watches_drop(connection);
    output_drop(connection);
    connection->input_length = 0;
}

void connection_destroy(struct connection *connection)
{
    struct connection **at = &connection->store->connections;

    connection_reset(connection);
    while (*at != connection)
        at = &(*at)->next;
    *at = connection->next;
    free(connection->last_word);
    free(connection);
}

bool connection_is_guest(const struct connection *connection)
{
    return connection->domid != 0;
}

bool connection_may_grow(const struct connection *connection)
{
    const struct xenstore *store = connection->store;

    return !connection_is_guest(connection) || !store->platform->short_of_memory ||
           !store->platform->short_of_memory(store->platform_argument);
}

size_t connection_want(struct connection *connection, void **buffer)
{
    size_t wanted = sizeof(struct xsd_sockmsg);

    if (connection->last_word->queued ||
        (connection_is_guest(connection) && connection->replies_waiting >= LIMIT_GUEST_REPLIES))
        return 0;
    if (connection->input_length >= wanted)
        wanted += connection->input.header.len;
    *buffer = connection->input.bytes + connection->input_length;
    return wanted - connection->input_length;
}

int connection_filled(struct connection *connection, size_t length)
{
    const struct xsd_sockmsg *header = &connection->input.header;

    connection->input_length += (uint32_t)length;
    if (connection->input_length < sizeof(*header))
        return 0;
    if (header->len > XENSTORE_PAYLOAD_MAX)
        return -EPROTO;
    if (connection->input_length < sizeof(*header) + header->len)
        return 0;
    connection->input.bytes[connection->input_length] = '\0';
    request_handle(connection);
    connection->input_length = 0;
    return 0;
}

size_t connection_output(const struct connection *connection, const void **data)
{
    const struct message *message = connection->first_output;

    if (!message)
        return 0;
    *data = message->bytes + message->sent;
    return message->size - message->sent;
}

void connection_sent(struct connection *connection, size_t length)
{
    struct message *message = connection->first_output;

    message->sent += (uint32_t)length;
    if (message->sent == message->size)
        message_put(message_unlink(connection, NULL));
}

bool connection_take_reply(struct connection *connection, struct xsd_sockmsg *header, char *payload)
{
    struct message *previous = NULL, *message = connection->first_output;

    for (; message && message->event; message = message->next)
        previous = message;
    if (!message)
        return false;
    message_unlink(connection, previous);
    memcpy(header, message->bytes, sizeof(*header));
    memcpy(payload, message->bytes + sizeof(*header), header->len);
    message_put(message);
    return true;
}

static void message_fill(struct message *message, const struct xsd_sockmsg *header,
                         const void *data)
{
    message->size = (uint32_t)(sizeof(*header) + header->len);
    memcpy(message->bytes, header, sizeof(*header));
    if (header->len)
        memcpy(message->bytes + sizeof(*header), data, header->len);
}

static void message_queue(struct connection *connection, struct message *message)
{
    message->next = NULL;
    message->queued = true;
    if (connection->last_output)
        connection->last_output->next = message;
    else
        connection->first_output = message;
    connection->last_output = message;
    if (message->event) {
        struct message **bucket = event_bucket(connection, message->hash);

        /* A kept one was paid for with its watch. */
        message->cost = message->kept ? 0 : (uint32_t)sizeof(*message) + message->size;
        connection->event_bytes += message->cost;
        message->next_alike = *bucket;
        *bucket = message;
    } else {
        connection->replies_waiting++;
    }
    if (connection->output_ready)
        connection->output_ready(connection->output_argument);
}

void connection_reply(struct connection *connection, uint32_t type, const void *data, size_t length)
{
    struct xsd_sockmsg header = connection->input.header;
    struct message *message = malloc(sizeof(*message) + sizeof(header) + length);

    header.type = type;
    header.len = (uint32_t)length;
    if (message) {
        memset(message, 0, sizeof(*message));
    } else {
        message = connection->last_word; /* free: else the request had not been read */
        if (length > LAST_WORD_MAX) {
            header.type = XS_ERROR;
            header.len = sizeof("ENOMEM");
            data = "ENOMEM";
        }
    }
    message_fill(message, &header, data);
    message_queue(connection, message);
}

/* Is the same event waiting already?  Then the client loses nothing if this one is dropped. */
static bool event_is_waiting(struct connection *connection, const char *path, const char *token,
                             uint64_t hash)
{
    const struct message *at = *event_bucket(connection, hash);

    for (unsigned int looks = 0; at && looks < LOOKS_MAX; at = at->next_alike, looks++) {
        const char *payload = at->bytes + sizeof(struct xsd_sockmsg);

        /* Equal hashes of different events are too rare to look further for. */
        if (at->hash == hash && !at->sent)
            return !strcmp(payload, path) && !strcmp(payload + strlen(path) + 1, token);
    }
    return false;
}

struct message *connection_event_prepare(const char *path, const char *token)
{
    size_t path_size = strlen(path) + 1, token_size = strlen(token) + 1;
    struct xsd_sockmsg header = { .type = XS_WATCH_EVENT,
                                  .len = (uint32_t)(path_size + token_size) };
    struct message *event = malloc(sizeof(*event) + sizeof(header) + header.len);

    if (!event)
        return NULL;
    memset(event, 0, sizeof(*event));
    event->event = event->kept = true;
    event->size = (uint32_t)sizeof(header) + header.len;
    memcpy(event->bytes, &header, sizeof(header));
    memcpy(event->bytes + sizeof(header), path, path_size);
    memcpy(event->bytes + sizeof(header) + path_size, token, token_size);
    return event;
}

int connection_event(struct connection *connection, const char *path, const char *token,
                     uint64_t hash)
{
    size_t length = strlen(path) + strlen(token) + 2;
    uint32_t limit =
        connection_is_guest(connection) ? LIMIT_GUEST_EVENT_BYTES : LIMIT_DOM0_EVENT_BYTES;

    if (length > XENSTORE_PAYLOAD_MAX || event_is_waiting(connection, path, token, hash))
        return 0;
    if (connection->event_bytes + length + sizeof(struct message) > limit ||
        !connection_may_grow(connection))
        return -ENOSPC;
    struct message *message = connection_event_prepare(path, token);

    if (!message)
        return -ENOMEM;
    message->kept = false;
    message->hash = hash;
    message_queue(connection, message);
    return 0;
}

void connection_event_standby(struct connection *connection, struct message *event)
{
    if (!event)
        connection->events_lost++;
    else if (!event->queued)
        message_queue(connection, event);
}

void connection_event_forget(struct message *event)
{
    if (event && event->queued)
        event->kept = false; /* goes when it was sent */
    else
        free(event);
}
