/*
 * dom0's own clients: a connection to the store without a wire.
 *
 * A request is handled inside send(), so its answer is there when it is asked for (the store
 * always has room for one); only waiting for a watch event sleeps, until somebody's change queues
 * one.  Asking never sleeps, so between two tasks' requests there is no half of one.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pv-kernel/clock.h"
#include "tasks/wait-queue.h"
#include "xenstore/client.h"
#include "xenstore/connection.h"
#include "xenstore/local-client.h"
#include "xenstore/transport.h"

struct local_client {
    struct connection *connection;
    struct wait_queue output;
};

static struct xenstore *local_store;

void local_clients_start(struct xenstore *store)
{
    local_store = store;
}

static void local_output_ready(void *argument)
{
    wait_queue_wake_all(&((struct local_client *)argument)->output);
}

static int local_send(void *transport, const void *message, size_t size)
{
    struct local_client *client = transport;
    const char *from = message;

    while (size) {
        void *buffer;
        size_t wanted = connection_want(client->connection, &buffer);

        if (!wanted)
            return -EIO; /* the last answer was not fetched */
        wanted = wanted < size ? wanted : size;
        memcpy(buffer, from, wanted);
        from += wanted;
        size -= wanted;
        int error = connection_filled(client->connection, wanted);

        if (error)
            return error;
    }
    return 0;
}

static int local_receive(void *transport, struct xsd_sockmsg *header, char *payload,
                         int64_t timeout_ns)
{
    struct local_client *client = transport;
    uint64_t deadline = timeout_ns < 0 ? 0 : clock_monotonic_ns() + (uint64_t)timeout_ns;
    const void *data;
    size_t size;

    while (!(size = connection_output(client->connection, &data))) {
        if (timeout_ns < 0)
            wait_queue_wait(&client->output);
        else if (wait_queue_wait_until(&client->output, deadline) &&
                 !connection_output(client->connection, &data))
            return -ETIMEDOUT;
    }
    memcpy(header, data, sizeof(*header));
    memcpy(payload, (const char *)data + sizeof(*header), header->len);
    connection_sent(client->connection, size);
    return 0;
}

static int local_answer(void *transport, struct xsd_sockmsg *header, char *payload)
{
    struct local_client *client = transport;

    return connection_take_reply(client->connection, header, payload) ? 0 : -EIO;
}

static void local_close(void *transport)
{
    struct local_client *client = transport;

    connection_destroy(client->connection);
    free(client);
}

static const struct xs_transport local_transport = { local_send, local_receive, local_answer,
                                                     local_close };

struct xs_client *xs_open(void)
{
    struct local_client *client = local_store ? calloc(1, sizeof(*client)) : NULL;

    if (!client)
        return NULL;
    client->connection = connection_create(local_store, 0);
    if (!client->connection) {
        free(client);
        return NULL;
    }
    wait_queue_init(&client->output);
    client->connection->output_ready = local_output_ready;
    client->connection->output_argument = client;
    return xs_client_create(&local_transport, client);
}
