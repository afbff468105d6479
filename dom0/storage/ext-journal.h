/*
 * Ext journal: an ext3 or ext4 file system's log, in its inode.  Changed metadata blocks become
 * one transaction at a time, which is in its place before the next one begins: so the log is empty
 * in between, and starts at its first block again.
 */
#ifndef STORAGE_EXT_JOURNAL_H
#define STORAGE_EXT_JOURNAL_H

#include "storage/ext-disk.h"
#include "storage/journal-format.h"
#include <ext2fs/ext2fs.h>

/* Blocks of the log that follow each other on the disk. */
struct journal_run {
    uint32_t first, count; /* in the log */
    uint64_t block;
};

struct ext_journal {
    struct ext_disk *disk;
    struct journal_run *runs;
    size_t run_count, run_room;
    uint32_t length, first; /* the log's blocks are first to length - 1 */
    uint32_t sequence;      /* the next transaction's */
    bool csum_v2, csum_v3, wide;
    uint32_t seed;
    struct journal_superblock *superblock; /* a block */
    uint8_t *descriptor;                   /* a block, and one more for what goes into the log */
};

/*
 * Finds the log and believes of it what can be.  0, -ENOMEM, -EIO, -EINVAL: it makes no sense or
 * is of a kind that is not known.
 */
int ext_journal_open(struct ext_journal *journal, ext2_filsys fs, struct ext_disk *disk);
void ext_journal_close(struct ext_journal *journal);
/* A log that is empty is from now on written as the file system's features want it. */
void ext_journal_use(struct ext_journal *journal, ext2_filsys fs);
/* How many metadata blocks a transaction may have. */
size_t ext_journal_room(const struct ext_journal *journal);
/*
 * Changed data to its place, changed metadata to the log and then to its place, each step on
 * stable storage before the next.  -ENOSPC: more than there is room for.
 */
int ext_journal_commit(struct ext_journal *journal);

/* Is there something in the log? */
bool ext_journal_is_dirty(const struct ext_journal *journal);
/* Puts what was committed in its place, and empties the log.  -EIO: it is damaged. */
int ext_journal_replay(struct ext_journal *journal, uint64_t blocks);

/* For ext-replay.c. */
uint64_t ext_journal_block(const struct ext_journal *journal, uint32_t index);
int ext_journal_empty(struct ext_journal *journal, uint32_t sequence);
size_t ext_journal_tag_bytes(const struct ext_journal *journal);
size_t ext_journal_tail_bytes(const struct ext_journal *journal);
uint32_t ext_journal_data_sum(const struct ext_journal *journal, uint32_t sequence,
                              const void *data);

#endif
