/*
 * A guest's console on a Linux dom0: the pseudo terminal that xenconsoled names in xenstore.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include "vmctl/platform/platform.h"
#include "xenstore/client.h"

struct platform_console {
    int fd;
};

static int open_terminal(uint32_t domid)
{
    char path[64], *name;
    struct xs_client *store = xs_open();
    struct termios settings;

    if (!store)
        return -ECONNREFUSED;
    snprintf(path, sizeof(path), "/local/domain/%u/console/tty", (unsigned int)domid);
    int error = xs_read(store, XS_NO_TX, path, &name, NULL);

    xs_close(store);
    if (error)
        return error == -ENOENT ? -EAGAIN : error;
    int fd = open(name, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);

    free(name);
    if (fd < 0)
        return -errno;
    if (!tcgetattr(fd, &settings)) {
        cfmakeraw(&settings);
        tcsetattr(fd, TCSANOW, &settings);
    }
    return fd;
}

int platform_console_open(uint32_t domid, struct platform_console **console)
{
    int fd = -EAGAIN;

    /* xenconsoled needs a moment to see a new domain. */
    for (int i = 0; fd == -EAGAIN && i < 50; i++) {
        fd = open_terminal(domid);
        if (fd == -EAGAIN)
            platform_sleep_ns(100000000);
    }
    if (fd < 0)
        return fd;
    *console = malloc(sizeof(**console));
    if (!*console) {
        close(fd);
        return -ENOMEM;
    }
    (*console)->fd = fd;
    return 0;
}

void platform_console_close(struct platform_console *console)
{
    close(console->fd);
    free(console);
}

int platform_console_read(struct platform_console *console, void *buffer, size_t size,
                          size_t *length, int64_t timeout_ns)
{
    struct pollfd ready = { console->fd, POLLIN, 0 };
    int result = poll(&ready, 1, timeout_ns < 0 ? -1 : (int)(timeout_ns / 1000000));

    *length = 0;
    if (result <= 0)
        return result ? -errno : -ETIMEDOUT;
    ssize_t got = read(console->fd, buffer, size);

    if (got > 0)
        *length = (size_t)got;
    return 0; /* an error here is the terminal going away with its guest */
}

int platform_console_write(struct platform_console *console, const void *data, size_t length,
                           size_t *written)
{
    ssize_t put = write(console->fd, data, length);

    *written = put > 0 ? (size_t)put : 0;
    return put < 0 && errno != EAGAIN ? -errno : 0;
}
