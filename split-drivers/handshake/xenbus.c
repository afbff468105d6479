/*
 * The handshake's store accesses.  What a frontend wrote is hostile: a number is parsed whole or
 * refused, a string is bounded by the store's own payload limit.
 */
#include "split-drivers/handshake/xenbus.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define PATH_BYTES 512

static int path_make(char *path, const char *directory, const char *node)
{
    int n = snprintf(path, PATH_BYTES, "%s/%s", directory, node);

    return n < 0 || n >= PATH_BYTES ? -ENAMETOOLONG : 0;
}

int handshake_read_number(struct xs_client *client, const char *directory, const char *node,
                          uint64_t most, uint64_t *value)
{
    char path[PATH_BYTES];
    int error = path_make(path, directory, node);

    if (!error)
        error = xs_read_number(client, XS_NO_TX, path, value);
    if (!error && *value > most)
        error = -ERANGE;
    return error;
}

char *handshake_read_string(struct xs_client *client, const char *directory, const char *node)
{
    char path[PATH_BYTES], *value = NULL;

    if (path_make(path, directory, node) || xs_read(client, XS_NO_TX, path, &value, NULL))
        return NULL;
    return value;
}

int handshake_write(struct xs_client *client, const char *directory, const char *node,
                    const char *format, ...)
{
    char path[PATH_BYTES], value[256];
    va_list args;
    int error = path_make(path, directory, node);

    va_start(args, format);
    vsnprintf(value, sizeof(value), format, args);
    va_end(args);
    return error ? error : xs_printf(client, XS_NO_TX, path, "%s", value);
}

void handshake_remove(struct xs_client *client, const char *directory, const char *node)
{
    char path[PATH_BYTES];

    if (!path_make(path, directory, node))
        xs_rm(client, XS_NO_TX, path);
}

enum xenbus_state handshake_read_state(struct xs_client *client, const char *directory)
{
    uint64_t state;

    if (handshake_read_number(client, directory, "state", XENBUS_RECONFIGURED, &state))
        return XENBUS_UNKNOWN;
    return (enum xenbus_state)state;
}

int handshake_write_state(struct xs_client *client, const char *directory, enum xenbus_state state)
{
    return handshake_write(client, directory, "state", "%d", (int)state);
}

const char *handshake_state_name(enum xenbus_state state)
{
    static const char *const names[] = { "unknown",     "initialising",  "init-wait",
                                         "initialised", "connected",     "closing",
                                         "closed",      "reconfiguring", "reconfigured" };

    return (unsigned int)state < sizeof(names) / sizeof(*names) ? names[state] : "invalid";
}
