/*
 * A xenstore for tests on the host: paths and values, no rights, no watches but what the test says.
 */
#ifndef TESTS_UNIT_FAKE_STORE_H
#define TESTS_UNIT_FAKE_STORE_H

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xenstore/client.h"

#define NODES       256
#define VALUE_BYTES 1024

static struct {
    char path[128], value[VALUE_BYTES];
} nodes[NODES];

static char *node_value(const char *path)
{
    for (size_t i = 0; i < NODES; i++)
        if (!strcmp(nodes[i].path, path))
            return nodes[i].value;
    return NULL;
}

static void node_set(const char *path, const char *value)
{
    for (size_t i = 0; !node_value(path); i++)
        if (!nodes[i].path[0])
            snprintf(nodes[i].path, sizeof(nodes[i].path), "%s", path);
    snprintf(node_value(path), sizeof(nodes[0].value), "%s", value);
}

static bool is_below(const char *path, const char *above)
{
    size_t length = strlen(above);

    return !strncmp(path, above, length) && (!path[length] || path[length] == '/');
}

struct xs_client *xs_open(void)
{
    return (struct xs_client *)nodes;
}

void xs_close(struct xs_client *client)
{
    (void)client;
}

int xs_read(struct xs_client *client, uint32_t tx, const char *path, char **value, size_t *length)
{
    (void)client;
    (void)tx;
    (void)length;
    if (!node_value(path))
        return -ENOENT;
    *value = strdup(node_value(path));
    return 0;
}

int xs_read_number(struct xs_client *client, uint32_t tx, const char *path, uint64_t *number)
{
    char *end;

    (void)client;
    (void)tx;
    if (!node_value(path))
        return -ENOENT;
    if (node_value(path)[0] < '0' || node_value(path)[0] > '9')
        return -EINVAL;
    *number = strtoull(node_value(path), &end, 10);
    return *end ? -EINVAL : 0;
}

int xs_write(struct xs_client *client, uint32_t tx, const char *path, const void *value,
             size_t length)
{
    char text[VALUE_BYTES];

    (void)client;
    (void)tx;
    snprintf(text, sizeof(text), "%.*s", (int)length, (const char *)value);
    node_set(path, text);
    return 0;
}

int xs_printf(struct xs_client *client, uint32_t tx, const char *path, const char *format, ...)
{
    va_list arguments;
    char text[VALUE_BYTES];

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    return xs_write(client, tx, path, text, strlen(text));
}

int xs_rm(struct xs_client *client, uint32_t tx, const char *path)
{
    (void)client;
    (void)tx;
    for (size_t i = 0; i < NODES; i++)
        if (is_below(nodes[i].path, path))
            nodes[i].path[0] = '\0';
    return 0;
}

int xs_list(struct xs_client *client, uint32_t tx, const char *path, char ***names, size_t *count)
{
    char **list = calloc(NODES, sizeof(char *) + 128), *text = (char *)(list + NODES);
    size_t length = strlen(path);

    (void)client;
    (void)tx;
    *count = 0;
    for (size_t i = 0; i < NODES; i++) {
        const char *child = nodes[i].path + length + 1;
        bool known = !is_below(nodes[i].path, path) || !nodes[i].path[length];

        snprintf(text, 128, "%.*s", known ? 0 : (int)strcspn(child, "/"), known ? "" : child);
        for (size_t j = 0; j < *count; j++)
            known |= !strcmp(list[j], text);
        if (known)
            continue;
        list[(*count)++] = text;
        text += 128;
    }
    *names = list;
    if (!*count)
        free(list);
    return *count ? 0 : -ENOENT;
}

int xs_set_perms(struct xs_client *client, uint32_t tx, const char *path, const char *const *perms,
                 size_t count)
{
    (void)client;
    (void)tx;
    (void)path;
    (void)perms;
    (void)count;
    return 0;
}

int xs_transaction_start(struct xs_client *client, uint32_t *tx)
{
    (void)client;
    *tx = 1;
    return 0;
}

int xs_transaction_end(struct xs_client *client, uint32_t tx, bool abort)
{
    (void)client;
    (void)tx;
    (void)abort;
    return 0;
}

int xs_watch(struct xs_client *client, const char *path, const char *token)
{
    (void)client;
    (void)path;
    (void)token;
    return 0;
}

int xs_unwatch(struct xs_client *client, const char *path, const char *token)
{
    (void)client;
    (void)path;
    (void)token;
    return 0;
}

int xs_introduce(struct xs_client *client, uint32_t domid, uint64_t gfn, uint32_t port)
{
    (void)client;
    (void)domid;
    (void)gfn;
    (void)port;
    return 0;
}

int xs_release(struct xs_client *client, uint32_t domid)
{
    (void)client;
    (void)domid;
    return 0;
}

#endif
