/*
 * Ext transaction: operations one after the other, and commits.  See ext-fs.h.
 *
 * libext2fs changes blocks of the disk's cache, bitmaps and counts in memory.  A commit puts the
 * bitmaps of those groups that have changed into their blocks, then descriptors and superblock,
 * and hands the lot to the journal; without one it is written in the order of the disk.
 */
#include "storage/ext-fs.h"
#include "libc/libc.h"
#include "pv-kernel/clock.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DATA_MOST    512u       /* changed blocks of files before they are written */
#define CHANGE_TAKES (1u << 20) /* bytes of memory: without it nothing is begun */
#define SPARE_BLOCKS 64u        /* for directories, extents and the like */

static void note_block(ext2_filsys ext, blk64_t block, int use)
{
    struct ext_fs *x = ext->priv_data;

    x->groups[ext2fs_group_of_blk2(ext, block)] |= EXT_BLOCKS_CHANGED;
    if (use < 0) {
        x->freed = true;
        ext_disk_forget(&x->disk, block);
    }
    ext_disk_pause(&x->disk);
}

/* The library no longer knows the range when it calls: look at all groups. */
static void note_range(ext2_filsys ext, blk64_t block, blk_t count, int use)
{
    struct ext_fs *x = ext->priv_data;

    (void)block;
    (void)count;
    x->freed |= use < 0;
    for (dgrp_t group = 0; group < ext->group_desc_count; group++)
        x->groups[group] |= EXT_BLOCKS_CHANGED;
}

void ext_watch_allocations(struct ext_fs *x)
{
    x->ext->priv_data = x;
    x->ext->write_bitmaps = NULL; /* it would write all of them */
    ext2fs_set_block_alloc_stats_callback(x->ext, note_block, NULL);
    ext2fs_set_block_alloc_stats_range_callback(x->ext, note_range, NULL);
}

static errcode_t write_block_bitmap(ext2_filsys ext, dgrp_t group, char *buffer)
{
    size_t bytes = EXT2_CLUSTERS_PER_GROUP(ext->super) / 8;
    blk64_t place = ext2fs_block_bitmap_loc(ext, group);
    uint64_t in_last = (ext2fs_blocks_count(ext->super) - ext->super->s_first_data_block) %
                       EXT2_BLOCKS_PER_GROUP(ext->super);
    errcode_t code;

    if (ext2fs_has_group_desc_csum(ext) && ext2fs_bg_flags_test(ext, group, EXT2_BG_BLOCK_UNINIT))
        return 0;
    memset(buffer, 0xff, ext->blocksize);
    code = ext2fs_get_block_bitmap_range2(ext->block_map, ext2fs_group_first_block2(ext, group),
                                          bytes << 3, buffer);
    if (code)
        return code;
    if (group == ext->group_desc_count - 1 && in_last)
        for (uint64_t bit = in_last; bit < (uint64_t)ext->blocksize * 8; bit++)
            ext2fs_set_bit((unsigned int)bit, buffer);
    code = ext2fs_block_bitmap_csum_set(ext, group, buffer, (int)bytes);
    return code ? code : io_channel_write_blk64(ext->io, place, 1, buffer);
}

static errcode_t write_inode_bitmap(ext2_filsys ext, dgrp_t group, char *buffer)
{
    size_t bytes = (EXT2_INODES_PER_GROUP(ext->super) + 7) / 8;
    ext2_ino_t first = group * EXT2_INODES_PER_GROUP(ext->super) + 1;
    errcode_t code;

    if (ext2fs_has_group_desc_csum(ext) && ext2fs_bg_flags_test(ext, group, EXT2_BG_INODE_UNINIT))
        return 0;
    memset(buffer, 0xff, ext->blocksize);
    code = ext2fs_get_inode_bitmap_range2(ext->inode_map, first, bytes << 3, buffer);
    if (!code)
        code = ext2fs_inode_bitmap_csum_set(ext, group, buffer, (int)bytes);
    return code ? code
                : io_channel_write_blk64(ext->io, ext2fs_inode_bitmap_loc(ext, group), 1, buffer);
}

