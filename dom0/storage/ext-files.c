/*
 * Ext files: what is in them, and the table of operations.  See ext-fs.h.
 *
 * A file's changed blocks wait on the disk's cache and are in their places before the transaction
 * that says how long the file is.  A block that the running transaction has freed belongs to
 * another file still, if the power is cut: so a commit comes before anything is written then.
 */
#include "storage/ext-fs.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#define PIECE_BLOCKS 32u /* of one operation */

static void fill_status(struct ext_fs *x, ext2_ino_t number, const struct ext2_inode *inode,
                        struct file_status *status)
{
    bool folder = LINUX_S_ISDIR(inode->i_mode);

    *status = (struct file_status){ .is_directory = folder,
                                    .read_only = x->fs.read_only,
                                    .size = folder ? 0 : EXT2_I_SIZE(inode),
                                    .mtime = inode->i_mtime,
                                    .inode = number };
}

static int ext_status(struct file_system *fs, const char *path, struct file_status *status)
{
    struct ext_fs *x = ext_of(fs);
    struct ext2_inode inode;
    ext2_ino_t number;
    int error = ext_begin(x, false);

    if (error)
        return error;
    error = ext_find(x, path, true, &number);
    if (!error)
        error = ext_error(ext2fs_read_inode(x->ext, number, &inode));
    if (!error)
        fill_status(x, number, &inode, status);
    return ext_end(x, error);
}

static int ext_file_status(struct file_system *fs, void *file, struct file_status *status)
{
    struct ext_fs *x = ext_of(fs);
    struct ext_node *node = file;
    struct ext2_inode inode;
    int error = ext_begin(x, false);

    if (error)
        return error;
    error = ext_error(ext2fs_read_inode(x->ext, node->inode, &inode));
    if (!error)
        fill_status(x, node->inode, &inode, status);
    return ext_end(x, error);
}

static int open_existing(struct ext_fs *x, ext2_ino_t number, int flags)
{
    struct ext2_inode inode;
    int error = ext_error(ext2fs_read_inode(x->ext, number, &inode));

    if (error)
        return error;
    if ((flags & O_CREAT) && (flags & O_EXCL))
        return -EEXIST;
    if (!ext_claims_allow(ext_find_node(x, number), (flags & O_ACCMODE) != O_RDONLY))
        return -EBUSY;
    if (LINUX_S_ISDIR(inode.i_mode))
        return (flags & O_ACCMODE) == O_RDONLY ? 0 : -EISDIR;
    if (!LINUX_S_ISREG(inode.i_mode))
        return -ENXIO;
    return (flags & O_TRUNC) && EXT2_I_SIZE(&inode) ? ext_inode_shrink(x, number, &inode, 0) : 0;
}

static int open_new(struct ext_fs *x, const char *path, ext2_ino_t *number)
{
    const char *name;
    ext2_ino_t parent;
    int error = ext_find_parent(x, path, &parent, &name);

    if (!error && !ext2fs_lookup(x->ext, parent, name, (int)strlen(name), x->buffer, number))
        error = -ENOENT; /* a symbolic link that leads nowhere */
    if (!error && !ext_has_room(x, 2))
        error = -ENOSPC;
    if (!error)
        error = ext_inode_create(x, parent, number);
    return error ? error : ext_link(x, parent, name, *number, EXT2_FT_REG_FILE);
}

struct ext_node *ext_find_node(struct ext_fs *x, ext2_ino_t number)
{
    struct ext_node *node = x->nodes;

    while (node && node->inode != number)
        node = node->next;
    return node;
}

int ext_open_node(struct ext_fs *x, ext2_ino_t number, void **file)
{
    struct ext_node *node = ext_find_node(x, number);

    if (!node) {
        node = calloc(1, sizeof(*node));
        if (!node)
            return -ENOMEM;
        *node = (struct ext_node){ .next = x->nodes, .inode = number };
        x->nodes = node;
    }
    node->opens++;
    *file = node;
    return 0;
}

static int ext_open(struct file_system *fs, const char *path, int flags, void **file)
{
    struct ext_fs *x = ext_of(fs);
    ext2_ino_t number;
    int error = ext_begin(x, (flags & O_ACCMODE) != O_RDONLY);

    if (error)
        return error;
    error = ext_find(x, path, true, &number);
    if (error == -ENOENT && (flags & O_CREAT) && (flags & O_ACCMODE) != O_RDONLY)
        error = open_new(x, path, &number);
    else if (!error)
        error = open_existing(x, number, flags);
    return ext_end(x, error ? error : ext_open_node(x, number, file));
}

void ext_close_node(struct ext_fs *x, struct ext_node *node)
{
    struct ext_node **at = &x->nodes;

    if (--node->opens)
        return;
    while (*at != node)
        at = &(*at)->next;
    *at = node->next;
    if (node->unlinked && !x->fs.read_only && !ext_commit_if_much(x))
        ext_inode_closed(x, node->inode);
    free(node);
}

