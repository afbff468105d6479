/*
 * Ext fs: an ext2, ext3 or ext4 file system that is mounted.  For this folder's ext-*.c.
 *
 * libext2fs knows the format; here is what makes it a file system in use: one task at a time in
 * it, changes that become whole transactions, files that are open while their names go.
 */
#ifndef STORAGE_EXT_FS_H
#define STORAGE_EXT_FS_H

#include "libc/file-system.h"
#include "storage/ext-disk.h"
#include "storage/ext-io.h"
#include "storage/ext-journal.h"
#include "tasks/mutex.h"

/* A file or directory that somebody has open. */
struct ext_node {
    struct ext_node *next;
    ext2_ino_t inode;
    unsigned int opens;            /* with those who have claimed it */
    unsigned int readers, writers; /* who move its data by themselves (ext-claims.c) */
    unsigned int leaving;          /* who did, and have not closed it yet */
    bool unlinked; /* its last close frees it; till then it is on the list of orphans */
};

enum ext_group_change { EXT_BLOCKS_CHANGED = 1, EXT_INODES_CHANGED = 2 };

struct ext_fs {
    struct file_system fs; /* first */
    struct mutex mutex;    /* around all below; taken for a whole operation */
    struct ext_disk disk;
    bool claimed_to_write;
    struct ext_journal journal;
    bool has_journal;
    ext2_filsys ext;
    struct ext_node *nodes;
    uint8_t *groups;     /* of each: what of its bitmaps is to be written */
    bool freed;          /* blocks, by what is not committed yet: nobody may write data there */
    size_t changed_most; /* metadata blocks of a transaction that is not done at once */
    char *buffer;        /* four blocks, for libext2fs */
};

/*
 * An operation begins.  With `change`, what it changes belongs to one transaction; a commit may
 * come first.  0: until ext_end the file system is the caller's.  -EROFS, -EIO.
 */
int ext_begin(struct ext_fs *x, bool change);
/* Ends it; the error comes back. */
int ext_end(struct ext_fs *x, int error);
/* All that was changed is on stable storage.  The mutex is held. */
int ext_commit(struct ext_fs *x);
/* Between steps of a long operation, each of which leaves the file system whole. */
int ext_commit_if_much(struct ext_fs *x);
/*
 * Something failed in the middle of a change: all that was not committed is dropped, nothing more
 * is written, and a line says so.  Returns the error.
 */
int ext_broken(struct ext_fs *x, int error);
/* Have libext2fs tell us what it allocates and frees. */
void ext_watch_allocations(struct ext_fs *x);

/* Which blocks and inodes are in use: of all groups, and those that have changed back. */
errcode_t ext_bitmaps_read(struct ext_fs *x);
errcode_t ext_bitmaps_write(struct ext_fs *x);

/* inodes */
int ext_inode_create(struct ext_fs *x, ext2_ino_t parent, ext2_ino_t *inode);
/* Another name is gone.  What is no more used goes, with its last close. */
int ext_inode_release(struct ext_fs *x, ext2_ino_t number, struct ext2_inode *inode);
int ext_inode_shrink(struct ext_fs *x, ext2_ino_t number, struct ext2_inode *inode, uint64_t size);
int ext_inode_closed(struct ext_fs *x, ext2_ino_t number);
int ext_orphans_end(struct ext_fs *x);
int ext_inode_write(struct ext_fs *x, ext2_ino_t number, struct ext2_inode *inode);
uint32_t ext_now(void);

/* Is there room for so many blocks, and what describes them? */
bool ext_has_room(struct ext_fs *x, uint64_t blocks);

/* names: paths are as in file-system.h */
int ext_find(struct ext_fs *x, const char *path, bool follow, ext2_ino_t *inode);
/* The directory in which the path's last name is or would be; that name. */
int ext_find_parent(struct ext_fs *x, const char *path, ext2_ino_t *parent, const char **name);
int ext_link(struct ext_fs *x, ext2_ino_t parent, const char *name, ext2_ino_t inode, int type);

/* files */
int ext_open_node(struct ext_fs *x, ext2_ino_t number, void **file);
void ext_close_node(struct ext_fs *x, struct ext_node *node);
struct ext_node *ext_find_node(struct ext_fs *x, ext2_ino_t number);
/* Of the blocks that follow each other in the file and on the disk from `index` on: at most so
 * many; block 0: a hole. */
struct ext_run {
    uint64_t block;
    uint32_t count;
};
int ext_map_run(struct ext_fs *x, ext2_ino_t number, struct ext2_inode *inode, uint64_t index,
                uint32_t most, struct ext_run *run);

/* claims */
int ext_claim(struct file_system *fs, const char *path, enum file_claim_kind kind, void **file,
              struct block_device **device);
void ext_release(struct file_system *fs, void *file, enum file_claim_kind kind);
void ext_close_claimed(struct file_system *fs, void *file);
int ext_find_extent(struct file_system *fs, void *file, uint64_t at, struct file_extent *extent);
/* May somebody open it by name? */
bool ext_claims_allow(const struct ext_node *node, bool to_write);
/* May it be made shorter? */
bool ext_claims_allow_shrink(const struct ext_node *node);
/* What was written to a file whose blocks others move: none of them is to be kept here. */
int ext_claimed_written(struct ext_fs *x);

extern const struct file_system_operations ext_operations;
int ext_make_directory(struct file_system *fs, const char *path);
int ext_remove(struct file_system *fs, const char *path, bool is_directory);
int ext_rename(struct file_system *fs, const char *from, const char *to);
int ext_list(struct file_system *fs, const char *path, file_visit *visit, void *argument);
int ext_read(struct file_system *fs, void *file, uint64_t at, void *data, size_t size,
             size_t *done);
int ext_write(struct file_system *fs, void *file, uint64_t *at, const void *data, size_t size,
              size_t *done);
int ext_truncate(struct file_system *fs, void *file, uint64_t size);
int ext_sync(struct file_system *fs);
int ext_unmount(struct file_system *fs);

static inline struct ext_fs *ext_of(struct file_system *fs)
{
    return (struct ext_fs *)fs;
}

#endif
