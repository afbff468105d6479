/*
 * RAM files: the operations of the file system in memory, which is the tree's root.
 */
#include "libc/ram-files.h"
#include "libc/file-node.h"
#include "pv-kernel/frames.h"
#include "pv-kernel/kernel.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

static int ram_open(struct file_system *fs, const char *path, int flags, void **file)
{
    bool writing = (flags & O_ACCMODE) != O_RDONLY;
    struct ram_file *node, *parent;
    char name[FILE_NAME_MAX + 1];
    int error = file_node_find(path, &node);

    (void)fs;
    if (error == -ENOENT && (flags & O_CREAT)) {
        error = file_node_find_parent(path, &parent, name);
        if (!error)
            error = file_node_create(parent, name, false, &node);
    } else if (!error) {
        error = (flags & O_CREAT) && (flags & O_EXCL) ? -EEXIST
                : node->is_directory && writing       ? -EISDIR
                : node->read_only && writing          ? -EROFS
                : flags & O_TRUNC                     ? file_node_truncate(node, 0)
                                                      : 0;
    }
    if (error)
        return error;
    node->opens++;
    *file = node;
    return 0;
}

static void ram_close(struct file_system *fs, void *file)
{
    (void)fs;
    file_node_close(file);
}

static int ram_read(struct file_system *fs, void *file, uint64_t at, void *data, size_t size,
                    size_t *done)
{
    struct ram_file *node = file;

    (void)fs;
    *done = 0;
    if (node->is_directory)
        return -EISDIR;
    if (at >= node->size)
        return 0;
    *done = size < node->size - at ? size : node->size - at;
    memcpy(data, node->data + at, *done);
    return 0;
}

static int ram_write(struct file_system *fs, void *file, uint64_t *at, const void *data,
                     size_t size, size_t *done)
{
    struct ram_file *node = file;
    uint64_t end;
    int error;

    (void)fs;
    if (*at == FILE_END)
        *at = node->size;
    if (__builtin_add_overflow(*at, size, &end))
        return -EFBIG;
    error = file_node_reserve(node, end);
    if (error)
        return error;
    if (*at > node->size)
        memset(node->data + node->size, 0, *at - node->size);
    memcpy(node->data + *at, data, size);
    *at = end;
    if (end > node->size)
        node->size = end;
    file_node_touch(node);
    *done = size;
    return 0;
}

static int ram_truncate(struct file_system *fs, void *file, uint64_t size)
{
    (void)fs;
    return file_node_truncate(file, size);
}

static int ram_file_status(struct file_system *fs, void *file, struct file_status *status)
{
    const struct ram_file *node = file;

    (void)fs;
    *status = (struct file_status){ .is_directory = node->is_directory,
                                    .read_only = node->read_only,
                                    .size = node->size,
                                    .mtime = node->mtime,
                                    .inode = node->inode };
    return 0;
}

static int ram_status(struct file_system *fs, const char *path, struct file_status *status)
{
    struct ram_file *node;
    int error = file_node_find(path, &node);

    return error ? error : ram_file_status(fs, node, status);
}

static int ram_list(struct file_system *fs, const char *path, file_visit *visit, void *argument)
{
    struct ram_file *node;
    struct file_entry entry;
    int result = file_node_find(path, &node);

    (void)fs;
    if (result)
        return result;
    if (!node->is_directory)
        return -ENOTDIR;
    for (node = node->child; node && !result; node = node->sibling) {
        strcpy(entry.name, node->name);
        entry.is_directory = node->is_directory;
        entry.size = node->size;
        entry.mtime = node->mtime;
        result = visit(argument, &entry);
    }
    return result;
}

static int ram_make_directory(struct file_system *fs, const char *path)
{
    struct ram_file *parent, *node;
    char name[FILE_NAME_MAX + 1];
    int error = file_node_find_parent(path, &parent, name);

    (void)fs;
    return error ? error : file_node_create(parent, name, true, &node);
}

static int ram_remove(struct file_system *fs, const char *path, bool is_directory)
{
    struct ram_file *node;
    int error = file_node_find(path, &node);

    (void)fs;
    if (error)
        return error;
    if (node->is_directory != is_directory)
        return is_directory ? -ENOTDIR : -EISDIR;
    if (node->child)
        return -ENOTEMPTY;
    if (!node->parent || (is_directory && node->opens))
        return -EBUSY;
    if (is_directory ? node->parent->read_only : node->read_only)
        return -EROFS;
    file_node_unlink(node);
    return 0;
}

