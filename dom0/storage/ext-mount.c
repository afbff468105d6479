/*
 * Ext mount: from a device to a file system in use, and back.  See ext-mount.h.
 *
 * What is on the device may have been written by anybody.  The superblock is checked here as far
 * as the sizes of things go, so that memory is bounded before libext2fs asks for it; a feature
 * that is not in the lists below makes it read-only or is refused.
 */
#include "storage/ext-mount.h"
#include "libc/libc.h"
#include "pv-kernel/clock.h"
#include "pv-kernel/frames.h"
#include "storage/ext-fs.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SUPERBLOCK_AT  1024u
#define LIBRARY_BLOCKS 4u /* one for each level of indirect blocks, and one more */

#define INCOMPAT_READ                                                                              \
    (EXT2_FEATURE_INCOMPAT_FILETYPE | EXT3_FEATURE_INCOMPAT_RECOVER |                              \
     EXT3_FEATURE_INCOMPAT_EXTENTS | EXT4_FEATURE_INCOMPAT_64BIT | EXT4_FEATURE_INCOMPAT_FLEX_BG | \
     EXT2_FEATURE_INCOMPAT_META_BG | EXT4_FEATURE_INCOMPAT_CSUM_SEED |                             \
     EXT4_FEATURE_INCOMPAT_LARGEDIR | EXT4_FEATURE_INCOMPAT_EA_INODE |                             \
     EXT4_FEATURE_INCOMPAT_INLINE_DATA)
#define INCOMPAT_WRITE \
    (INCOMPAT_READ & ~(EXT4_FEATURE_INCOMPAT_EA_INODE | EXT4_FEATURE_INCOMPAT_INLINE_DATA))
#define RO_COMPAT_WRITE                                                        \
    (EXT2_FEATURE_RO_COMPAT_SPARSE_SUPER | EXT2_FEATURE_RO_COMPAT_LARGE_FILE | \
     EXT4_FEATURE_RO_COMPAT_HUGE_FILE | EXT4_FEATURE_RO_COMPAT_GDT_CSUM |      \
     EXT4_FEATURE_RO_COMPAT_DIR_NLINK | EXT4_FEATURE_RO_COMPAT_EXTRA_ISIZE |   \
     EXT4_FEATURE_RO_COMPAT_METADATA_CSUM)

/* The superblock as it is on the device. */
static int read_superblock(struct block_device *device, struct ext2_super_block *super)
{
    uint8_t *page = frames_alloc(0);
    int error = page ? 0 : -ENOMEM;

    if (!error && device->sectors < 2 * SUPERBLOCK_AT / BLOCK_SECTOR_SIZE + 4)
        error = -ENOENT;
    if (!error)
        error = block_device_read(device, 0, page, PAGE_SIZE);
    if (!error)
        memcpy(super, page + SUPERBLOCK_AT, sizeof(*super));
    if (page)
        frames_free(page, 0);
    return error ? error : super->s_magic == EXT2_SUPER_MAGIC ? 0 : -ENOENT;
}

int ext_probe(struct block_device *device, struct ext_probe *probe)
{
    struct ext2_super_block super;
    int error = read_superblock(device, &super);
    char *at = probe->uuid;

    if (error)
        return error;
    for (size_t i = 0; i < sizeof(super.s_uuid); i++)
        at += sprintf(at, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
                      super.s_uuid[i]);
    memset(probe->label, 0, sizeof(probe->label));
    for (size_t i = 0; i < 16 && super.s_volume_name[i]; i++)
        probe->label[i] = super.s_volume_name[i] > ' ' && super.s_volume_name[i] <= '~'
                              ? (char)super.s_volume_name[i]
                              : '_';
    return 0;
}

