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
    code = ext_bitmaps_write(x);
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
