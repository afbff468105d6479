/*
 * Watches.  See watch.h.
 *
 * All watches of one path hang on one table entry (struct watched_path), freed with the last.
 */
#include "xenstore/watch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xenstore/connection.h"
#include "xenstore/limits.h"
#include "xenstore/path.h"
#include "xenstore/store.h"

struct watched_path {
    struct string_entry entry; /* first: the table hands out pointers to it */
    struct watch *watches;
    char path[];
};

struct watch {
    struct watch *next_of_path;
    struct watch *next_of_connection;
    struct connection *connection;
    struct watched_path *at;
    size_t skip;  /* bytes of an event's path which the client, having sent a relative one, does
                     not want to see */
    bool domains; /* see watch.h */
    uint64_t token_hash;
    /* dom0's: an event for the watched path itself, made beforehand.  It stands for all those
     * for which there is no room, so that dom0 misses nothing and its queue has an end. */
    struct message *standby;
    char token[];
};

static struct watched_path *watched_path_get(struct xenstore *store, const char *path)
{
    struct string_entry *entry = string_table_find(&store->watches, path);
    size_t length = strlen(path);

    if (entry)
        return (struct watched_path *)entry;
    struct watched_path *at = calloc(1, sizeof(*at) + length + 1);

    if (!at)
        return NULL;
    memcpy(at->path, path, length);
    if (string_table_add(&store->watches, &at->entry, at->path)) {
        free(at);
        return NULL;
    }
    return at;
}

static void watched_path_put(struct xenstore *store, struct watched_path *at)
{
    if (at->watches)
        return;
    string_table_remove(&store->watches, &at->entry);
    free(at);
}

static void watch_send(const struct watch *watch, const char *path, uint64_t path_hash)
{
    uint64_t hash = (path_hash ^ watch->skip) * string_hash_multiplier + watch->token_hash;

    if (connection_event(watch->connection, path + watch->skip, watch->token, hash))
        connection_event_standby(watch->connection, watch->standby);
}

void watch_send_first(struct connection *connection)
{
    const struct watch *watch = connection->watches;

    watch_send(watch, watch->at->path, watch->at->entry.hash);
}

int watch_add(struct connection *connection, const struct watch_wish *wish)
{
    size_t token_length = strlen(wish->token);
    struct watch *watch = calloc(1, sizeof(*watch) + token_length + 1);

    if (!watch)
        return -ENOMEM;
    if (!connection_is_guest(connection)) {
        watch->standby = connection_event_prepare(wish->sent, wish->token);
        if (!watch->standby) {
            free(watch);
            return -ENOMEM;
        }
    }
    watch->at = watched_path_get(connection->store, wish->path);
    if (!watch->at) {
        free(watch->standby);
        free(watch);
        return -ENOMEM;
    }
    memcpy(watch->token, wish->token, token_length);
    watch->token_hash = string_hash(wish->token);
    watch->connection = connection;
    watch->skip = strlen(wish->path) - strlen(wish->sent);
    watch->domains = wish->domains;
    watch->next_of_path = watch->at->watches;
    watch->at->watches = watch;
    watch->next_of_connection = connection->watches;
    connection->watches = watch;
    connection->watch_count++;
    return 0;
}

static void watch_destroy(struct watch *watch)
{
    struct watch **at = &watch->at->watches;

    while (*at != watch)
        at = &(*at)->next_of_path;
    *at = watch->next_of_path;
    watched_path_put(watch->connection->store, watch->at);
    watch->connection->watch_count--;
    connection_event_forget(watch->standby);
    free(watch);
}

static struct watch **watch_find(struct connection *connection, const char *path, const char *token)
{
    struct watch **at = &connection->watches;

    while (*at && (strcmp((*at)->at->path, path) != 0 || strcmp((*at)->token, token) != 0))
        at = &(*at)->next_of_connection;
    return at;
}

bool watch_exists(const struct connection *connection, const char *path, const char *token)
{
    return *watch_find((struct connection *)(uintptr_t)connection, path, token) != NULL;
}

int watch_remove(struct connection *connection, const char *path, const char *token)
{
    struct watch **at = watch_find(connection, path, token);
    struct watch *watch = *at;

    if (!watch)
        return -ENOENT;
    *at = watch->next_of_connection;
    watch_destroy(watch);
    return 0;
}

void watches_drop(struct connection *connection)
{
    while (connection->watches) {
        struct watch *watch = connection->watches;

        connection->watches = watch->next_of_connection;
        watch_destroy(watch);
    }
}

static bool may_know(const struct connection *connection, const struct permissions *list)
{
    return list && (permissions_access(list, connection->domid, connection->target) & ACCESS_READ);
}

/* Tells those who watch the path that is the first `length` characters of path. */
static void fire_at(struct xenstore *store, const char *path, size_t length, uint64_t hash,
                    const struct permissions *node, const struct permissions *parent,
                    uint64_t path_hash)
{
    struct string_entry *entry = string_table_find_prefix(&store->watches, path, length, hash);

    if (!entry)
        return;
    for (struct watch *watch = ((struct watched_path *)entry)->watches; watch;
         watch = watch->next_of_path)
        if (may_know(watch->connection, node) || may_know(watch->connection, parent))
            watch_send(watch, path, path_hash);
}

/* From the root down: so each prefix's hash is one step from the last one's, and a path of a
 * thousand components costs its length, not the square of it. */
void watches_fire(struct xenstore *store, const char *path, const struct permissions *node,
                  const struct permissions *parent, bool exact)
{
    uint64_t whole = string_hash(path), hash = string_hash_start;

    for (size_t i = 0; path[i] && !exact; i++) {
        if (i && path[i] == '/')
            fire_at(store, path, i, hash, node, parent, whole);
        hash = string_hash_add(hash, path[i]);
        if (!i && path[1])
            fire_at(store, path, 1, hash, node, parent, whole);
    }
    fire_at(store, path, strlen(path), whole, node, parent, whole);
}

/* An event that names the domain stands for itself only, so none of another's takes its place. */
void watches_fire_special(struct xenstore *store, const char *name, uint32_t domid)
{
    const struct permissions *permissions = *xenstore_special(store, name);
    struct string_entry *entry = string_table_find(&store->watches, name);
    char named[40];

    if (!entry)
        return;
    snprintf(named, sizeof(named), "%.24s/%u", name, (unsigned int)domid);
    for (struct watch *watch = ((struct watched_path *)entry)->watches; watch;
         watch = watch->next_of_path) {
        const char *path = watch->domains ? named : name;

        if (may_know(watch->connection, permissions))
            watch_send(watch, path, string_hash(path));
    }
}
