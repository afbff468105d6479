/*
 * Access to the tree on behalf of a client: permissions, quota, notes for its transaction.
 *
 * Everything a request does to nodes goes through here, in the same order: find, ask the
 * permissions, ask the limits, change (one step that happens or does not), tell.
 * Who may not read a node's nearest living ancestor gets -EACCES where -ENOENT would tell him
 * something.
 */
#ifndef DOM0_XENSTORE_ACCESS_H
#define DOM0_XENSTORE_ACCESS_H

#include <stddef.h>
#include <stdint.h>

struct connection;
struct node;
struct permission;
struct transaction;

struct access {
    struct connection *connection;
    struct transaction *transaction; /* NULL: at once */
};

/* The node at a canonical path, if the client has all of `needed` (ACCESS_*).
 * -ENOENT, -EACCES, -ENOSPC, -ENOMEM. */
int access_find(struct access *access, const char *path, uint32_t needed, const struct node **node);
/* Sets the value; creates the node and missing parents. */
int access_write(struct access *access, const char *path, const void *data, size_t length);
/* Creates the node and missing parents if it is not there. */
int access_mkdir(struct access *access, const char *path);
/* Removes the subtree; fine if only the parent is there. */
int access_remove(struct access *access, const char *path);
int access_set_permissions(struct access *access, const char *path,
                           const struct permission *entries, uint32_t count);

#endif
