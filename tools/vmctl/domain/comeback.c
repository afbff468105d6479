/*
 * A guest that comes back.  See comeback.h.
 */
#include "vmctl/domain/comeback.h"

#include <stdio.h>
#include <stdlib.h>

#include "xenstore/client.h"

#define PATH_SIZE 64

/* One node, and no folder for them that would be left. */
static void node_path(const uint8_t uuid[16], char path[PATH_SIZE])
{
    int length = snprintf(path, PATH_SIZE, "/local/domain/0/restarting-");

    for (size_t i = 0; i < 16; i++)
        length += snprintf(path + length, PATH_SIZE - (size_t)length, "%02x", uuid[i]);
}

void comeback_begin(struct xs_client *store, const uint8_t uuid[16], const char *name)
{
    char path[PATH_SIZE];

    node_path(uuid, path);
    xs_printf(store, XS_NO_TX, path, "%s", name);
}

void comeback_end(struct xs_client *store, const uint8_t uuid[16])
{
    char path[PATH_SIZE];

    node_path(uuid, path);
    xs_rm(store, XS_NO_TX, path);
}

bool comeback_expected(struct xs_client *store, const uint8_t uuid[16], char *name, size_t size)
{
    char path[PATH_SIZE], *value;

    node_path(uuid, path);
    if (xs_read(store, XS_NO_TX, path, &value, NULL))
        return false;
    snprintf(name, size, "%s", value);
    free(value);
    return true;
}
