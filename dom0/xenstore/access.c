/*
 * Access to the tree on behalf of a client.  See access.h.
 */
#include "xenstore/access.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "xenstore/connection.h"
#include "xenstore/domain.h"
#include "xenstore/limits.h"
#include "xenstore/path.h"
#include "xenstore/store.h"
#include "xenstore/transaction.h"
#include "xenstore/watch.h"

static struct xenstore *access_store(const struct access *access)
{
    return access->connection->store;
}

/* The tree this access sees and changes. */
static struct node **access_root(const struct access *access)
{
    return access->transaction ? &access->transaction->root : &access_store(access)->root;
}

static uint32_t access_rights(const struct access *access, const struct node *node)
{
    return permissions_access(node->permissions, access->connection->domid,
                              access->connection->target);
}

static int access_note(struct access *access, const char *path, enum note_kind kind)
{
    return access->transaction ? transaction_note(access->transaction, path, kind) : 0;
}

/* The nearest ancestor that exists; its path goes into `above`. */
static const struct node *access_ancestor(const struct access *access, const char *path,
                                          char above[PATH_BUFFER])
{
    size_t length;
    const struct node *node = tree_find_nearest(*access_root(access), path, &length);

    memcpy(above, path, length);
    above[length] = '\0';
    return node;
}

int access_find(struct access *access, const char *path, uint32_t needed, const struct node **node)
{
    char above[PATH_BUFFER];
    int error = access_note(access, path, NOTE_READ);

    if (error)
        return error;
    *node = tree_find(*access_root(access), path);
    if (*node)
        return (access_rights(access, *node) & needed) == needed ? 0 : -EACCES;
    const struct node *ancestor = access_ancestor(access, path, above);

    return access_rights(access, ancestor) & needed ? -ENOENT : -EACCES;
}

static bool access_is_guest(const struct access *access)
{
    return connection_is_guest(access->connection);
}

/* Bytes about to be stored: against the transaction's allowance, or the age of snapshots. */
static int access_charge(struct access *access, size_t bytes)
{
    if (access_is_guest(access) && bytes > LIMIT_GUEST_NODE_SIZE)
        return -ENOSPC;
    if (access->transaction)
        return transaction_charge(access->transaction, bytes + sizeof(struct node));
    if (!connection_may_grow(access->connection))
        return -ENOMEM;
    transactions_age(access_store(access), bytes + sizeof(struct node));
    return 0;
}

static void access_tell(const struct access *access, const char *path, const struct node *node,
                        const struct node *parent)
{
    if (!access->transaction)
        watches_fire(access_store(access), path, node->permissions,
                     parent ? parent->permissions : NULL, false);
}

static const struct node *access_parent(const struct access *access, const char *path)
{
    char parent_path[PATH_BUFFER];

    path_parent(parent_path, path);
    return tree_find(*access_root(access), parent_path);
}

static int access_replace_value(struct access *access, const char *path, struct blob *value)
{
    struct node *node;
    int error = access_note(access, path, NOTE_CHANGED);

    if (!error)
        error = tree_edit(access_root(access), path, &node);
    if (error)
        return error;
    value->references++;
    node_set_value(node, value);
    node->generation = xenstore_generation(access_store(access));
    access_tell(access, path, node, access_parent(access, path));
    return 0;
}

/* Room for `nodes` more of the client's own? */
static int access_check_quota(const struct access *access, uint32_t nodes, size_t name_size,
                              const struct node *parent)
{
    uint32_t self = access->connection->domid;
    int64_t owned = store_domain_nodes(access_store(access), self);

    if (!access_is_guest(access))
        return 0;
    if (access->transaction)
        owned += access->transaction->nodes;
    if (owned + nodes > (int64_t)LIMIT_GUEST_NODES)
        return -ENOSPC;
    return parent->child_names + name_size > LIMIT_GUEST_NODE_SIZE ? -ENOSPC : 0;
}

