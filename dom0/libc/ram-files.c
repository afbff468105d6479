/*
 * RAM files: the operations on names (list, mkdir, rename, copy ...) and the initrd's archives.
 */
#include "libc/ram-files.h"
#include "libc/file-node.h"
#include "pv-kernel/frames.h"
#include "pv-kernel/kernel.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

int ram_files_list(const char *path, size_t index, struct ram_dir_entry *entry)
{
    struct ram_file *node;
    int error = file_node_find(path, &node);

    if (error)
        return error;
    if (!node->is_directory)
        return -ENOTDIR;
    for (node = node->child; node && index; index--)
        node = node->sibling;
    if (!node)
        return -ENOENT;
    strcpy(entry->name, node->name);
    entry->is_directory = node->is_directory;
    entry->size = node->size;
    entry->mtime = node->mtime;
    return 0;
}

void ram_files_usage(uint64_t *bytes, uint64_t *files)
{
    file_nodes_usage(bytes, files);
}

int ram_files_contents(const char *path, const void **data, size_t *size)
{
    struct ram_file *node;
    int error = file_node_find(path, &node);

    if (error)
        return error;
    if (node->is_directory)
        return -EISDIR;
    *data = node->data;
    *size = node->size;
    return 0;
}

int ram_files_pin(const char *path, struct ram_file **file, const void **data, size_t *size)
{
    struct ram_file *node;
    int error = file_node_find(path, &node);

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

void ram_files_unpin(struct ram_file *file)
{
    file->pins--;
    file_node_close(file);
}

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

int ram_files_rmdir(const char *path)
{
    struct ram_file *node;
    int error = file_node_find(path, &node);

    if (error)
        return error;
    if (!node->is_directory)
        return -ENOTDIR;
    if (node->child)
        return -ENOTEMPTY;
    if (!node->parent || node->opens)
        return -EBUSY;
    if (node->parent->read_only)
        return -EROFS;
    file_node_unlink(node);
    return 0;
}

int ram_files_copy(const char *from, const char *to)
{
    struct ram_file *source, *target, *parent;
    char name[FILE_NAME_MAX + 1];
    int error = file_node_find(from, &source);

    if (error)
        return error;
    if (source->is_directory)
        return -EISDIR;
    error = file_node_find_parent(to, &parent, name);
    if (error)
        return error;
    target = file_node_child(parent, name);
    if (target == source)
        return -EINVAL;
    if (target && target->is_directory)
        return -EISDIR;
    if (!target)
        error = file_node_create(parent, name, false, &target);
    else if (target->read_only)
        error = -EROFS;
    if (!error)
        error = file_node_truncate(target, 0);
    if (!error)
        error = file_node_reserve(target, source->size);
    if (error)
        return error;
    memcpy(target->data, source->data, source->size);
    target->size = source->size;
    return 0;
}

int rename(const char *from, const char *to);

static int rename_node(const char *from, const char *to)
{
    struct ram_file *node, *parent, *there;
    char name[FILE_NAME_MAX + 1], *copy;
    int error = file_node_find(from, &node);

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

int rename(const char *from, const char *to)
{
    int error = rename_node(from, to);

    if (!error)
        return 0;
    errno = -error;
    return -1;
}

/* cpio, format "newc": a header of 13 eight-digit hexadecimal fields, the name, the data. */
struct cpio_header {
    char magic[6];
    char fields[13][8];
};
enum { CPIO_MODE = 1, CPIO_MTIME = 5, CPIO_SIZE = 6, CPIO_NAME_SIZE = 11 };

static uint32_t hexadecimal(const char *digits)
{
    uint32_t value = 0;

    for (int i = 0; i < 8; i++) {
        char c = digits[i];

        value = value << 4 | (uint32_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return value;
}

static int archive_directory(const char *path, int64_t mtime)
{
    struct ram_file *node;
    int error = ram_files_mkdir_all(path);

    if (!error && !file_node_find(path, &node))
        node->mtime = mtime;
    return error;
}

static int archive_file(const char *path, const char *data, size_t size, int64_t mtime)
{
    struct ram_file *parent, *node;
    char name[FILE_NAME_MAX + 1], above[512];
    const char *slash = strrchr(path, '/');
    int error = 0;

    if (slash && slash != path && (size_t)(slash - path) < sizeof(above)) {
        memcpy(above, path, (size_t)(slash - path));
        above[slash - path] = 0;
        error = ram_files_mkdir_all(above);
    }
    if (!error)
        error = file_node_find_parent(path, &parent, name);
    if (error)
        return error;
    node = file_node_child(parent, name); /* a later archive replaces an earlier one's file */
    error = node ? file_node_truncate(node, 0) : file_node_create(parent, name, false, &node);
    if (error)
        return error;
    node->data = (char *)data;
    node->size = size;
    node->mtime = mtime;
    return 0;
}

/* One entry: its length in the archive, 0 if there is none here, or -errno. */
static int64_t archive_entry(const char *at, size_t left)
{
    const struct cpio_header *header = (const struct cpio_header *)at;
    uint32_t mode, size, name_size;
    uint64_t data_at, end;
    char path[512] = "/";
    int error = 0;

    if (left < sizeof(*header) || memcmp(header->magic, "070701", 6))
        return 0;
    mode = hexadecimal(header->fields[CPIO_MODE]);
    size = hexadecimal(header->fields[CPIO_SIZE]);
    name_size = hexadecimal(header->fields[CPIO_NAME_SIZE]);
    data_at = (sizeof(*header) + (uint64_t)name_size + 3) & ~3ULL;
    end = (data_at + size + 3) & ~3ULL;
    if (!name_size || data_at + size > left || name_size >= sizeof(path) - 1)
        return -EINVAL;
    memcpy(path + 1, at + sizeof(*header), name_size);
    path[name_size] = 0;
    if (!strcmp(path, "/TRAILER!!!"))
        return (int64_t)end;
    if ((mode & 0170000) == 0040000)
        error = archive_directory(path, hexadecimal(header->fields[CPIO_MTIME]));
    else if ((mode & 0170000) == 0100000)
        error = archive_file(path, at + data_at, size, hexadecimal(header->fields[CPIO_MTIME]));
    return error ? error : (int64_t)end;
}

int ram_files_add_archive(const void *data, size_t size)
{
    const char *archive = data;
    size_t at = 0;

    while (at < size) {
        int64_t length;

        if (!archive[at]) { /* padding between archives, which start at multiples of 4 */
            at += 4;
            continue;
        }
        length = archive_entry(archive + at, size - at);
        if (length <= 0)
            return length ? (int)length : -EINVAL;
        at += (size_t)length;
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
