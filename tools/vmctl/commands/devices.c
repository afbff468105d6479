/*
 * Guests' devices on the command line.  See devices.h.
 */
#include "vmctl/commands/devices.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "hypercall-abi/rings/xenbus.h"
#include "xenstore/client.h"

void device_node_text(struct xs_client *store, const char *base, const char *node, char *to,
                      size_t size)
{
    char path[120], *text;

    snprintf(path, sizeof(path), "%.90s/%s", base, node);
    snprintf(to, size, "-");
    if (xs_read(store, XS_NO_TX, path, &text, NULL))
        return;
    snprintf(to, size, "%.*s", (int)size - 1, text);
    free(text);
}

void device_node_number(struct xs_client *store, const char *base, const char *node, char *to,
                        size_t size)
{
    char path[120];
    uint64_t number;

    snprintf(path, sizeof(path), "%.90s/%s", base, node);
    if (xs_read_number(store, XS_NO_TX, path, &number) || number > UINT32_MAX)
        snprintf(to, size, "-");
    else
        snprintf(to, size, "%u", (unsigned int)number);
}

const char *device_state_name(uint64_t state)
{
    static const char *const names[] = { "unknown", "initialising", "waiting",
                                         "ready",   "connected",    "closing",
                                         "closed",  "changing",     "changed" };

    return state < sizeof(names) / sizeof(names[0]) ? names[state] : "unknown";
}

uint64_t device_state(struct xs_client *store, const char *base)
{
    char path[120];
    uint64_t state;

    snprintf(path, sizeof(path), "%.90s/state", base);
    return xs_read_number(store, XS_NO_TX, path, &state) ? XENBUS_UNKNOWN : state;
}

int device_ids(struct xs_client *store, const char *class, uint32_t domid, char ***names,
               size_t *count)
{
    char path[80];
    int error;

    snprintf(path, sizeof(path), "/local/domain/0/backend/%s/%u", class, (unsigned int)domid);
    error = xs_list(store, XS_NO_TX, path, names, count);
    if (error == -ENOENT) {
        *names = NULL;
        *count = 0;
        return 0;
    }
    return error;
}

int device_words_join(int count, char **words, char *text, size_t size)
{
    size_t used = 0;

    text[0] = '\0';
    for (int i = 0; i < count; i++) {
        used += (size_t)snprintf(text + used, size - used, "%s%s", i ? "," : "", words[i]);
        if (used >= size)
            return -E2BIG;
    }
    return 0;
}

bool device_id_is_taken(char **names, size_t count, uint32_t device_id)
{
    for (size_t i = 0; i < count; i++)
        if (strtoul(names[i], NULL, 10) == device_id)
            return true;
    return false;
}