static errcode_t write_bitmaps(struct ext_fs *x)
{
    errcode_t code = 0;

    for (dgrp_t group = 0; group < x->ext->group_desc_count && !code; group++) {
        if (x->groups[group] & EXT_BLOCKS_CHANGED)
            code = write_block_bitmap(x->ext, group, x->buffer);
        if (!code && (x->groups[group] & EXT_INODES_CHANGED))
            code = write_inode_bitmap(x->ext, group, x->buffer);
        if (!x->groups[group])
            continue;
        ext2fs_group_desc_csum_set(x->ext, group);
        x->ext->flags |= EXT2_FLAG_DIRTY;
        x->groups[group] = 0;
    }
    x->ext->flags &= ~(EXT2_FLAG_BB_DIRTY | EXT2_FLAG_IB_DIRTY);
    return code;
}

/* Without a journal: what names blocks comes after what is in them. */
static int write_plainly(struct ext_disk *disk)
{
    int error = ext_disk_write_back(disk, EXT_DATA);

    if (!error && disk->count[EXT_METADATA]) {
        error = ext_disk_flush(disk);
        if (!error)
            error = ext_disk_write_back(disk, EXT_METADATA);
    }
    return error ? error : ext_disk_flush(disk);
}

static bool is_changed(const struct ext_fs *x)
{
    return x->disk.count[EXT_DATA] || x->disk.count[EXT_METADATA] ||
           (x->ext->flags & (EXT2_FLAG_DIRTY | EXT2_FLAG_BB_DIRTY | EXT2_FLAG_IB_DIRTY));
}

int ext_commit(struct ext_fs *x)
{
    errcode_t code;
    int error;

    if (x->fs.read_only || !is_changed(x))
        return 0;
    ext_disk_begin(&x->disk);
    code = write_bitmaps(x);
    if (!code && (x->ext->flags & EXT2_FLAG_DIRTY))
        code = ext2fs_flush2(x->ext, EXT2_FLAG_FLUSH_NO_SYNC);
    error = ext_error(code);
    if (!error)
        error = x->has_journal ? ext_journal_commit(&x->journal) : write_plainly(&x->disk);
    x->freed = false;
    return error ? ext_broken(x, error) : 0;
}

int ext_commit_if_much(struct ext_fs *x)
{
    if (x->disk.count[EXT_METADATA] >= x->changed_most)
        return ext_commit(x);
    if (x->disk.count[EXT_DATA] < DATA_MOST)
        return 0;
    int error = ext_disk_write_back(&x->disk, EXT_DATA);

    return error ? ext_broken(x, error) : 0;
}

int ext_begin(struct ext_fs *x, bool change)
{
    int error = 0;

    mutex_lock(&x->mutex);
    ext_disk_begin(&x->disk);
    if (change)
        error = x->fs.read_only                     ? -EROFS
                : !libc_memory_allows(CHANGE_TAKES) ? -ENOMEM
                                                    : ext_commit_if_much(x);
    return error ? ext_end(x, error) : 0;
}

int ext_end(struct ext_fs *x, int error)
{
    mutex_unlock(&x->mutex);
    return error;
}

int ext_broken(struct ext_fs *x, int error)
{
    if (x->fs.read_only)
        return error;
    printf("%s: %s while writing: its file system is read-only now, as it was last committed\n",
           x->fs.source, strerror(-error));
    x->fs.read_only = true;
    x->ext->flags &= ~(EXT2_FLAG_RW | EXT2_FLAG_DIRTY | EXT2_FLAG_BB_DIRTY | EXT2_FLAG_IB_DIRTY);
    ext_disk_drop_changes(&x->disk);
    return error;
}

bool ext_has_room(struct ext_fs *x, uint64_t blocks)
{
    return ext2fs_free_blocks_count(x->ext->super) >= blocks + SPARE_BLOCKS;
}

uint32_t ext_now(void)
{
    return (uint32_t)(clock_wall_ns() / 1000000000);
}

int ext_sync(struct file_system *fs)
{
    struct ext_fs *x = ext_of(fs);

    mutex_lock(&x->mutex);
    return ext_end(x, ext_commit(x));
}
