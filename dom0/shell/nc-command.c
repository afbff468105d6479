/*
 * nc: a TCP connection or UDP datagrams, to type into and to look at.
 *
 * Lines are sent when they are complete; Ctrl-D says that no more will come, Ctrl-C ends it.  With
 * -f a file is sent instead.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libc/files.h"
#include "network/connection.h"
#include "network/datagrams.h"
#include "network/host-names.h"
#include "network/host-stack.h"
#include "pv-kernel/clock.h"
#include "shell/commands.h"
#include "shell/network.h"
#include "tasks/console-input.h"
#include "tasks/task.h"
#include "vmctl/command.h"

#define KEY_INTERRUPT 3 /* Ctrl-C */
#define KEY_END       4 /* Ctrl-D */
#define KEY_BACK      8
#define KEY_DELETE    127
#define STRETCH       (64u << 10)
#define NS_PER_MS     1000000u
#define FOR_EVER      (365ULL * 24 * 3600 * 1000) /* ms */
#define USAGE         "nc [-u] [-w SECONDS] [-f FILE] HOST PORT, nc -l [-u] [-w SECONDS] [-f FILE] PORT"

struct nc {
    bool listens, udp;
    const char *host, *file;
    uint16_t port;
    uint64_t idle_ms; /* silence after which it ends */
    struct connection *connection;
    struct datagrams *datagrams;
    ip_addr_t peer; /* of datagrams; any: nobody has sent one yet */
    uint16_t peer_port;
    bool got_something, sent_all;
    char line[1024];
    size_t line_bytes;
};

static int send_data(struct nc *nc, const void *data, size_t bytes)
{
    struct patience patience = patience_ms(NETWORK_PATIENCE_MS);

    if (!nc->udp)
        return connection_send(nc->connection, &patience, data, bytes);
    return nc->peer_port ? datagrams_send(nc->datagrams, &nc->peer, nc->peer_port, data, bytes) : 0;
}

static int send_end(struct nc *nc)
{
    struct patience patience = patience_ms(NETWORK_PATIENCE_MS);

    nc->sent_all = true;
    return nc->udp ? 0 : connection_finish(nc->connection, &patience);
}

/* One typed character. */
static int typed(struct nc *nc, int key)
{
    int error;

    if (key == KEY_INTERRUPT)
        return -EINTR;
    if (key == KEY_END)
        return send_end(nc);
    if (key == KEY_BACK || key == KEY_DELETE) {
        if (nc->line_bytes) {
            nc->line_bytes--;
            printf("\b \b");
        }
        return 0;
    }
    if (key == '\r')
        key = '\n';
    if (key == '\n' || nc->line_bytes < sizeof(nc->line) - 1) {
        nc->line[nc->line_bytes++] = (char)key;
        printf("%c", key);
    }
    if (key != '\n')
        return 0;
    error = send_data(nc, nc->line, nc->line_bytes);
    nc->line_bytes = 0;
    return error;
}

static int all_typed(struct nc *nc)
{
    int key, error = 0;

    while (!error && !nc->sent_all && (key = console_read_char_until(0)) >= 0)
        error = typed(nc, key);
    fflush(stdout);
    return error;
}

/* Shows what has arrived; *over: nothing more will. */
static int show(struct nc *nc, const struct patience *patience, bool *over)
{
    const uint8_t *data;
    size_t bytes;
    int error = connection_peek(nc->connection, patience, &data, &bytes);

    if (error)
        return error;
    bytes = bytes < STRETCH ? bytes : STRETCH;
    *over = !bytes;
    fwrite(data, 1, bytes, stdout);
    connection_consume(nc->connection, bytes);
    host_stack_flush();
    return 0;
}

static int show_datagram(struct nc *nc)
{
    char *data = malloc(STRETCH);
    ip_addr_t address;
    uint16_t port;
    size_t bytes;
    int error =
        data ? datagrams_receive(nc->datagrams, data, STRETCH, &bytes, &address, &port) : -ENOMEM;

    if (!error && nc->listens && !nc->peer_port) {
        nc->peer = address;
        nc->peer_port = port;
    }
    if (!error && port == nc->peer_port && ip_addr_cmp_zoneless(&address, &nc->peer))
        fwrite(data, 1, bytes, stdout);
    free(data);
    return error;
}

static bool is_ready(const struct nc *nc)
{
    return nc->udp ? datagrams_ready(nc->datagrams) : connection_ready(nc->connection);
}

static struct wait_queue *changes(struct nc *nc)
{
    return nc->udp ? datagrams_changes(nc->datagrams) : connection_changes(nc->connection);
}

