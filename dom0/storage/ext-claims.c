/*
 * Ext claims: files as disks.  See file-claims.h of libc.
 *
 * While a file is claimed its blocks on the disk are what is in it, and none of them is in the
 * cache: not when it is claimed, and not after what was written here, which only fills holes.  A
 * block that has a place keeps it: nobody can shorten the file, and removing its name frees nothing
 * before the last close.  So who has been told of a place need not ask again.
 */
#include "storage/ext-fs.h"
#include <errno.h>

static bool may_claim(const struct ext_node *node, enum file_claim_kind kind)
{
    unsigned int opens = node ? node->opens - node->leaving : 0;

    if (!opens || kind == FILE_CLAIM_SHARED)
        return true;
    return kind == FILE_CLAIM_READ && !node->writers && opens == node->readers;
}

bool ext_claims_allow(const struct ext_node *node, bool to_write)
{
    return !node || (!node->writers && !(to_write && node->readers));
}

bool ext_claims_allow_shrink(const struct ext_node *node)
{
    return !node->writers && !node->readers;
}

/* What waits for its place must be there, and what is kept would grow old. */
static int empty_cache(struct ext_fs *x)
{
    int error = ext_commit(x);

    ext_disk_forget_clean(&x->disk);
    return error;
}

static int claim_inode(struct ext_fs *x, ext2_ino_t number, enum file_claim_kind kind, void **file)
{
    struct ext2_inode inode;
    struct ext_node *node;
    int error = ext_error(ext2fs_read_inode(x->ext, number, &inode));

    if (error)
        return error;
    if (LINUX_S_ISDIR(inode.i_mode))
        return -EISDIR;
    if (!LINUX_S_ISREG(inode.i_mode) || (inode.i_flags & EXT4_INLINE_DATA_FL))
        return -ENOTSUP;
    if (!may_claim(ext_find_node(x, number), kind))
        return -EBUSY;
    error = empty_cache(x);
    if (!error)
        error = ext_open_node(x, number, file);
    if (error)
        return error;
    node = *file;
    *(kind == FILE_CLAIM_READ ? &node->readers : &node->writers) += 1;
    return 0;
}

int ext_claim(struct file_system *fs, const char *path, enum file_claim_kind kind, void **file,
              struct block_device **device)
{
    struct ext_fs *x = ext_of(fs);
    ext2_ino_t number;
    int error = ext_begin(x, kind != FILE_CLAIM_READ);

    if (error)
        return error;
    error = ext_find(x, path, true, &number);
    if (!error)
        error = claim_inode(x, number, kind, file);
    *device = x->disk.device;
    return ext_end(x, error);
}

void ext_release(struct file_system *fs, void *file, enum file_claim_kind kind)
{
    struct ext_node *node = file;

    (void)fs;
    *(kind == FILE_CLAIM_READ ? &node->readers : &node->writers) -= 1;
    node->leaving++; /* whoever claims it now need not wait for its close */
}

void ext_close_claimed(struct file_system *fs, void *file)
{
    struct ext_fs *x = ext_of(fs);
    struct ext_node *node = file;

    mutex_lock(&x->mutex);
    node->leaving--;
    ext_close_node(x, node);
    ext_end(x, 0);
}

int ext_claimed_written(struct ext_fs *x)
{
    int error = ext_disk_write_away(&x->disk, EXT_DATA);

    return error ? ext_broken(x, error) : 0;
}

/* How far the hole that begins at `index` reaches at least: to the next extent, where the handle
 * stands before or behind the place. */
static uint64_t hole_length(ext2_extent_handle_t handle, uint64_t index)
{
    static const int looks[] = { EXT2_EXTENT_CURRENT, EXT2_EXTENT_NEXT_LEAF };

    for (unsigned int i = 0; i < 2; i++) {
        struct ext2fs_extent extent;
        errcode_t code = ext2fs_extent_get(handle, looks[i], &extent);

        if (code == EXT2_ET_EXTENT_NO_NEXT || code == EXT2_ET_NO_CURRENT_NODE)
            return UINT32_MAX - index;
        if (!code && (extent.e_flags & EXT2_EXTENT_FLAGS_LEAF) && extent.e_lblk > index)
            return extent.e_lblk - index;
    }
    return 1;
}

/* In blocks, for a file that lists its extents. */
static errcode_t find_in_tree(struct ext_fs *x, ext2_ino_t number, struct ext2_inode *inode,
                              uint64_t index, struct file_extent *found)
{
    struct ext2fs_extent extent;
    ext2_extent_handle_t handle;
    errcode_t code = ext2fs_extent_open2(x->ext, number, inode, &handle);

    if (code)
        return code;
    *found = (struct file_extent){ .at = index, .bytes = 1, .is_hole = true };
    code = ext2fs_extent_goto(handle, index);
    if (!code)
        code = ext2fs_extent_get(handle, EXT2_EXTENT_CURRENT, &extent);
    if (!code) {
        found->at = extent.e_lblk;
        found->bytes = extent.e_len;
        found->place = extent.e_pblk;
        found->is_hole = extent.e_flags & EXT2_EXTENT_FLAGS_UNINIT;
    } else if (code == EXT2_ET_EXTENT_NOT_FOUND || code == EXT2_ET_NO_CURRENT_NODE) {
        found->bytes = hole_length(handle, index);
        code = 0;
    }
    ext2fs_extent_free(handle);
    return code;
}

#define LOOK_BLOCKS 256u /* of a file that lists each of its blocks */

static int find_blocks(struct ext_fs *x, ext2_ino_t number, struct ext2_inode *inode,
                       uint64_t index, struct file_extent *found)
{
    struct ext_run run;
    int error;

    if (inode->i_flags & EXT4_EXTENTS_FL)
        return ext_error(find_in_tree(x, number, inode, index, found));
    error = ext_map_run(x, number, inode, index, LOOK_BLOCKS, &run);
    *found = (struct file_extent){
        .at = index, .bytes = run.count, .place = run.block, .is_hole = !run.block
    };
    return error;
}

static int find(struct ext_fs *x, ext2_ino_t number, uint64_t at, struct file_extent *extent)
{
    uint64_t block = x->ext->blocksize, blocks = x->disk.blocks, size;
    struct ext2_inode inode;
    int error = ext_error(ext2fs_read_inode(x->ext, number, &inode));

    if (error)
        return error;
    size = EXT2_I_SIZE(&inode);
    if (at >= size)
        return -EINVAL;
    error = at / block < UINT32_MAX ? find_blocks(x, number, &inode, at / block, extent) : -EFBIG;
    if (error)
        return error;
    if (extent->at > at / block || at / block - extent->at >= extent->bytes)
        return -EIO; /* damage: it is not what was asked for */
    if (!extent->is_hole &&
        (!extent->place || extent->place >= blocks || extent->bytes > blocks - extent->place))
        return -EIO; /* damage: it would be somebody else's disk */
    extent->at *= block;
    extent->bytes *= block;
    extent->place *= block;
    if (extent->bytes > size - extent->at)
        extent->bytes = size - extent->at;
    return 0;
}

int ext_find_extent(struct file_system *fs, void *file, uint64_t at, struct file_extent *extent)
{
    struct ext_fs *x = ext_of(fs);
    const struct ext_node *node = file;
    int error = ext_begin(x, false);

    return error ? error : ext_end(x, find(x, node->inode, at, extent));
}
