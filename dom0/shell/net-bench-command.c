/*
 * net-bench serve: dom0's end of tests/bench/net-bench.c, which runs in guests.
 *
 * A client's first byte says what it wants: 's' we only read, 'r' we only write, 't' we send back
 * each byte.  Each connection has a task of its own.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "network/connection.h"
#include "shell/commands.h"
#include "shell/network.h"
#include "shell/shell.h"
#include "tasks/task.h"

#define FOR_EVER_MS (365ULL * 24 * 3600 * 1000)
#define CLIENTS_MAX 16u
#define CHUNK_BYTES (64u << 10)

static unsigned int clients;

static int take(struct connection *connection, const struct patience *patience, size_t *bytes,
                uint8_t *first)
{
    const uint8_t *data;
    int error = connection_peek(connection, patience, &data, bytes);

    if (error || !*bytes)
        return error ? error : -ECONNRESET;
    *first = data[0];
    return 0;
}

static void read_all(struct connection *connection, const struct patience *patience)
{
    size_t bytes;
    uint8_t first;

    while (!take(connection, patience, &bytes, &first))
        connection_consume(connection, bytes);
}

static void write_for_ever(struct connection *connection, const struct patience *patience)
{
    static const uint8_t zeros[CHUNK_BYTES];

    while (!connection_send(connection, patience, zeros, sizeof(zeros)))
        ;
}

static void send_back(struct connection *connection, const struct patience *patience)
{
    size_t bytes;
    uint8_t first;

    while (!take(connection, patience, &bytes, &first)) {
        connection_consume(connection, 1);
        if (connection_send(connection, patience, &first, 1))
            return;
    }
}

static void client_task(void *arg)
{
    struct patience patience = patience_ms(FOR_EVER_MS);
    struct connection *connection = arg;
    size_t bytes;
    uint8_t kind;

    patience.interruptible = false;
    if (!take(connection, &patience, &bytes, &kind)) {
        connection_consume(connection, 1);
        if (kind == 's')
            read_all(connection, &patience);
        else if (kind == 'r')
            write_for_ever(connection, &patience);
        else if (kind == 't')
            send_back(connection, &patience);
    }
    connection_close(connection);
    clients--;
}

static void serve_task(void *arg)
{
    struct patience patience = patience_ms(FOR_EVER_MS);
    struct connection *connection;

    patience.interruptible = false;
    while (!listener_accept(arg, &patience, &connection)) {
        if (clients < CLIENTS_MAX && task_spawn("net-bench", client_task, connection, 0))
            clients++;
        else
            connection_close(connection);
    }
}

int net_bench_command(int argc, char **argv)
{
    struct listener *listener;
    char *end;
    unsigned long port;
    int error;

    if (argc != 3 || strcmp(argv[1], "serve") != 0)
        return shell_usage("net-bench serve PORT");
    port = strtoul(argv[2], &end, 10);
    if (*end || !port || port > 65535)
        return shell_usage("net-bench serve PORT");
    error = listener_open((uint16_t)port, &listener);
    if (!error && !task_spawn("net-bench", serve_task, listener, 0)) {
        listener_close(listener);
        error = -ENOMEM;
    }
    return error ? network_failed("net-bench", argv[2], error) : 0;
}