static int talk(struct nc *nc)
{
    struct patience patience = patience_ms(nc->idle_ms);
    bool over = false;
    int error = 0;

    while (!error && !over) {
        if (is_ready(nc)) {
            error = nc->udp ? show_datagram(nc) : show(nc, &patience, &over);
            nc->got_something = true;
            patience = patience_ms(nc->idle_ms);
            task_yield();
        } else {
            error = patience_wait(&patience, changes(nc));
        }
        if (!error)
            error = all_typed(nc);
    }
    /* Silence is how datagrams end. */
    return error == -ETIMEDOUT && nc->got_something ? 0 : error;
}

static int send_file(struct nc *nc)
{
    struct file_pin pin;
    int error = files_pin(nc->file, &pin);

    if (error)
        return error;
    const char *data = pin.data;
    size_t size = pin.size;

    for (size_t at = 0; at < size && !error; at += STRETCH) {
        size_t most = nc->udp ? DATAGRAM_BYTES_MAX : STRETCH;

        error = size - at > most && nc->udp
                    ? -EMSGSIZE
                    : send_data(nc, data + at, size - at < STRETCH ? size - at : STRETCH);
        task_yield();
    }
    files_unpin(&pin);
    return error ? error : send_end(nc);
}

/* Listens for one connection. */
static int await(struct nc *nc)
{
    struct patience patience = patience_ms(nc->idle_ms);
    struct listener *listener;
    ip_addr_t address;
    uint16_t port;
    int error = listener_open(nc->port, &listener);

    if (error)
        return error;
    error = listener_accept(listener, &patience, &nc->connection);
    listener_close(listener);
    if (error)
        return error;
    connection_peer(nc->connection, &address, &port);
    fprintf(stderr, "nc: %s port %u has connected\n", network_text(&address), port);
    return 0;
}

static int open_it(struct nc *nc)
{
    struct patience patience =
        patience_ms(nc->idle_ms < NETWORK_PATIENCE_MS ? nc->idle_ms : NETWORK_PATIENCE_MS);
    int error = 0;

    if (!nc->listens)
        error = host_name_resolve(nc->host, HOST_ANY_FAMILY, &patience, &nc->peer);
    if (error)
        return error;
    if (nc->udp) {
        nc->peer_port = nc->listens ? 0 : nc->port;
        return datagrams_open(nc->listens ? nc->port : 0, &nc->datagrams);
    }
    return nc->listens ? await(nc)
                       : connection_open(&nc->peer, nc->port, &patience, &nc->connection);
}

/* What of a dialogue has not gone out yet goes out. */
static int close_it(struct nc *nc)
{
    struct patience patience = patience_ms(NETWORK_PATIENCE_MS);
    int error = 0;

    if (nc->datagrams)
        datagrams_close(nc->datagrams);
    if (!nc->connection)
        return 0;
    error = connection_finish(nc->connection, &patience);
    connection_close(nc->connection);
    return error;
}

static bool parse(struct nc *nc, int argc, char **argv)
{
    const char *words[2] = { NULL, NULL };
    unsigned int count = 0;
    unsigned long port;
    int64_t wait_ns = 0;

    nc->idle_ms = FOR_EVER;
    for (int i = 1; i < argc; i++)
        if (!strcmp(argv[i], "-l"))
            nc->listens = true;
        else if (!strcmp(argv[i], "-u"))
            nc->udp = true;
        else if (!strcmp(argv[i], "-f") && i + 1 < argc)
            nc->file = argv[++i];
        else if (!strcmp(argv[i], "-w") && i + 1 < argc)
            wait_ns = command_seconds(argv[++i]);
        else if (*argv[i] != '-' && count < 2)
            words[count++] = argv[i];
        else
            return false;
    if (wait_ns < 0 || count != (nc->listens ? 1 : 2))
        return false;
    if (wait_ns)
        nc->idle_ms = (uint64_t)wait_ns / NS_PER_MS;
    nc->host = words[0];
    port = strtoul(words[count - 1], NULL, 10);
    nc->port = (uint16_t)port;
    return port && port <= UINT16_MAX;
}

int nc_command(int argc, char **argv)
{
    struct nc *nc = calloc(1, sizeof(*nc));
    const char *what;
    int error, ended;

    if (!nc)
        return shell_failed("nc", -ENOMEM);
    if (!parse(nc, argc, argv)) {
        free(nc);
        return shell_usage(USAGE);
    }
    what = nc->host;
    if (nc->file && access(nc->file, R_OK)) {
        error = shell_failed(nc->file, -errno);
        free(nc);
        return error;
    }
    error = open_it(nc);
    if (!error && nc->file) {
        error = send_file(nc);
        what = error ? nc->file : what;
    }
    if (!error)
        error = talk(nc);
    ended = close_it(nc);
    error = error ? error : ended;
    free(nc);
    return error ? network_failed("nc", what, error) : 0;
}