static void ext_close(struct file_system *fs, void *file)
{
    struct ext_fs *x = ext_of(fs);

    mutex_lock(&x->mutex);
    ext_close_node(x, file);
    ext_end(x, 0);
}

static int map_block(struct ext_fs *x, ext2_ino_t number, struct ext2_inode *inode, uint64_t index,
                     uint64_t *block)
{
    blk64_t found;
    int flags = 0;
    errcode_t code = ext2fs_bmap2(x->ext, number, inode, x->buffer, 0, index, &flags, &found);

    *block = flags & BMAP_RET_UNINIT ? 0 : found;
    return ext_error(code);
}

int ext_map_run(struct ext_fs *x, ext2_ino_t number, struct ext2_inode *inode, uint64_t index,
                uint32_t most, struct ext_run *run)
{
    uint64_t next;
    int error = map_block(x, number, inode, index, &run->block);

    run->count = 1;
    while (!error && run->count < most) {
        error = map_block(x, number, inode, index + run->count, &next);
        if (error || next != (run->block ? run->block + run->count : 0))
            break;
        run->count++;
    }
    return error;
}

/* Copies blocks of a run, from `offset` in the first on; advances *done. */
static int copy_run(struct ext_fs *x, const struct ext_run *run, uint32_t offset, char *to,
                    size_t size, size_t *done)
{
    int error = run->block ? ext_disk_prefetch(&x->disk, run->block, run->count) : 0;

    for (uint32_t i = 0; i < run->count && *done < size && !error; i++) {
        size_t piece = x->ext->blocksize - offset;
        struct ext_block *block = NULL;

        piece = piece < size - *done ? piece : size - *done;
        if (run->block)
            error = ext_disk_get(&x->disk, run->block + i, &block);
        if (error)
            break;
        if (block)
            memcpy(to + *done, block->data + offset, piece);
        else
            memset(to + *done, 0, piece);
        *done += piece;
        offset = 0;
    }
    return error;
}

static int read_piece(struct ext_fs *x, ext2_ino_t number, uint64_t at, char *data, size_t size,
                      size_t *done)
{
    uint32_t block_size = x->ext->blocksize, most = EXT_RUN_BYTES / block_size;
    struct ext2_inode inode;
    int error = ext_error(ext2fs_read_inode(x->ext, number, &inode));
    uint64_t end = EXT2_I_SIZE(&inode);

    *done = 0;
    if (!error && LINUX_S_ISDIR(inode.i_mode))
        error = -EISDIR;
    if (error || at >= end)
        return error;
    if (inode.i_flags & EXT4_INLINE_DATA_FL)
        return -ENOTSUP;
    size = size < end - at ? size : end - at;
    while (*done < size && !error) {
        uint64_t index = (at + *done) / block_size, last = (end - 1) / block_size;
        struct ext_run run;

        error = ext_map_run(x, number, &inode, index,
                            last - index + 1 < most ? (uint32_t)(last - index + 1) : most, &run);
        if (!error)
            error = copy_run(x, &run, (uint32_t)((at + *done) % block_size), data, size, done);
        ext_disk_pause(&x->disk);
    }
    return error;
}

int ext_read(struct file_system *fs, void *file, uint64_t at, void *data, size_t size, size_t *done)
{
    struct ext_fs *x = ext_of(fs);
    struct ext_node *node = file;
    size_t piece = 1, most = (size_t)PIECE_BLOCKS * x->ext->blocksize;
    int error = 0;

    for (*done = 0; piece && *done < size && !error; *done += piece) {
        error = ext_begin(x, false);
        if (error)
            return error;
        error = ext_end(x, read_piece(x, node->inode, at + *done, (char *)data + *done,
                                      size - *done < most ? size - *done : most, &piece));
        piece = error ? 0 : piece;
    }
    return error;
}

/* The block of a file that is to be written, new if there was none: then the library has filled it
 * with zeroes, and one that was set aside without that is filled here. */
static int block_to_write(struct ext_fs *x, ext2_ino_t number, struct ext2_inode *inode,
                          uint64_t index, blk64_t *block)
{
    static const uint8_t zeroes[EXT_BLOCK_MAX];
    int flags;
    errcode_t code =
        ext2fs_bmap2(x->ext, number, inode, x->buffer, BMAP_ALLOC, index, &flags, block);

    if (!code && (flags & BMAP_RET_UNINIT)) {
        code = ext2fs_bmap2(x->ext, number, inode, x->buffer, BMAP_SET, index, NULL, block);
        if (!code && ext_disk_write(&x->disk, *block, 0, zeroes, x->ext->blocksize, EXT_DATA))
            code = EXT2_ET_NO_MEMORY;
    }
    return ext_error(code);
}

static int write_blocks(struct ext_fs *x, ext2_ino_t number, struct ext2_inode *inode, uint64_t at,
                        const char *data, size_t size)
{
    uint32_t block_size = x->ext->blocksize;
    int error = 0;

    for (size_t done = 0, piece; done < size && !error; done += piece) {
        uint32_t offset = (uint32_t)((at + done) % block_size);
        blk64_t block;

        piece = block_size - offset < size - done ? block_size - offset : size - done;
        error = block_to_write(x, number, inode, (at + done) / block_size, &block);
        if (!error)
            error = ext_disk_write(&x->disk, block, offset, data + done, piece, EXT_DATA);
    }
    return error;
}

