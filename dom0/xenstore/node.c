/*
 * The tree of nodes, as a persistent structure.  See node.h for the idea.
 */
#include "xenstore/node.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "xenstore/path.h"

struct blob *blob_create(const void *data, size_t length)
{
    struct blob *blob = malloc(sizeof(*blob) + length);

    if (!blob)
        return NULL;
    blob->references = 1;
    blob->length = (uint32_t)length;
    if (length)
        memcpy(blob->data, data, length);
    return blob;
}

void blob_release(struct blob *blob)
{
    if (blob && --blob->references == 0)
        free(blob);
}

struct node *node_create(const char *name, size_t length, struct permissions *permissions)
{
    struct node *node = calloc(1, sizeof(*node) + length + 1);

    if (!node)
        return NULL;
    node->references = 1;
    node->permissions = permissions_share(permissions);
    node->domains = permissions->domains;
    memcpy(node->name, name, length);
    return node;
}

struct node *node_share(struct node *node)
{
    node->references++;
    return node;
}

void node_release(struct node *node)
{
    struct node *dead = NULL;

    if (!node || --node->references)
        return;
    node->free_next = NULL;
    dead = node;
    while (dead) {
        node = dead;
        dead = node->free_next;
        for (uint32_t i = 0; i < node->child_count; i++) {
            struct node *child = node->children[i];

            if (--child->references == 0) {
                child->free_next = dead;
                dead = child;
            }
        }
        permissions_release(node->permissions);
        blob_release(node->value);
        free(node->children);
        free(node);
    }
}

void node_set_value(struct node *node, struct blob *value)
{
    blob_release(node->value);
    node->value = value;
}

void node_set_permissions(struct node *node, struct permissions *permissions)
{
    permissions_release(node->permissions);
    node->permissions = permissions;
    node->domains |= permissions->domains;
}

/* A node of the same content, sharing what it points to. */
static struct node *node_copy(const struct node *node)
{
    struct node *copy = node_create(node->name, strlen(node->name), node->permissions);

    if (!copy)
        return NULL;
    if (node->child_count) {
        copy->children = malloc(node->child_count * sizeof(copy->children[0]));
        if (!copy->children) {
            node_release(copy);
            return NULL;
        }
    }
    copy->generation = node->generation;
    copy->domains = node->domains;
    copy->value = node->value;
    if (copy->value)
        copy->value->references++;
    copy->child_count = copy->child_capacity = node->child_count;
    copy->child_names = node->child_names;
    for (uint32_t i = 0; i < node->child_count; i++)
        copy->children[i] = node_share(node->children[i]);
    return copy;
}

/* Of a name that is `length` characters of a path with a child's, as strcmp. */
static int name_order(const char *name, size_t length, const char *other)
{
    for (size_t i = 0; i < length; i++)
        if (name[i] != other[i])
            return (unsigned char)name[i] < (unsigned char)other[i] ? -1 : 1;
    return other[length] ? -1 : 0;
}

