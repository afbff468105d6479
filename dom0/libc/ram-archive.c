/*
 * The initrd's archives: cpio, unpacked by reference.
 */
#include "libc/file-node.h"
#include "libc/ram-files.h"
#include <errno.h>
#include <string.h>

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
