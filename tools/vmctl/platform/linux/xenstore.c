/*
 * xenstore on a Linux dom0: xenstored's socket, or the kernel's device if the store runs
 * elsewhere.  Both carry the same messages.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "xenstore/client.h"
#include "xenstore/transport.h"

static int open_socket(void)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    const char *whole = getenv("XENSTORED_PATH"), *folder = getenv("XENSTORED_RUNDIR");
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (whole)
        snprintf(address.sun_path, sizeof(address.sun_path), "%s", whole);
    else
        snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket",
                 folder ? folder : "/run/xenstored");
    if (fd < 0)
        return -errno;
    if (!connect(fd, (struct sockaddr *)&address, sizeof(address)))
        return fd;
    close(fd);
    fd = open("/dev/xen/xenbus", O_RDWR | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static int socket_send(void *transport, const void *message, size_t size)
{
    const char *from = message;

    while (size) {
        ssize_t sent = write(*(int *)transport, from, size);

        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return -errno;
        from += sent;
        size -= (size_t)sent;
    }
    return 0;
}

static int socket_read_all(int fd, void *buffer, size_t size)
{
    char *to = buffer;

    while (size) {
        ssize_t got = read(fd, to, size);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got ? -errno : -EPIPE;
        to += got;
        size -= (size_t)got;
    }
    return 0;
}

static int socket_receive(void *transport, struct xsd_sockmsg *header, char *payload,
                          int64_t timeout_ns)
{
    struct pollfd ready = { *(int *)transport, POLLIN, 0 };
    int timeout_ms = timeout_ns < 0 ? -1 : (int)((timeout_ns + 999999) / 1000000);
    int result = poll(&ready, 1, timeout_ms);

    if (result <= 0)
        return result ? -errno : -ETIMEDOUT;
    int error = socket_read_all(ready.fd, header, sizeof(*header));

    if (!error && header->len > XENSTORE_PAYLOAD_MAX)
        error = -EPROTO;
    return error ? error : socket_read_all(ready.fd, payload, header->len);
}

static void socket_close(void *transport)
{
    close(*(int *)transport);
    free(transport);
}

static const struct xs_transport socket_transport = { socket_send, socket_receive, NULL,
                                                      socket_close };

struct xs_client *xs_open(void)
{
    int *fd = malloc(sizeof(*fd));

    if (!fd)
        return NULL;
    *fd = open_socket();
    if (*fd >= 0)
        return xs_client_create(&socket_transport, fd);
    free(fd);
    return NULL;
}
