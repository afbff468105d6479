/*
 * The store's birth and end.  See store.h for its parts.
 */
#include "xenstore/store.h"

#include <stdlib.h>
#include <string.h>

#include "xenstore/domain.h"

static struct permissions *closed_permissions(void)
{
    static const struct permission dom0_only = { 0, ACCESS_NONE };

    return permissions_create(&dom0_only, 1);
}

struct xenstore *xenstore_create(const struct store_platform *platform, void *argument)
{
    struct xenstore *store = calloc(1, sizeof(*store));
    struct permissions *closed = closed_permissions();

    if (store)
        store->introduce_permissions = closed_permissions();
    if (store)
        store->release_permissions = closed_permissions();
    if (store && closed)
        store->root = node_create("", 0, closed);
    permissions_release(closed);
    if (!store || !store->root || !store->introduce_permissions || !store->release_permissions) {
        if (store)
            xenstore_destroy(store);
        return NULL;
    }
    store->root->generation = xenstore_generation(store);
    store->platform = platform;
    store->platform_argument = argument;
    return store;
}

void xenstore_destroy(struct xenstore *store)
{
    store_domains_free(store);
    string_table_free(&store->watches);
    node_release(store->root);
    permissions_release(store->introduce_permissions);
    permissions_release(store->release_permissions);
    free(store);
}

uint64_t xenstore_generation(struct xenstore *store)
{
    return ++store->generation;
}

struct permissions **xenstore_special(struct xenstore *store, const char *name)
{
    if (!strcmp(name, "@introduceDomain"))
        return &store->introduce_permissions;
    if (!strcmp(name, "@releaseDomain"))
        return &store->release_permissions;
    return NULL;
}
