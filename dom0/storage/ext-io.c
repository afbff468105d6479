/*
 * Ext I/O: the io_manager between libext2fs and the blocks of an ext disk.  See ext-io.h.
 *
 * The library asks for blocks of the size it has set, which for the superblock is 1024 bytes, or
 * for bytes (a negative count).  All it writes is metadata, and waits on the disk for a commit.
 */
#include "storage/ext-io.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct struct_io_manager manager;
static struct ext_disk *opening; /* for io_open, which is called before anybody sleeps */

static struct ext_disk *disk_of(io_channel channel)
{
    return channel->private_data;
}

static errcode_t io_open(const char *name, int flags, io_channel *result)
{
    io_channel channel = calloc(1, sizeof(*channel));

    (void)flags;
    if (!channel)
        return EXT2_ET_NO_MEMORY;
    channel->name = strdup(name);
    if (!channel->name) {
        free(channel);
        return EXT2_ET_NO_MEMORY;
    }
    channel->magic = EXT2_ET_MAGIC_IO_CHANNEL;
    channel->manager = &manager;
    channel->block_size = 1024;
    channel->refcount = 1;
    channel->private_data = opening;
    *result = channel;
    return 0;
}

static errcode_t io_close(io_channel channel)
{
    if (--channel->refcount > 0)
        return 0;
    free(channel->name);
    free(channel);
    return 0;
}

static errcode_t io_set_block_size(io_channel channel, int size)
{
    channel->block_size = size;
    return 0;
}

/* Where the count's bytes lie; false: nowhere. */
static bool range_of(io_channel channel, unsigned long long block, int count, uint64_t *at,
                     size_t *bytes)
{
    *bytes = count < 0 ? (size_t) - (int64_t)count : (size_t)count * (size_t)channel->block_size;
    return !__builtin_mul_overflow(block, (uint64_t)channel->block_size, at) &&
           *at <= UINT64_MAX - *bytes;
}

static errcode_t io_read(io_channel channel, unsigned long long block, int count, void *data)
{
    struct ext_disk *disk = disk_of(channel);
    struct ext_block *found;
    size_t bytes, piece;
    uint8_t *to = data;
    uint64_t at;

    if (!range_of(channel, block, count, &at, &bytes))
        return EXT2_ET_SHORT_READ;
    for (; bytes; bytes -= piece, to += piece, at += piece) {
        size_t offset = at % disk->block_size;

        piece = disk->block_size - offset < bytes ? disk->block_size - offset : bytes;
        if (ext_disk_get(disk, at / disk->block_size, &found))
            return EXT2_ET_SHORT_READ;
        memcpy(to, found->data + offset, piece);
    }
    return 0;
}

static errcode_t io_write(io_channel channel, unsigned long long block, int count, const void *data)
{
    struct ext_disk *disk = disk_of(channel);
    const uint8_t *from = data;
    size_t bytes, piece;
    uint64_t at;

    if (!range_of(channel, block, count, &at, &bytes))
        return EXT2_ET_SHORT_WRITE;
    for (; bytes; bytes -= piece, from += piece, at += piece) {
        size_t offset = at % disk->block_size;
        int error;

        piece = disk->block_size - offset < bytes ? disk->block_size - offset : bytes;
        error = ext_disk_write(disk, at / disk->block_size, offset, from, piece, EXT_METADATA);
        if (error)
            return error == -ENOMEM ? EXT2_ET_NO_MEMORY : EXT2_ET_SHORT_WRITE;
    }
    return 0;
}

static errcode_t io_read_old(io_channel channel, unsigned long block, int count, void *data)
{
    return io_read(channel, block, count, data);
}

static errcode_t io_write_old(io_channel channel, unsigned long block, int count, const void *data)
{
    return io_write(channel, block, count, data);
}

/* Commits are ours to make, not the library's. */
static errcode_t io_flush(io_channel channel)
{
    (void)channel;
    return 0;
}

static struct struct_io_manager manager = {
    .magic = EXT2_ET_MAGIC_IO_MANAGER,
    .name = "paravane",
    .open = io_open,
    .close = io_close,
    .set_blksize = io_set_block_size,
    .read_blk = io_read_old,
    .write_blk = io_write_old,
    .read_blk64 = io_read,
    .write_blk64 = io_write,
    .flush = io_flush,
};

errcode_t ext_io_open(struct ext_disk *disk, const char *name, int flags, ext2_filsys *fs)
{
    opening = disk;
    return ext2fs_open2(name, NULL, flags, 0, 0, &manager, fs);
}

int ext_error(errcode_t code)
{
    static const struct {
        errcode_t code;
        int error;
    } known[] = {
        { EXT2_ET_FILE_NOT_FOUND, ENOENT },     { EXT2_ET_NO_DIRECTORY, ENOTDIR },
        { EXT2_ET_FILE_EXISTS, EEXIST },        { EXT2_ET_DIR_EXISTS, EEXIST },
        { EXT2_ET_BLOCK_ALLOC_FAIL, ENOSPC },   { EXT2_ET_INODE_ALLOC_FAIL, ENOSPC },
        { EXT2_ET_DIR_NO_SPACE, ENOSPC },       { EXT2_ET_NO_MEMORY, ENOMEM },
        { EXT2_ET_RO_FILSYS, EROFS },           { EXT2_ET_FILE_TOO_BIG, EFBIG },
        { EXT2_ET_SYMLINK_LOOP, ELOOP },        { EXT2_ET_UNSUPP_FEATURE, ENOTSUP },
        { EXT2_ET_RO_UNSUPP_FEATURE, ENOTSUP },
    };

    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
        if (known[i].code == code)
            return -known[i].error;
    return code > 0 && code < 256 ? -(int)code : code ? -EIO : 0;
}

/*
 * The library's own is among what makes journals, which is not built; and has one buffer for all
 * file systems, whatever their block size.
 */
errcode_t ext2fs_zero_blocks2(ext2_filsys fs, blk64_t block, int count, blk64_t *failed,
                              int *failed_count)
{
    static const uint8_t zeroes[EXT_BLOCK_MAX];
    errcode_t code = 0;

    (void)failed;
    (void)failed_count;
    for (int i = 0; fs && i < count && !code; i++)
        code = io_channel_write_blk64(fs->io, block + (blk64_t)i, 1, zeroes);
    return code;
}