static int ram_rename(struct file_system *fs, const char *from, const char *to)
{
    struct ram_file *node, *parent, *there;
    char name[FILE_NAME_MAX + 1], *copy;
    int error = file_node_find(from, &node);

    (void)fs;
    if (!error)
        error = file_node_find_parent(to, &parent, name);
    if (error)
        return error;
    if (!node->parent)
        return -EBUSY;
    if (node->parent->read_only || parent->read_only)
        return -EROFS;
    for (struct ram_file *up = parent; up; up = up->parent)
        if (up == node)
            return -EINVAL;
    there = file_node_child(parent, name);
    if (there == node)
        return 0;
    if (there && there->is_directory)
        return there->child ? -ENOTEMPTY : -EEXIST;
    copy = strdup(name);
    if (!copy)
        return -ENOMEM;
    if (there)
        file_node_unlink(there);
    file_node_rename(node, parent, copy);
    return 0;
}

static void ram_usage(struct file_system *fs, struct file_system_usage *usage)
{
    (void)fs;
    file_nodes_usage(&usage->used_bytes, &usage->files);
}

static int ram_pin(struct file_system *fs, const char *path, void **file, const void **data,
                   size_t *size)
{
    struct ram_file *node;
    int error = file_node_find(path, &node);

    (void)fs;
    if (error)
        return error;
    if (node->is_directory)
        return -EISDIR;
    node->opens++;
    node->pins++;
    *file = node;
    *data = node->data;
    *size = node->size;
    return 0;
}

static void ram_unpin(struct file_system *fs, void *file)
{
    struct ram_file *node = file;

    (void)fs;
    node->pins--;
    file_node_close(node);
}

static const struct file_system_operations ram_operations = {
    .open = ram_open,
    .close = ram_close,
    .read = ram_read,
    .write = ram_write,
    .truncate = ram_truncate,
    .file_status = ram_file_status,
    .status = ram_status,
    .list = ram_list,
    .make_directory = ram_make_directory,
    .remove = ram_remove,
    .rename = ram_rename,
    .usage = ram_usage,
    .pin = ram_pin,
    .unpin = ram_unpin,
};

struct file_system ram_files = { .operations = &ram_operations, .type = "ram", .source = "memory" };

int ram_files_append(const char *path, const void *data, size_t length, size_t *size)
{
    struct ram_file *node, *parent;
    char name[FILE_NAME_MAX + 1];
    int error = file_node_find(path, &node);

    if (error == -ENOENT) {
        error = file_node_find_parent(path, &parent, name);
        if (!error)
            error = file_node_create(parent, name, false, &node);
    }
    if (!error && node->is_directory)
        error = -EISDIR;
    if (!error && node->read_only)
        error = -EROFS;
    if (!error)
        error = file_node_reserve(node, node->size + length);
    if (error)
        return error;
    memcpy(node->data + node->size, data, length);
    node->size += length;
    file_node_touch(node);
    *size = node->size;
    return 0;
}

int ram_files_mkdir_all(const char *path)
{
    char partial[512];

    if (strlen(path) >= sizeof(partial))
        return -ENAMETOOLONG;
    for (size_t i = 1; i <= strlen(path); i++) {
        struct ram_file *parent, *node;
        char name[FILE_NAME_MAX + 1];
        int error;

        if (path[i] != '/' && path[i])
            continue;
        memcpy(partial, path, i);
        partial[i] = 0;
        error = file_node_find_parent(partial, &parent, name);
        if (!error)
            error = file_node_create(parent, name, true, &node);
        if (error && error != -EEXIST)
            return error;
    }
    return 0;
}

static void make_read_only(struct ram_file *node)
{
    node->read_only = true;
    for (struct ram_file *child = node->child; child; child = child->sibling)
        make_read_only(child);
}

void ram_files_start(void)
{
    static const char *const directories[] = { "/etc/vmctl/auto", "/var/log/xen/console", "/tmp",
                                               "/mnt" };
    struct ram_file *extra;
    uint64_t at = start_info->mod_start;

    for (size_t i = 0; i < sizeof(directories) / sizeof(*directories); i++)
        ram_files_mkdir_all(directories[i]);
    if (!start_info->mod_len)
        return;
    if (start_info->flags & SIF_MOD_START_PFN)
        at <<= PAGE_SHIFT;
    if (ram_files_add_archive((const void *)at, start_info->mod_len))
        kernel_panic("the initrd is no cpio archive (newc), or is damaged");
    if (!file_node_find("/extra", &extra))
        make_read_only(extra);
}