/* Builds the chain of new nodes below an ancestor, not yet in the tree: the topmost one. */
static int chain_build(struct access *access, const char *below, struct permissions *permissions,
                       struct blob *value, struct node **top)
{
    struct node *last = NULL;
    const char *name;
    size_t length;

    *top = NULL;
    while (path_next(&below, &name, &length)) {
        struct node *node = node_create(name, length, permissions);

        if (node && last && tree_insert(last, node)) {
            node_release(node);
            node = NULL;
        }
        if (!node) {
            node_release(*top);
            return -ENOMEM;
        }
        node->generation = xenstore_generation(access_store(access));
        if (!last)
            *top = node;
        last = node;
    }
    if (value)
        value->references++;
    node_set_value(last, value);
    return 0;
}

/* Notes the ancestor and every node of the chain; counts the nodes. */
static int chain_note(struct access *access, const char *path, const char *above, uint32_t *nodes)
{
    char part[PATH_BUFFER];
    const char *at = path + (strcmp(above, "/") ? strlen(above) : 0);
    const char *name;
    size_t length;
    int error = access_note(access, above, NOTE_TOUCHED);

    *nodes = 0;
    while (!error && path_next(&at, &name, &length)) {
        size_t end = (size_t)(at - path);

        memcpy(part, path, end);
        part[end] = '\0';
        ++*nodes;
        error = access_note(access, part, *at ? NOTE_TOUCHED : NOTE_CHANGED);
    }
    return error;
}

/* domains: those that its permissions name. */
static int access_insert(struct access *access, const char *above, domain_set domains,
                         struct node *top)
{
    struct node *parent;
    int error = tree_edit_naming(access_root(access), above, domains, &parent);

    if (!error)
        error = tree_insert(parent, top);
    if (!error)
        parent->generation = xenstore_generation(access_store(access));
    return error;
}

static int access_create(struct access *access, const char *path, struct blob *value)
{
    char above[PATH_BUFFER];
    const struct node *ancestor = access_ancestor(access, path, above);
    uint32_t self = access->connection->domid, nodes;
    struct node *top;

    if (!(access_rights(access, ancestor) & ACCESS_WRITE))
        return -EACCES;
    if (access_is_guest(access) && path_depth(path) > LIMIT_GUEST_DEPTH)
        return -ENOSPC;
    int error = chain_note(access, path, above, &nodes);

    if (!error)
        error = access_check_quota(access, nodes, strlen(path) - strlen(above), ancestor);
    if (error)
        return error;
    struct permissions *permissions = access_is_guest(access)
                                          ? permissions_with_owner(ancestor->permissions, self)
                                          : permissions_share(ancestor->permissions);

    if (!permissions)
        return -ENOMEM;
    error = chain_build(access, path + (strcmp(above, "/") ? strlen(above) : 0), permissions, value,
                        &top);
    if (!error) {
        error = access_insert(access, above, permissions->domains, top);
        if (error)
            node_release(top);
    }
    uint32_t owner = permissions->entries[0].domid;

    permissions_release(permissions);
    if (error)
        return error;
    if (access->transaction)
        access->transaction->nodes += owner == self ? nodes : 0;
    else
        store_domain_charge(access_store(access), owner, (int)nodes);
    access_tell(access, path, tree_find(*access_root(access), path), access_parent(access, path));
    return 0;
}

int access_write(struct access *access, const char *path, const void *data, size_t length)
{
    const struct node *node;
    int error = access_find(access, path, ACCESS_WRITE, &node);

    if (error && error != -ENOENT)
        return error;
    bool exists = !error;

    error = access_charge(access, length);
    if (error)
        return error;
    struct blob *value = blob_create(data, length);

    if (!value)
        return -ENOMEM;
    error = exists ? access_replace_value(access, path, value) : access_create(access, path, value);
    blob_release(value);
    return error;
}

