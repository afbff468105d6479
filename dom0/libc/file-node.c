/*
 * File nodes: names, the tree, and the memory behind a file.
 *
 * A file of the initrd points into the archive; the first write copies it (file_node_reserve).
 * Tasks are cooperative and nothing here sleeps, so there are no locks.
 */
#include "libc/file-node.h"
#include "libc/libc.h"
#include "pv-kernel/clock.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct ram_file root = { .name = (char *)"", .is_directory = true, .inode = 1 };
static uint32_t next_inode = 2;
static uint64_t owned_bytes, file_count;

static uint32_t name_hash(const char *name)
{
    uint32_t hash = 5381;

    while (*name)
        hash = hash * 33 + (uint8_t)*name++;
    return hash;
}

struct ram_file *file_node_child(struct ram_file *directory, const char *name)
{
    struct ram_file *node = directory->child;
    uint32_t hash = name_hash(name);

    while (node && (node->name_hash != hash || strcmp(node->name, name) != 0))
        node = node->sibling;
    return node;
}

/* Copies the next component of *path into name and steps over it; false at the end. */
static int next_component(const char **path, char *name)
{
    const char *p = *path;
    size_t length;

    while (*p == '/')
        p++;
    length = strcspn(p, "/");
    if (length > FILE_NAME_MAX)
        return -ENAMETOOLONG;
    memcpy(name, p, length);
    name[length] = 0;
    *path = p + length;
    return length != 0;
}

/* Where name leads from node: "." and ".." are understood. */
static int step(struct ram_file **node, const char *name)
{
    struct ram_file *next;

    if (!(*node)->is_directory)
        return -ENOTDIR;
    if (!strcmp(name, "."))
        return 0;
    if (!strcmp(name, ".."))
        next = (*node)->parent ? (*node)->parent : *node;
    else
        next = file_node_child(*node, name);
    if (!next)
        return -ENOENT;
    *node = next;
    return 0;
}

int file_node_find(const char *path, struct ram_file **node)
{
    struct ram_file *at = &root;
    char name[FILE_NAME_MAX + 1];
    int more;

    while ((more = next_component(&path, name)) > 0) {
        int error = step(&at, name);

        if (error)
            return error;
    }
    if (more < 0)
        return more;
    *node = at;
    return 0;
}

int file_node_find_parent(const char *path, struct ram_file **parent, char *name)
{
    struct ram_file *at = &root;
    char ahead[FILE_NAME_MAX + 1];
    int more = next_component(&path, name);

    if (more <= 0)
        return more ? more : -EEXIST;
    while ((more = next_component(&path, ahead)) > 0) {
        int error = step(&at, name);

        if (error)
            return error;
        strcpy(name, ahead);
    }
    if (more < 0)
        return more;
    if (!at->is_directory)
        return -ENOTDIR;
    *parent = at;
    return 0;
}

int file_node_create(struct ram_file *directory, const char *name, bool is_directory,
                     struct ram_file **result)
{
    struct ram_file *node;

    if (directory->read_only)
        return -EROFS;
    if (!strcmp(name, ".") || !strcmp(name, "..") || file_node_child(directory, name))
        return -EEXIST;
    node = calloc(1, sizeof(*node));
    if (!node)
        return -ENOMEM;
    node->name = strdup(name);
    if (!node->name) {
        free(node);
        return -ENOMEM;
    }
    node->name_hash = name_hash(name);
    node->is_directory = is_directory;
    node->inode = next_inode++;
    node->parent = directory;
    node->sibling = directory->child;
    directory->child = node;
    file_count++;
    file_node_touch(node);
    *result = node;
    return 0;
}

static void detach(struct ram_file *node)
{
    struct ram_file **at = &node->parent->child;

    while (*at != node)
        at = &(*at)->sibling;
    *at = node->sibling;
    node->parent = NULL;
}

static void destroy(struct ram_file *node)
{
    if (node->owned) {
        owned_bytes -= node->capacity;
        free(node->data);
    }
    file_count--;
    free(node->name);
    free(node);
}

void file_node_unlink(struct ram_file *node)
{
    detach(node);
    node->unlinked = true;
    if (!node->opens)
        destroy(node);
}

void file_node_close(struct ram_file *node)
{
    node->opens--;
    if (!node->opens && node->unlinked)
        destroy(node);
}

void file_node_rename(struct ram_file *node, struct ram_file *directory, char *name)
{
    detach(node);
    free(node->name);
    node->name = name;
    node->name_hash = name_hash(name);
    node->parent = directory;
    node->sibling = directory->child;
    directory->child = node;
}

int file_node_reserve(struct ram_file *node, size_t size)
{
    size_t capacity = node->owned ? node->capacity : 0;
    char *data;

    if (node->pins)
        return -ETXTBSY;
    if (node->owned && size <= capacity)
        return 0;
    if (capacity < 4096)
        capacity = 256;
    while (capacity < size)
        capacity += capacity < (4u << 20) ? capacity : 4u << 20;
    if (!libc_memory_allows(capacity))
        return -ENOSPC;
    data = realloc(node->owned ? node->data : NULL, capacity);
    if (!data)
        return -ENOSPC;
    if (!node->owned && node->size)
        memcpy(data, node->data, node->size < capacity ? node->size : capacity);
    owned_bytes += capacity - (node->owned ? node->capacity : 0);
    node->owned = true;
    node->data = data;
    node->capacity = capacity;
    return 0;
}

int file_node_truncate(struct ram_file *node, size_t size)
{
    if (node->pins)
        return -ETXTBSY;
    if (size > node->size) {
        int error = file_node_reserve(node, size);

        if (error)
            return error;
        memset(node->data + node->size, 0, size - node->size);
    }
    node->size = size;
    if (!size && node->owned) {
        owned_bytes -= node->capacity;
        free(node->data);
        node->owned = false;
        node->data = NULL;
        node->capacity = 0;
    }
    file_node_touch(node);
    return 0;
}

void file_node_touch(struct ram_file *node)
{
    node->mtime = (int64_t)(clock_wall_ns() / 1000000000);
}

void file_nodes_usage(uint64_t *bytes, uint64_t *files)
{
    *bytes = owned_bytes;
    *files = file_count;
}
