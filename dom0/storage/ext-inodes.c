/*
 * Ext inodes: making and freeing them, and those without a name.  See ext-fs.h.
 *
 * An inode whose last name is gone while it is open, or which takes several transactions to free,
 * is on the list of orphans (from the superblock on, through i_dtime) as Linux has it: whoever
 * mounts the file system after a power cut frees it then.
 */
#include "storage/ext-fs.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define STEP_BLOCKS  65536u /* freed in one transaction */
#define ORPHANS_MOST 65536u

int ext_inode_write(struct ext_fs *x, ext2_ino_t number, struct ext2_inode *inode)
{
    errcode_t code = ext2fs_write_inode(x->ext, number, inode);

    return code ? ext_broken(x, ext_error(code)) : 0;
}

static void note_inode(struct ext_fs *x, ext2_ino_t number)
{
    x->groups[ext2fs_group_of_ino(x->ext, number)] |= EXT_INODES_CHANGED;
}

/* The library takes the "not yet used" from every group it looks at. */
static void note_search(struct ext_fs *x, ext2_ino_t from, ext2_ino_t to)
{
    dgrp_t group = ext2fs_group_of_ino(x->ext, from), last = ext2fs_group_of_ino(x->ext, to);

    for (;;) {
        x->groups[group] |= EXT_BLOCKS_CHANGED | EXT_INODES_CHANGED;
        if (group == last)
            return;
        group = (group + 1) % x->ext->group_desc_count;
    }
}

int ext_inode_create(struct ext_fs *x, ext2_ino_t parent, ext2_ino_t *number)
{
    struct ext2_inode inode = { .i_mode = LINUX_S_IFREG | 0644, .i_links_count = 1 };
    ext2_extent_handle_t handle;
    errcode_t code;

    if (!x->ext->super->s_free_inodes_count)
        return -ENOSPC;
    code = ext2fs_new_inode(x->ext, parent, inode.i_mode, NULL, number);
    if (code)
        return ext_broken(x, ext_error(code));
    note_search(x, parent, *number);
    inode.i_atime = inode.i_ctime = inode.i_mtime = ext_now();
    if (ext2fs_has_feature_extents(x->ext->super)) {
        inode.i_flags |= EXT4_EXTENTS_FL;
        code = ext2fs_extent_open2(x->ext, *number, &inode, &handle);
        if (!code)
            ext2fs_extent_free(handle);
    }
    if (!code)
        code = ext2fs_write_new_inode(x->ext, *number, &inode);
    if (code)
        return ext_broken(x, ext_error(code));
    ext2fs_inode_alloc_stats2(x->ext, *number, +1, 0);
    note_inode(x, *number);
    return 0;
}

static int add_orphan(struct ext_fs *x, ext2_ino_t number, struct ext2_inode *inode)
{
    inode->i_dtime = x->ext->super->s_last_orphan;
    x->ext->super->s_last_orphan = number;
    ext2fs_mark_super_dirty(x->ext);
    return ext_inode_write(x, number, inode);
}

/* Takes it from the list; the caller writes the inode. */
static int take_orphan(struct ext_fs *x, ext2_ino_t number, struct ext2_inode *inode)
{
    ext2_ino_t before = x->ext->super->s_last_orphan;
    struct ext2_inode other;
    errcode_t code = 0;

    if (before == number) {
        x->ext->super->s_last_orphan = inode->i_dtime;
        ext2fs_mark_super_dirty(x->ext);
        return 0;
    }
    for (uint32_t i = 0; before && i < ORPHANS_MOST && !code; i++) {
        code = ext2fs_read_inode(x->ext, before, &other);
        if (!code && other.i_dtime == number) {
            other.i_dtime = inode->i_dtime;
            return ext_inode_write(x, before, &other);
        }
        before = other.i_dtime;
    }
    return ext_broken(x, code ? ext_error(code) : -EIO);
}

static errcode_t punch(struct ext_fs *x, ext2_ino_t number, struct ext2_inode *inode, uint64_t from)
{
    if (!ext2fs_inode_has_valid_blocks2(x->ext, inode))
        return 0;
    return ext2fs_punch(x->ext, number, inode, x->buffer, from, ~0ULL);
}

static uint64_t blocks_of(const struct ext_fs *x, uint64_t size)
{
    return (size + x->ext->blocksize - 1) / x->ext->blocksize;
}

/* Frees blocks behind `keep`, in steps that each fit a transaction. */
static int free_blocks(struct ext_fs *x, ext2_ino_t number, struct ext2_inode *inode, uint64_t keep)
{
    uint64_t end = blocks_of(x, EXT2_I_SIZE(inode));
    bool large = ext2fs_inode_i_blocks(x->ext, inode) / (x->ext->blocksize / 512) > STEP_BLOCKS;
    errcode_t code = 0;
    int error = 0;

    while (large && end > keep && end - keep > STEP_BLOCKS && !error) {
        end -= STEP_BLOCKS;
        ext_disk_begin(&x->disk);
        code = ext2fs_inode_size_set(x->ext, inode, end * x->ext->blocksize);
        if (!code)
            code = punch(x, number, inode, end);
        if (!code)
            code = ext2fs_write_inode(x->ext, number, inode);
        error = code ? ext_broken(x, ext_error(code)) : ext_commit_if_much(x);
    }
    if (error)
        return error;
    code = punch(x, number, inode, keep);
    return code ? ext_broken(x, ext_error(code)) : 0;
}