int access_mkdir(struct access *access, const char *path)
{
    const struct node *node;
    int error = access_find(access, path, ACCESS_WRITE, &node);

    if (error != -ENOENT)
        return error;
    error = access_charge(access, 0);
    return error ? error : access_create(access, path, NULL);
}

/* What is done for each node of a subtree that goes. */
struct removal {
    struct access *access;
    bool top_seen;
};

static int removal_note(void *argument, const char *path, const struct node *node)
{
    struct removal *removal = argument;
    enum note_kind kind = removal->top_seen ? NOTE_REMOVED_BELOW : NOTE_CHANGED;

    (void)node;
    removal->top_seen = true;
    return access_note(removal->access, path, kind);
}

static int removal_settle(void *argument, const char *path, const struct node *node)
{
    struct removal *removal = argument;
    struct access *access = removal->access;
    uint32_t owner = node->permissions->entries[0].domid;

    if (access->transaction) {
        access->transaction->nodes -= owner == access->connection->domid;
        return 0;
    }
    store_domain_charge(access_store(access), owner, -1);
    if (removal->top_seen)
        watches_fire(access_store(access), path, node->permissions, NULL, true);
    removal->top_seen = true;
    return 0;
}

static int access_remove_node(struct access *access, const char *path, const struct node *node)
{
    struct removal removal = { access, false };
    char parent_path[PATH_BUFFER];
    struct node *removed, *parent;

    path_parent(parent_path, path);
    int error = access_note(access, parent_path, NOTE_TOUCHED);

    if (!error && access->transaction)
        error = tree_walk(node, path, removal_note, &removal);
    if (!error)
        error = tree_remove(access_root(access), path, &removed);
    if (error)
        return error;
    if (!tree_edit(access_root(access), parent_path, &parent))
        parent->generation = xenstore_generation(access_store(access));
    access_tell(access, path, removed, access_parent(access, path));
    removal.top_seen = false;
    tree_walk(removed, path, removal_settle, &removal);
    node_release(removed);
    return 0;
}

int access_remove(struct access *access, const char *path)
{
    const struct node *node;
    int error = access_find(access, path, ACCESS_WRITE, &node);

    if (error == -ENOENT) /* fine, if the parent is there */
        return access_parent(access, path) ? 0 : -ENOENT;
    if (error)
        return error;
    if (!strcmp(path, "/"))
        return -EINVAL;
    return access_remove_node(access, path, node);
}

static int special_set_permissions(struct access *access, struct permissions **special,
                                   const struct permission *entries, uint32_t count)
{
    if (access_is_guest(access))
        return -EACCES;
    struct permissions *list = permissions_create(entries, count);

    if (!list)
        return -ENOMEM;
    permissions_release(*special);
    *special = list;
    return 0;
}

int access_set_permissions(struct access *access, const char *path,
                           const struct permission *entries, uint32_t count)
{
    struct permissions **special = xenstore_special(access_store(access), path);
    const struct node *found;
    struct node *node;

    if (special)
        return special_set_permissions(access, special, entries, count);
    int error = access_find(access, path, ACCESS_WRITE | ACCESS_OWNER, &found);

    if (error)
        return error;
    uint32_t old_owner = found->permissions->entries[0].domid;

    if (access_is_guest(access) && old_owner != entries[0].domid)
        return -EPERM;
    error = store_domain_reserve(access_store(access), entries[0].domid);
    if (error)
        return error;
    struct permissions *list = permissions_create(entries, count);

    if (!list)
        return -ENOMEM;
    error = access_note(access, path, NOTE_CHANGED);
    if (!error)
        error = tree_edit_naming(access_root(access), path, list->domains, &node);
    if (error) {
        permissions_release(list);
        return error;
    }
    node_set_permissions(node, list);
    node->generation = xenstore_generation(access_store(access));
    if (!access->transaction) {
        store_domain_charge(access_store(access), old_owner, -1);
        store_domain_charge(access_store(access), entries[0].domid, 1);
    }
    access_tell(access, path, node, access_parent(access, path));
    return 0;
}
