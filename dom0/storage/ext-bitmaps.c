/*
 * Ext bitmaps: which blocks and inodes are in use.  See ext-fs.h.
 *
 * libext2fs reads, checks and writes those of all groups at once, which takes long on a large disk;
 * here it is group by group, others run in between, and only groups that have changed are written.
 */
#include "storage/ext-fs.h"
#include <string.h>

static bool is_unused(ext2_filsys ext, dgrp_t group, unsigned int flag)
{
    return ext2fs_has_group_desc_csum(ext) && ext2fs_bg_flags_test(ext, group, (__u16)flag);
}

static bool is_between(blk64_t block, blk64_t first, blk64_t last)
{
    return block && block >= first && block <= last;
}

/* Does the group's descriptor lead to blocks where such things may be? */
static errcode_t check_group(ext2_filsys ext, dgrp_t group)
{
    bool anywhere = ext2fs_has_feature_flex_bg(ext->super);
    blk64_t first =
        anywhere ? ext->super->s_first_data_block : ext2fs_group_first_block2(ext, group);
    blk64_t last =
        anywhere ? ext2fs_blocks_count(ext->super) - 1 : ext2fs_group_last_block2(ext, group);
    blk64_t blocks = ext2fs_block_bitmap_loc(ext, group);
    blk64_t inodes = ext2fs_inode_bitmap_loc(ext, group);
    blk64_t table = ext2fs_inode_table_loc(ext, group);

    if (!is_between(blocks, first, last) || !is_between(inodes, first, last) || blocks == inodes ||
        !is_between(table, first, last) || ext->inode_blocks_per_group > last - table + 1)
        return EXT2_ET_GDESC_BAD_BLOCK_MAP;
    return ext2fs_group_desc_csum_verify(ext, group) ? 0 : EXT2_ET_GDESC_BAD_BLOCK_MAP;
}

static errcode_t read_blocks(ext2_filsys ext, dgrp_t group, char *buffer)
{
    int bytes = (int)EXT2_CLUSTERS_PER_GROUP(ext->super) / 8;
    errcode_t code;

    if (is_unused(ext, group, EXT2_BG_BLOCK_UNINIT))
        return 0; /* but for what describes groups, when all others are known */
    code = io_channel_read_blk64(ext->io, ext2fs_block_bitmap_loc(ext, group), 1, buffer);
    if (!code && !ext2fs_block_bitmap_csum_verify(ext, group, buffer, bytes))
        code = EXT2_ET_BLOCK_BITMAP_CSUM_INVALID;
    return code ? code
                : ext2fs_set_block_bitmap_range2(ext->block_map,
                                                 ext2fs_group_first_block2(ext, group),
                                                 (size_t)bytes << 3, buffer);
}

static errcode_t read_inodes(ext2_filsys ext, dgrp_t group, char *buffer)
{
    int bytes = (int)EXT2_INODES_PER_GROUP(ext->super) / 8;
    errcode_t code;

    if (is_unused(ext, group, EXT2_BG_INODE_UNINIT))
        return 0;
    code = io_channel_read_blk64(ext->io, ext2fs_inode_bitmap_loc(ext, group), 1, buffer);
    if (!code && !ext2fs_inode_bitmap_csum_verify(ext, group, buffer, bytes))
        code = EXT2_ET_INODE_BITMAP_CSUM_INVALID;
    return code ? code
                : ext2fs_set_inode_bitmap_range2(ext->inode_map,
                                                 group * EXT2_INODES_PER_GROUP(ext->super) + 1,
                                                 (size_t)bytes << 3, buffer);
}

/* A group whose bitmap was never written: in use is what describes it. */
static void mark_unused(ext2_filsys ext, dgrp_t group)
{
    ext2fs_reserve_super_and_bgd(ext, group, ext->block_map);
    ext2fs_mark_block_bitmap_range2(ext->block_map, ext2fs_inode_table_loc(ext, group),
                                    ext->inode_blocks_per_group);
    ext2fs_mark_block_bitmap2(ext->block_map, ext2fs_block_bitmap_loc(ext, group));
    ext2fs_mark_block_bitmap2(ext->block_map, ext2fs_inode_bitmap_loc(ext, group));
}

errcode_t ext_bitmaps_read(struct ext_fs *x)
{
    ext2_filsys ext = x->ext;
    errcode_t code;

    if (EXT2_CLUSTERS_PER_GROUP(ext->super) / 8 > ext->blocksize ||
        EXT2_INODES_PER_GROUP(ext->super) / 8 > ext->blocksize)
        return EXT2_ET_CORRUPT_SUPERBLOCK;
    ext->default_bitmap_type = EXT2FS_BMAP64_BITARRAY; /* the other kind aborts without memory */
    code = ext2fs_allocate_block_bitmap(ext, "blocks", &ext->block_map);
    if (!code)
        code = ext2fs_allocate_inode_bitmap(ext, "inodes", &ext->inode_map);
    for (dgrp_t group = 0; group < ext->group_desc_count && !code; group++) {
        code = check_group(ext, group);
        if (!code)
            code = read_blocks(ext, group, x->buffer);
        if (!code)
            code = read_inodes(ext, group, x->buffer);
        ext_disk_pause(&x->disk);
    }
    for (dgrp_t group = 0; group < ext->group_desc_count && !code; group++)
        if (is_unused(ext, group, EXT2_BG_BLOCK_UNINIT)) {
            mark_unused(ext, group);
            ext_disk_pause(&x->disk);
        }
    return code;
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

errcode_t ext_bitmaps_write(struct ext_fs *x)
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