/* What is refused. */
static int check(const struct block_device *device, struct ext2_super_block *super,
                 const char **why)
{
    uint64_t blocks = ext2fs_blocks_count(super), group = super->s_blocks_per_group, groups;
    uint32_t block_size = super->s_log_block_size <= 2 ? 1024u << super->s_log_block_size : 0;

    *why = "its superblock makes no sense";
    if (!super->s_blocks_per_group || super->s_blocks_per_group % 8 || !super->s_inodes_per_group ||
        super->s_inodes_per_group % 8)
        return -EINVAL;
    *why = "its blocks are larger than 4096 bytes, or smaller than the disk's sectors";
    if (block_size < device->limits.sector_size || !block_size)
        return -ENOTSUP;
    *why = "it is larger than what it is on";
    if (blocks > device->sectors / (block_size / BLOCK_SECTOR_SIZE))
        return -EINVAL;
    *why = "it uses features that are not known here (or encryption, or a journal elsewhere)";
    if ((super->s_feature_incompat & ~(uint32_t)INCOMPAT_READ) ||
        (super->s_rev_level == EXT2_GOOD_OLD_REV && super->s_feature_incompat))
        return -ENOTSUP;
    *why = "it is too large for the memory there is";
    groups = blocks / group + 1;
    if (!libc_memory_allows(groups * (EXT2_DESC_SIZE(super) + 1) + (8u << 20)))
        return -ENOMEM;
    *why = NULL;
    return 0;
}

/* Why it is not to be written, or NULL. */
static const char *read_only_reason(struct ext2_super_block *super)
{
    bool has_journal = super->s_feature_compat & EXT3_FEATURE_COMPAT_HAS_JOURNAL;
    uint64_t bitmaps = ext2fs_blocks_count(super) / 8 + super->s_inodes_count / 8;

    if ((super->s_feature_incompat & ~(uint32_t)INCOMPAT_WRITE) ||
        (super->s_feature_ro_compat & ~(uint32_t)RO_COMPAT_WRITE))
        return "it uses features that can only be read here";
    if (super->s_state & EXT2_ERROR_FS)
        return "it has errors (e2fsck repairs them)";
    if (!has_journal && !(super->s_state & EXT2_VALID_FS))
        return "it was not unmounted and has no journal (e2fsck looks after it)";
    if (!libc_memory_allows(bitmaps + (4u << 20)))
        return "there is not enough memory for its bitmaps";
    return NULL;
}

/* Opens it for reading once, to find the journal and put what is in it in its place. */
static int replay(struct ext_fs *x, const char **why)
{
    struct ext_journal journal;
    int error = ext_error(ext_io_open(&x->disk, x->fs.source, EXT2_FLAG_64BITS, &x->ext));

    *why = "it is damaged (e2fsck repairs it)";
    if (error)
        return error;
    error = ext_journal_open(&journal, x->ext, &x->disk);
    if (!error) {
        *why = "its journal is damaged (e2fsck repairs it)";
        if (ext_journal_is_dirty(&journal))
            error = ext_journal_replay(&journal, ext2fs_blocks_count(x->ext->super));
        ext_journal_close(&journal);
    }
    ext2fs_free(x->ext);
    x->ext = NULL;
    if (!error)
        *why = NULL;
    return error;
}

static int open_library(struct ext_fs *x, const char **why)
{
    int flags = EXT2_FLAG_64BITS | (x->fs.read_only ? 0 : EXT2_FLAG_RW);
    int error = ext_error(ext_io_open(&x->disk, x->fs.source, flags, &x->ext));

    if (error || !x->ext) {
        *why = "it is damaged (e2fsck repairs it)";
        return error ? error : -EIO;
    }
    x->buffer = malloc(LIBRARY_BLOCKS * x->ext->blocksize);
    x->groups = calloc(x->ext->group_desc_count, 1);
    return x->buffer && x->groups ? 0 : -ENOMEM;
}

/* What is needed to write.  On failure *why says what is wrong. */
static int prepare_to_write(struct ext_fs *x, const char **why)
{
    errcode_t code;
    int error;

    *why = "its bitmaps are damaged (e2fsck repairs them)";
    code = ext_bitmaps_read(x);
    if (code)
        return ext_error(code);
    ext_watch_allocations(x);
    x->changed_most = 512;
    if (ext2fs_has_feature_journal(x->ext->super)) {
        *why = "its journal is damaged or of an unknown kind";
        error = ext_journal_open(&x->journal, x->ext, &x->disk);
        if (!error && (ext_journal_is_dirty(&x->journal) || ext_journal_room(&x->journal) < 256))
            error = -EINVAL;
        if (error)
            return error;
        x->has_journal = true;
        ext_journal_use(&x->journal, x->ext);
        if (x->changed_most > ext_journal_room(&x->journal) / 2)
            x->changed_most = ext_journal_room(&x->journal) / 2;
    }
    *why = NULL;
    return 0;
}

