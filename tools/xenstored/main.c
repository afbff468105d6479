/*
 * The store as a Linux daemon on a Unix socket.
 *
 * The same core that serves guests' rings in dom0 serves processes here, so that Debian's own
 * clients (libxenstore) can be held against it.  Everybody who can open the socket is dom0.
 * Domains introduced here have no ring: their requests come only through tests.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "xenstore/connection.h"
#include "xenstore/store.h"
#include "xenstore/string-table.h"

#define CLIENTS_MAX 1024

struct client {
    int fd;
    struct connection *connection;
};

static struct client clients[CLIENTS_MAX];
static size_t client_count;
static volatile sig_atomic_t stop;

static int no_ring(void *argument, struct store_domain *domain)
{
    (void)argument;
    (void)domain;
    return 0;
}

static void no_release(void *argument, struct store_domain *domain)
{
    (void)argument;
    (void)domain;
}

static enum domain_life always_lives(void *argument, uint32_t domid)
{
    (void)argument;
    (void)domid;
    return DOMAIN_LIVES;
}

static const struct store_platform platform = { no_ring, no_release, always_lives, NULL, NULL };

static void client_accept(struct xenstore *store, int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd < 0)
        return;
    struct connection *connection = client_count < CLIENTS_MAX ? connection_create(store, 0) : NULL;

    if (!connection) {
        close(fd);
        return;
    }
    clients[client_count++] = (struct client){ fd, connection };
}

/* False: the client is to be dropped. */
static bool client_read(struct client *client)
{
    for (;;) {
        void *buffer;
        size_t wanted = connection_want(client->connection, &buffer);

        if (!wanted)
            return true;
        ssize_t got = read(client->fd, buffer, wanted);

        if (got < 0)
            return errno == EAGAIN || errno == EINTR;
        if (got == 0 || connection_filled(client->connection, (size_t)got))
            return false;
    }
}

static bool client_write(struct client *client)
{
    const void *data;
    size_t size;

    while ((size = connection_output(client->connection, &data))) {
        ssize_t sent = send(client->fd, data, size, MSG_NOSIGNAL);

        if (sent < 0)
            return errno == EAGAIN || errno == EINTR;
        connection_sent(client->connection, (size_t)sent);
    }
    return true;
}

static void client_drop(size_t index)
{
    connection_destroy(clients[index].connection);
    close(clients[index].fd);
    clients[index] = clients[--client_count];
}

static int serve_once(struct xenstore *store, int listener)
{
    static struct pollfd polls[CLIENTS_MAX + 1];
    const void *data;
    size_t polled = client_count;

    polls[polled] = (struct pollfd){ listener, POLLIN, 0 };
    for (size_t i = 0; i < polled; i++) {
        short events = POLLIN;

        if (connection_output(clients[i].connection, &data))
            events |= POLLOUT;
        polls[i] = (struct pollfd){ clients[i].fd, events, 0 };
    }
    if (poll(polls, (nfds_t)polled + 1, -1) < 0)
        return errno == EINTR ? 0 : -errno;
    /* Backwards: a dropped client is replaced by the last, which has been served. */
    for (size_t i = polled; i-- > 0;) {
        bool good = true;

        if (polls[i].revents & (POLLIN | POLLHUP | POLLERR))
            good = client_read(&clients[i]);
        if (good)
            good = client_write(&clients[i]);
        if (!good)
            client_drop(i);
    }
    if (polls[polled].revents & POLLIN)
        client_accept(store, listener);
    return 0;
}

static void socket_path(char path[108], const char *given)
{
    const char *whole = getenv("XENSTORED_PATH"), *folder = getenv("XENSTORED_RUNDIR");

    if (given)
        snprintf(path, 108, "%s", given);
    else if (whole)
        snprintf(path, 108, "%s", whole);
    else
        snprintf(path, 108, "%s/socket", folder ? folder : "/run/xenstored");
}

static int listen_on(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -errno;
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    unlink(path);
    umask(0077);
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) || listen(fd, 64)) {
        int error = -errno;

        close(fd);
        return error;
    }
    return fd;
}

static void on_signal(int number)
{
    (void)number;
    stop = 1;
}

int main(int argc, char **argv)
{
    char path[108];

    if (argc > 2 || (argc == 2 && argv[1][0] == '-')) {
        fprintf(stderr, "usage: xenstored [SOCKET]\n");
        return 2;
    }
    socket_path(path, argc == 2 ? argv[1] : NULL);
    int listener = listen_on(path);
    uint64_t secret[2] = { 0 };

    if (getrandom(secret, sizeof(secret), 0) == (ssize_t)sizeof(secret))
        string_hash_choose(secret[0], secret[1]);
    struct xenstore *store = xenstore_create(&platform, NULL);

    if (listener < 0 || !store) {
        fprintf(stderr, "xenstored: %s: %s (is the folder there, and may you write to it?)\n", path,
                listener < 0 ? strerror(-listener) : "no memory");
        return 1;
    }
    struct sigaction action = { .sa_handler = on_signal };

    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    while (!stop && !serve_once(store, listener))
        ;
    while (client_count)
        client_drop(client_count - 1);
    xenstore_destroy(store);
    unlink(path);
    return 0;
}
