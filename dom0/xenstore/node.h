/*
 * The tree of nodes, as a persistent structure.
 *
 * A node with more than one reference is never changed: whoever wants to change something
 * first makes the way from the root to it his own (tree_edit), copying the shared nodes on
 * that way and sharing all others.  So a transaction's snapshot is one reference to the root,
 * and a commit is putting another root in place.  Children are sorted by name.
 *
 *      store root --> / --> local --> domain --> 3 ...
 *                                 \-> (copied) domain' --> 3' ...   <-- a transaction's root
 */
#ifndef DOM0_XENSTORE_NODE_H
#define DOM0_XENSTORE_NODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "xenstore/permissions.h"

/* A value: immutable and shared like permissions. */
struct blob {
    uint32_t references;
    uint32_t length;
    char data[];
};

struct node {
    uint32_t references;
    uint32_t child_count;
    uint32_t child_capacity;
    uint32_t child_names; /* bytes of the children's names with their NULs */
    domain_set domains;   /* that its permissions and those below name, or have named */
    uint64_t generation;  /* of the last change to value, permissions or the set of children */
    struct permissions *permissions;
    struct blob *value; /* NULL: empty */
    struct node **children;
    struct node *free_next; /* while being freed */
    char name[];
};

struct blob *blob_create(const void *data, size_t length);
void blob_release(struct blob *blob);

/* A node with one reference and no children; takes a share of the permissions. */
struct node *node_create(const char *name, size_t length, struct permissions *permissions);
struct node *node_share(struct node *node);
/* Drops a reference; frees without recursion, however deep the tree. */
void node_release(struct node *node);

/* Value and list of permissions of a node that is the caller's own. */
void node_set_value(struct node *node, struct blob *value);
void node_set_permissions(struct node *node, struct permissions *permissions);

const struct node *tree_find(const struct node *root, const char *path);
/* The deepest node on the way to path (which need not exist); its path is the first *length
 * characters. */
const struct node *tree_find_nearest(const struct node *root, const char *path, size_t *length);
/* Makes the way to path the caller's own and hands out the node.  -ENOENT, -ENOMEM; a failure
 * on the way leaves a tree of the same content.  Below the node, or in it, these domains are going
 * to be named. */
int tree_edit_naming(struct node **root, const char *path, domain_set domains, struct node **node);
int tree_edit(struct node **root, const char *path, struct node **node);
/* Puts a child (whose reference it takes) below a parent that is the caller's own, to which the way
 * was made naming the child's domains. */
int tree_insert(struct node *parent, struct node *child);
/* Takes path out of the tree; *removed gets its reference. */
int tree_remove(struct node **root, const char *path, struct node **removed);

/* Calls visit for every node of a subtree, parents first, without recursion.  path is the
 * subtree's own path; the one given to visit lies in a buffer of PATH_BUFFER bytes.  Stops and
 * returns what visit returns if that is not 0; cannot fail of itself.  Not nested. */
int tree_walk(const struct node *top, const char *path,
              int (*visit)(void *argument, const char *path, const struct node *node),
              void *argument);

/*
 * One walk that takes out what is condemned: asks for each node but the root and those in and below
 * which none of `domains` can be named, and each condemned
 * subtree leaves the tree and is given to `take` with its reference, its path and its parent,
 * which is the tree's own by then.  Neither may walk.  -ENOMEM if a node on the way is shared and
 * could not be copied: nothing is lost, the rest is for another sweep.
 */
struct tree_sweep {
    domain_set domains; /* one domain's */
    bool (*condemned)(struct tree_sweep *sweep, const struct node *node);
    void (*take)(struct tree_sweep *sweep, const char *path, struct node *node,
                 struct node *parent);
};
int tree_sweep(struct node **root, struct tree_sweep *sweep);

#endif