static bool too_long(struct ext_fs *x, const struct ext2_inode *inode, uint64_t end)
{
    uint64_t pointers = x->ext->blocksize / 4;
    uint64_t most = inode->i_flags & EXT4_EXTENTS_FL
                        ? (1ULL << 32) - 2
                        : 12 + pointers + pointers * pointers + pointers * pointers * pointers;

    return end > most * x->ext->blocksize;
}

/* Writes a piece of a file; how much of it there was room for. */
static int write_piece(struct ext_fs *x, ext2_ino_t number, uint64_t *at, const void *data,
                       size_t size)
{
    struct ext2_inode inode;
    int error = ext_error(ext2fs_read_inode(x->ext, number, &inode));

    if (error)
        return error;
    if (*at == FILE_END)
        *at = EXT2_I_SIZE(&inode);
    if (*at > INT64_MAX - size || too_long(x, &inode, *at + size))
        return -EFBIG;
    if (inode.i_flags & EXT4_INLINE_DATA_FL)
        return -ENOTSUP;
    if (!ext_has_room(x, size / x->ext->blocksize + 2))
        return -ENOSPC;
    error = x->freed ? ext_commit(x) : 0;
    if (error)
        return error;
    error = write_blocks(x, number, &inode, *at, data, size);
    if (!error && *at + size > EXT2_I_SIZE(&inode))
        error = ext_error(ext2fs_inode_size_set(x->ext, &inode, *at + size));
    if (error)
        return ext_broken(x, error);
    inode.i_mtime = inode.i_ctime = ext_now();
    *at += size;
    return ext_inode_write(x, number, &inode);
}

int ext_write(struct file_system *fs, void *file, uint64_t *at, const void *data, size_t size,
              size_t *done)
{
    struct ext_fs *x = ext_of(fs);
    struct ext_node *node = file;
    size_t most = (size_t)PIECE_BLOCKS * x->ext->blocksize;
    int error = 0;

    for (*done = 0; *done < size && !error;) {
        size_t piece = size - *done < most ? size - *done : most;

        error = ext_begin(x, true);
        if (error)
            break;
        error = write_piece(x, node->inode, at, (const char *)data + *done, piece);
        if (!error && node->writers)
            error = ext_claimed_written(x);
        error = ext_end(x, error);
        *done += error ? 0 : piece;
    }
    return *done ? 0 : error; /* what was written first, and the error with the next call */
}

static int set_size(struct ext_fs *x, const struct ext_node *node, uint64_t size)
{
    ext2_ino_t number = node->inode;
    struct ext2_inode inode;
    int error = ext_error(ext2fs_read_inode(x->ext, number, &inode));

    if (error || size == EXT2_I_SIZE(&inode))
        return error;
    if (size > INT64_MAX || too_long(x, &inode, size))
        return -EFBIG;
    if (size < EXT2_I_SIZE(&inode))
        return ext_claims_allow_shrink(node) ? ext_inode_shrink(x, number, &inode, size) : -EBUSY;
    error = ext_error(ext2fs_inode_size_set(x->ext, &inode, size));
    inode.i_mtime = inode.i_ctime = ext_now();
    return error ? ext_broken(x, error) : ext_inode_write(x, number, &inode);
}

int ext_truncate(struct file_system *fs, void *file, uint64_t size)
{
    struct ext_fs *x = ext_of(fs);
    struct ext_node *node = file;
    int error = ext_begin(x, true);

    return error ? error : ext_end(x, set_size(x, node, size));
}

static void ext_usage(struct file_system *fs, struct file_system_usage *usage)
{
    struct ext2_super_block *super = ext_of(fs)->ext->super;
    uint64_t blocks = ext2fs_blocks_count(super), left = ext2fs_free_blocks_count(super);

    usage->bytes = blocks * ext_of(fs)->ext->blocksize;
    usage->free_bytes = (left < blocks ? left : blocks) * ext_of(fs)->ext->blocksize;
    usage->used_bytes = usage->bytes - usage->free_bytes;
    usage->files = super->s_inodes_count - super->s_free_inodes_count;
}

const struct file_system_operations ext_operations = {
    .open = ext_open,
    .close = ext_close,
    .read = ext_read,
    .write = ext_write,
    .truncate = ext_truncate,
    .file_status = ext_file_status,
    .status = ext_status,
    .list = ext_list,
    .make_directory = ext_make_directory,
    .remove = ext_remove,
    .rename = ext_rename,
    .usage = ext_usage,
    .sync = ext_sync,
    .claim = ext_claim,
    .release = ext_release,
    .close_claimed = ext_close_claimed,
    .find_extent = ext_find_extent,
    .unmount = ext_unmount,
};
