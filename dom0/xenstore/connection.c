/*
 * Connections: framing, queues, bounds.  See connection.h.
 *
 * Out of memory for a reply loses that reply: the client waits for ever, but nobody else
 * does, and dom0 keeps running.
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

struct connection *connection_create(struct xenstore *store, uint32_t domid)
{
    struct connection *connection = calloc(1, sizeof(*connection));

    if (!connection)
        return NULL;
    connection->store = store;
    connection->domid = domid;
    connection->target = DOMAIN_NONE;
    connection->next = store->connections;
    store->connections = connection;
    return connection;
}

static void output_drop(struct connection *connection)
{
    while (connection->first_output) {
        struct message *message = connection->first_output;

        connection->first_output = message->next;
        free(message);
    }
    connection->last_output = NULL;
    connection->replies_waiting = 0;
    connection->event_bytes = 0;
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
    free(connection);
}

bool connection_is_guest(const struct connection *connection)
{
    return connection->domid != 0;
}

size_t connection_want(struct connection *connection, void **buffer)
{
    size_t wanted = sizeof(struct xsd_sockmsg);

    if (connection_is_guest(connection) && connection->replies_waiting >= LIMIT_GUEST_REPLIES)
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
    if (message->sent < message->size)
        return;
    connection->first_output = message->next;
    if (!message->next)
        connection->last_output = NULL;
    if (message->event)
        connection->event_bytes -= message->size;
    else
        connection->replies_waiting--;
    free(message);
}

static struct message *message_create(const struct xsd_sockmsg *header)
{
    struct message *message = calloc(1, sizeof(*message) + sizeof(*header) + header->len);

    if (!message)
        return NULL;
    message->size = (uint32_t)(sizeof(*header) + header->len);
    memcpy(message->bytes, header, sizeof(*header));
    return message;
}

static void message_queue(struct connection *connection, struct message *message)
{
    if (connection->last_output)
        connection->last_output->next = message;
    else
        connection->first_output = message;
    connection->last_output = message;
    if (message->event)
        connection->event_bytes += message->size;
    else
        connection->replies_waiting++;
    if (connection->output_ready)
        connection->output_ready(connection->output_argument);
}

void connection_reply(struct connection *connection, uint32_t type, const void *data, size_t length)
{
    struct xsd_sockmsg header = connection->input.header;

    header.type = type;
    header.len = (uint32_t)length;
    struct message *message = message_create(&header);

    if (!message)
        return;
    if (length)
        memcpy(message->bytes + sizeof(header), data, length);
    message_queue(connection, message);
}

/* Is the same event waiting already?  Then the client loses nothing if this one is dropped. */
static bool event_is_waiting(const struct connection *connection, const struct message *event)
{
    for (const struct message *at = connection->first_output; at; at = at->next)
        if (at->event && !at->sent && at->hash == event->hash && at->size == event->size &&
            !memcmp(at->bytes, event->bytes, event->size))
            return true;
    return false;
}

static uint32_t payload_hash(const char *data, size_t length)
{
    uint32_t hash = 2166136261u;

    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (unsigned char)data[i]) * 16777619u;
    return hash;
}

void connection_event(struct connection *connection, const char *path, const char *token)
{
    size_t path_size = strlen(path) + 1, token_size = strlen(token) + 1;
    struct xsd_sockmsg header = { .type = XS_WATCH_EVENT,
                                  .len = (uint32_t)(path_size + token_size) };

    if (header.len > XENSTORE_PAYLOAD_MAX)
        return;
    if (connection_is_guest(connection) &&
        connection->event_bytes + header.len > LIMIT_GUEST_EVENT_BYTES) {
        connection->events_lost++;
        return;
    }
    struct message *message = message_create(&header);

    if (!message) {
        connection->events_lost++;
        return;
    }
    memcpy(message->bytes + sizeof(header), path, path_size);
    memcpy(message->bytes + sizeof(header) + path_size, token, token_size);
    message->event = true;
    message->hash = payload_hash(message->bytes + sizeof(header), header.len);
    if (event_is_waiting(connection, message))
        free(message);
    else
        message_queue(connection, message);
}