/* From now on it counts as in use. */
static int mark_used(struct ext_fs *x)
{
    struct ext2_super_block *super = x->ext->super;
    int error;

    if (x->has_journal)
        ext2fs_set_feature_journal_needs_recovery(super);
    else
        super->s_state &= (uint16_t)~EXT2_VALID_FS;
    super->s_mnt_count++;
    super->s_mtime = ext_now();
    ext2fs_mark_super_dirty(x->ext);
    error = ext_commit(x);
    return error ? error : ext_orphans_end(x);
}

static void release(struct ext_fs *x)
{
    ext_journal_close(&x->journal);
    if (x->ext)
        ext2fs_free(x->ext);
    ext_disk_close(&x->disk);
    free(x->buffer);
    free(x->groups);
    free(x);
}

static const char *family(const struct ext2_super_block *super)
{
    if (super->s_feature_incompat & (EXT3_FEATURE_INCOMPAT_EXTENTS | EXT4_FEATURE_INCOMPAT_64BIT))
        return "ext4";
    return super->s_feature_compat & EXT3_FEATURE_COMPAT_HAS_JOURNAL ? "ext3" : "ext2";
}

static int open_all(struct ext_fs *x, const struct ext2_super_block *super, const char **why)
{
    bool recover = super->s_feature_incompat & EXT3_FEATURE_INCOMPAT_RECOVER;
    int error = 0;

    if (recover && x->fs.read_only) {
        *why = "its journal has to be replayed first: mount it writable once";
        return -EROFS;
    }
    if (recover)
        error = replay(x, why);
    if (!error)
        error = open_library(x, why);
    if (error || x->fs.read_only)
        return error;
    *why = read_only_reason(x->ext->super); /* once more: of what the journal made of it */
    if (!*why && prepare_to_write(x, why) && *why)
        error = 0;
    if (!*why)
        return mark_used(x);
    x->fs.read_only = true;
    x->ext->flags &= ~EXT2_FLAG_RW;
    return error;
}

/* What is only read may be read by others, too. */
static void claim_less(struct ext_fs *x)
{
    if (!x->fs.read_only || !x->claimed_to_write)
        return;
    block_device_release(x->disk.device, true);
    x->claimed_to_write = false;
    block_device_claim(x->disk.device, false);
}

static int mount_claimed(struct block_device *device, bool read_only, struct file_system **fs,
                         const char **why)
{
    struct ext2_super_block super;
    struct ext_fs *x;
    int error;

    error = read_superblock(device, &super);
    *why = error == -ENOENT ? "it has no file system that is known here" : NULL;
    if (!error)
        error = check(device, &super, why);
    if (error)
        return error;
    x = calloc(1, sizeof(*x));
    if (!x)
        return -ENOMEM;
    x->claimed_to_write = !read_only;
    x->fs = (struct file_system){ .operations = &ext_operations,
                                  .type = family(&super),
                                  .read_only = read_only };
    snprintf(x->fs.source, sizeof(x->fs.source), "%s", device->name);
    error = ext_disk_open(&x->disk, device, 1024u << super.s_log_block_size);
    if (!error)
        error = open_all(x, &super, why);
    if (error) {
        release(x);
        return error;
    }
    claim_less(x);
    *fs = &x->fs;
    return 0;
}

int ext_mount(struct block_device *device, bool read_only, struct file_system **fs,
              const char **why)
{
    int error;

    read_only |= device->read_only;
    *why = "it is in use by a guest or mounted already";
    error = block_device_claim(device, !read_only);
    if (error)
        return error;
    error = mount_claimed(device, read_only, fs, why);
    if (error)
        block_device_release(device, !read_only);
    return error;
}

int ext_unmount(struct file_system *fs)
{
    struct ext_fs *x = ext_of(fs);
    int error;

    mutex_lock(&x->mutex);
    error = ext_commit(x);
    if (!error && !fs->read_only) {
        if (x->has_journal)
            ext2fs_clear_feature_journal_needs_recovery(x->ext->super);
        else
            x->ext->super->s_state |= EXT2_VALID_FS;
        ext2fs_mark_super_dirty(x->ext);
        error = ext_commit(x);
        if (!error)
            error = ext_disk_flush(&x->disk); /* that the journal is empty */
    }
    mutex_unlock(&x->mutex);
    block_device_release(x->disk.device, x->claimed_to_write);
    release(x);
    return error;
}