/* Where the child is, or where it would be put. */
static bool child_position(const struct node *parent, const char *name, size_t length,
                           uint32_t *position)
{
    uint32_t low = 0, high = parent->child_count;

    while (low < high) {
        uint32_t middle = (low + high) / 2;
        int order = name_order(name, length, parent->children[middle]->name);

        if (order == 0) {
            *position = middle;
            return true;
        }
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    *position = low;
    return false;
}

const struct node *tree_find_nearest(const struct node *root, const char *path, size_t *length)
{
    const char *at = path, *name;
    size_t name_length;
    uint32_t position;

    *length = 1;
    while (path_next(&at, &name, &name_length) &&
           child_position(root, name, name_length, &position)) {
        root = root->children[position];
        *length = (size_t)(at - path);
    }
    return root;
}

const struct node *tree_find(const struct node *root, const char *path)
{
    size_t length;
    const struct node *node = tree_find_nearest(root, path, &length);

    return path[length == 1 ? strspn(path, "/") : length] ? NULL : node;
}

static int node_make_own(struct node **slot)
{
    struct node *node = *slot;

    if (node->references == 1)
        return 0;
    struct node *copy = node_copy(node);

    if (!copy)
        return -ENOMEM;
    node_release(node);
    *slot = copy;
    return 0;
}

int tree_edit_naming(struct node **root, const char *path, domain_set domains, struct node **node)
{
    struct node **slot = root;
    const char *name;
    size_t length;
    int error = node_make_own(slot);

    if (!error)
        (*slot)->domains |= domains;
    while (!error && path_next(&path, &name, &length)) {
        uint32_t position;

        if (!child_position(*slot, name, length, &position))
            return -ENOENT;
        slot = &(*slot)->children[position];
        error = node_make_own(slot);
        if (!error)
            (*slot)->domains |= domains;
    }
    if (!error)
        *node = *slot;
    return error;
}

int tree_edit(struct node **root, const char *path, struct node **node)
{
    return tree_edit_naming(root, path, 0, node);
}

int tree_insert(struct node *parent, struct node *child)
{
    size_t length = strlen(child->name);
    uint32_t position;

    if (child_position(parent, child->name, length, &position))
        return -EEXIST;
    if (parent->child_count == parent->child_capacity) {
        uint32_t capacity = parent->child_capacity ? parent->child_capacity * 2 : 4;
        struct node **children = realloc(parent->children, capacity * sizeof(*children));

        if (!children)
            return -ENOMEM;
        parent->children = children;
        parent->child_capacity = capacity;
    }
    memmove(&parent->children[position + 1], &parent->children[position],
            (parent->child_count - position) * sizeof(parent->children[0]));
    parent->children[position] = child;
    parent->child_count++;
    parent->domains |= child->domains;
    parent->child_names += (uint32_t)length + 1;
    return 0;
}

/* Takes a child out of a parent that is the caller's own. */
static struct node *child_take(struct node *parent, uint32_t position)
{
    struct node **place = &parent->children[position], *child = *place;

    parent->child_count--;
    parent->child_names -= (uint32_t)strlen(child->name) + 1;
    memmove(place, place + 1, (parent->child_count - position) * sizeof(*place));
    return child;
}

int tree_remove(struct node **root, const char *path, struct node **removed)
{
    char parent_path[PATH_BUFFER];
    struct node *parent;
    uint32_t position;
    const char *name = path_base(path);

    path_parent(parent_path, path);
    int error = tree_edit(root, parent_path, &parent);

    if (error)
        return error;
    if (!child_position(parent, name, strlen(name), &position))
        return -ENOENT;
    *removed = child_take(parent, position);
    return 0;
}

/* The walk's place at one level. */
struct walk_level {
    const struct node *node;
    uint32_t next_child;
    uint32_t path_length;
};

static size_t append_name(char *path, size_t length, const char *name)
{
    size_t n = strlen(name);

    if (length == 1) /* the root's path is its own slash */
        length = 0;
    if (length + 1 + n >= PATH_BUFFER)
        return 0;
    path[length] = '/';
    memcpy(path + length + 1, name, n + 1);
    return length + 1 + n;
}

/* Not on the stack, since they are large, and not allocated, since what undoes things must not
 * fail.  Walks are never nested, and the store is one task's at a time. */
static struct walk_level levels[XENSTORE_ABS_PATH_MAX / 2 + 2];
static char walk_path[PATH_BUFFER];

static void walk_start(const struct node *top, const char *path)
{
    strcpy(walk_path, path);
    levels[0] = (struct walk_level){ top, 0, (uint32_t)strlen(path) };
}

/* The level's next child that may name all of these domains, whose path is in walk_path then;
 * NULL: there is none. */
static const struct node *walk_child(struct walk_level *level, domain_set domains, size_t *length)
{
    while (level->next_child < level->node->child_count) {
        const struct node *child = level->node->children[level->next_child++];

        if ((child->domains & domains) != domains)
            continue;
        *length = append_name(walk_path, level->path_length, child->name);
        if (*length)
            return child;
    }
    return NULL;
}

int tree_walk(const struct node *top, const char *path,
              int (*visit)(void *argument, const char *path, const struct node *node),
              void *argument)
{
    size_t depth = 0, length;

    walk_start(top, path);
    int result = visit(argument, walk_path, top);

    while (!result) {
        const struct node *child = walk_child(&levels[depth], 0, &length);

        if (!child) {
            if (!depth--)
                break;
            continue;
        }
        levels[++depth] = (struct walk_level){ child, 0, (uint32_t)length };
        result = visit(argument, walk_path, child);
    }
    return result;
}

/* Makes the nodes from the root down to the walk's place the tree's own. */
static int walk_make_own(struct node **root, size_t depth)
{
    struct node **slot = root;

    for (size_t i = 0;; i++) {
        int error = node_make_own(slot);
        struct node *own = *slot;

        if (error)
            return error;
        levels[i].node = own;
        if (!own->children)
            return -ENOENT; /* cannot be: the walk has come through one of them */
        if (i == depth)
            return 0;
        slot = &own->children[levels[i].next_child - 1];
    }
}

int tree_sweep(struct node **root, struct tree_sweep *sweep)
{
    size_t depth = 0, length;

    walk_start(*root, "/");
    for (;;) {
        const struct node *child = walk_child(&levels[depth], sweep->domains, &length);

        if (!child) {
            if (!depth--)
                return 0;
        } else if (!sweep->condemned(sweep, child)) {
            levels[++depth] = (struct walk_level){ child, 0, (uint32_t)length };
        } else {
            struct walk_level *level = &levels[depth];
            int error = walk_make_own(root, depth);

            if (error)
                return error;
            struct node *parent = (struct node *)(uintptr_t)level->node;

            sweep->take(sweep, walk_path, child_take(parent, --level->next_child), parent);
        }
    }
}
