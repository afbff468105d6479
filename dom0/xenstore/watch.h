/*
 * Watches: who is told of changes.
 *
 * Kept in a table by path, so that a change looks up its own path and those above it and
 * nothing else.  An event is only sent to who may read the node or its parent: else a guest
 * could spy on the names of others' nodes (XSA-115).
 */
#ifndef DOM0_XENSTORE_WATCH_H
#define DOM0_XENSTORE_WATCH_H

#include <stdbool.h>

#include "xenstore/permissions.h"

struct connection;
struct xenstore;

/* A watch to be.  `sent` is the path as the client wrote it, `path` its canonical form. */
struct watch_wish {
    const char *path, *sent, *token;
    bool domains; /* of "@introduceDomain" or "@releaseDomain": events say whom they are about */
};

/* Adds a watch; its first event is the caller's to order.  -ENOMEM. */
int watch_add(struct connection *connection, const struct watch_wish *wish);
/* Sends the first event of the watch added last. */
void watch_send_first(struct connection *connection);
int watch_remove(struct connection *connection, const char *path, const char *token);
bool watch_exists(const struct connection *connection, const char *path, const char *token);
/* All of a connection's. */
void watches_drop(struct connection *connection);

/* The node at path changed.  The permissions are the node's and its parent's (NULL if there
 * is none).  exact: tell only who watches this very path (below a removed node). */
void watches_fire(struct xenstore *store, const char *path, const struct permissions *node,
                  const struct permissions *parent, bool exact);
/* "@introduceDomain" or "@releaseDomain" happened to a domain. */
void watches_fire_special(struct xenstore *store, const char *name, uint32_t domid);

#endif
