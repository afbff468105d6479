/*
 * File nodes: the tree behind RAM files; for the libc folder only.
 */
#ifndef LIBC_FILE_NODE_H
#define LIBC_FILE_NODE_H

#include "libc/file-system.h"

struct ram_file {
    struct ram_file *parent, *child, *sibling;
    char *name;
    uint32_t name_hash; /* a folder of a thousand logs is looked through without their names */
    bool is_directory;
    bool read_only; /* this node and, for a directory, what is in it */
    bool owned;     /* data is malloc'ed; else it lies in the initrd */
    bool unlinked;  /* no name any more: goes with its last descriptor */
    unsigned int opens;
    unsigned int pins; /* its data is being read in place: it may not move or change */
    char *data;
    size_t size, capacity;
    int64_t mtime;
    uint32_t inode;
};

/* 0, -ENOENT, -ENOTDIR, -ENAMETOOLONG. */
int file_node_find(const char *path, struct ram_file **node);
/* The directory that holds (or would hold) the last component, which `name` (256) receives. */
int file_node_find_parent(const char *path, struct ram_file **parent, char *name);
struct ram_file *file_node_child(struct ram_file *directory, const char *name);
/* A new node in the directory; -EEXIST, -EROFS, -ENOMEM. */
int file_node_create(struct ram_file *directory, const char *name, bool is_directory,
                     struct ram_file **node);
/* Takes the name away; the node goes when nobody has it open. */
void file_node_unlink(struct ram_file *node);
void file_node_close(struct ram_file *node);
/* Makes room for `size` bytes in memory of its own. */
int file_node_reserve(struct ram_file *node, size_t size);
int file_node_truncate(struct ram_file *node, size_t size);
void file_node_touch(struct ram_file *node);
void file_node_rename(struct ram_file *node, struct ram_file *directory, char *name);
void file_nodes_usage(uint64_t *bytes, uint64_t *files);

#endif