static int free_inode(struct ext_fs *x, ext2_ino_t number, struct ext2_inode *inode)
{
    int error = free_blocks(x, number, inode, 0);
    errcode_t code = 0;

    if (!error && ext2fs_file_acl_block(x->ext, inode))
        code = ext2fs_free_ext_attr(x->ext, number, (struct ext2_inode_large *)inode);
    if (error || code)
        return error ? error : ext_broken(x, ext_error(code));
    inode->i_dtime = ext_now();
    inode->i_links_count = 0;
    error = ext2fs_inode_size_set(x->ext, inode, 0) ? -EIO : ext_inode_write(x, number, inode);
    ext2fs_inode_alloc_stats2(x->ext, number, -1, LINUX_S_ISDIR(inode->i_mode));
    note_inode(x, number);
    return error;
}

static struct ext_node *node_of(struct ext_fs *x, ext2_ino_t number)
{
    struct ext_node *node = x->nodes;

    while (node && node->inode != number)
        node = node->next;
    return node;
}

int ext_inode_release(struct ext_fs *x, ext2_ino_t number, struct ext2_inode *inode)
{
    struct ext_node *node = node_of(x, number);
    int error;

    inode->i_ctime = ext_now();
    if (!LINUX_S_ISDIR(inode->i_mode) && inode->i_links_count > 1) {
        inode->i_links_count--;
        return ext_inode_write(x, number, inode);
    }
    inode->i_links_count = 0;
    if (!node && ext2fs_inode_i_blocks(x->ext, inode) / (x->ext->blocksize / 512) <= STEP_BLOCKS)
        return free_inode(x, number, inode);
    error = add_orphan(x, number, inode);
    if (node)
        node->unlinked = true;
    if (error || node)
        return error;
    return ext_inode_closed(x, number);
}

int ext_inode_closed(struct ext_fs *x, ext2_ino_t number)
{
    struct ext2_inode inode;
    ext2_ino_t next;
    int error = ext_error(ext2fs_read_inode(x->ext, number, &inode));

    if (error)
        return error;
    /* Its blocks go while it is on the list, which it leaves with the last of them. */
    next = inode.i_dtime;
    error = free_blocks(x, number, &inode, 0);
    inode.i_dtime = next;
    if (!error)
        error = take_orphan(x, number, &inode);
    return error ? error : free_inode(x, number, &inode);
}

/* Zeroes what is behind the end in the file's last block; by the journal, so that the file that
 * was committed before keeps its end until this one is. */
static int clear_tail(struct ext_fs *x, ext2_ino_t number, struct ext2_inode *inode, uint64_t size)
{
    static const uint8_t zeroes[EXT_BLOCK_MAX];
    uint32_t offset = (uint32_t)(size % x->ext->blocksize);
    blk64_t block;
    int flags;
    errcode_t code;

    if (!offset || !ext2fs_inode_has_valid_blocks2(x->ext, inode))
        return 0;
    code =
        ext2fs_bmap2(x->ext, number, inode, x->buffer, 0, size / x->ext->blocksize, &flags, &block);
    if (code || !block || (flags & BMAP_RET_UNINIT))
        return ext_error(code);
    return ext_disk_write(&x->disk, block, offset, zeroes, x->ext->blocksize - offset,
                          EXT_METADATA);
}

int ext_inode_shrink(struct ext_fs *x, ext2_ino_t number, struct ext2_inode *inode, uint64_t size)
{
    int error = free_blocks(x, number, inode, blocks_of(x, size));
    errcode_t code;

    if (!error)
        error = clear_tail(x, number, inode, size);
    if (error)
        return ext_broken(x, error);
    code = ext2fs_inode_size_set(x->ext, inode, size);
    if (code)
        return ext_broken(x, ext_error(code));
    inode->i_mtime = inode->i_ctime = ext_now();
    return ext_inode_write(x, number, inode);
}

/* One that was on the list when the file system was mounted. */
static int end_orphan(struct ext_fs *x, ext2_ino_t number)
{
    struct ext2_inode inode;
    int error;

    if (number < EXT2_FIRST_INODE(x->ext->super) || number > x->ext->super->s_inodes_count ||
        !ext2fs_test_inode_bitmap2(x->ext->inode_map, number) ||
        ext2fs_read_inode(x->ext, number, &inode))
        return -EIO;
    if (!inode.i_links_count)
        return ext_inode_closed(x, number);
    error = take_orphan(x, number, &inode);
    inode.i_dtime = 0;
    return error ? error : ext_inode_shrink(x, number, &inode, EXT2_I_SIZE(&inode));
}

int ext_orphans_end(struct ext_fs *x)
{
    int error = 0;

    for (uint32_t i = 0; x->ext->super->s_last_orphan && !error; i++) {
        error = i < ORPHANS_MOST ? end_orphan(x, x->ext->super->s_last_orphan) : -EIO;
        if (!error)
            error = ext_commit_if_much(x);
    }
    return error;
}
