/*
 * The journal's format on the disk (jbd2): all numbers big-endian.  After Linux's
 * Documentation/filesystems/ext4/journal.rst and e2fsprogs' kernel-jbd.h.
 */
#ifndef STORAGE_JOURNAL_FORMAT_H
#define STORAGE_JOURNAL_FORMAT_H

#include <stdint.h>

#define JOURNAL_MAGIC 0xc03b3998u

enum journal_block_type {
    JOURNAL_DESCRIPTOR = 1,
    JOURNAL_COMMIT = 2,
    JOURNAL_SUPERBLOCK_V1 = 3,
    JOURNAL_SUPERBLOCK_V2 = 4,
    JOURNAL_REVOKE = 5,
};

struct journal_header {
    uint32_t magic, type, sequence;
};

#define JOURNAL_COMPAT_CHECKSUM 0x01u

#define JOURNAL_INCOMPAT_REVOKE  0x01u
#define JOURNAL_INCOMPAT_64BIT   0x02u
#define JOURNAL_INCOMPAT_CSUM_V2 0x08u
#define JOURNAL_INCOMPAT_CSUM_V3 0x10u

#define JOURNAL_CRC32C 4

struct journal_superblock {
    struct journal_header header;
    uint32_t block_size, length, first;
    uint32_t sequence; /* of the first transaction in the log */
    uint32_t start;    /* its block; 0: the log is empty */
    uint32_t error;
    uint32_t compat, incompat, ro_compat;
    uint8_t uuid[16];
    uint32_t users, dynamic_superblock, transaction_most, transaction_data_most;
    uint8_t checksum_type, unused_1[3];
    uint32_t fast_commit_blocks;
    uint32_t head, unused_2[40];
    uint32_t checksum; /* of these 1024 bytes */
    uint8_t user_ids[768];
};
_Static_assert(sizeof(struct journal_superblock) == 1024, "the journal's superblock");

enum journal_tag_flags {
    JOURNAL_ESCAPED = 1, /* the block began with the magic number, which is zero in the journal */
    JOURNAL_SAME_UUID = 2,
    JOURNAL_LAST = 8,
};

/* With CSUM_V3. */
struct journal_tag3 {
    uint32_t block, flags, block_high, checksum;
};

/* Without; block_high is there with 64BIT only, and CSUM_V2 makes it two bytes longer. */
struct journal_tag {
    uint32_t block;
    uint16_t checksum, flags;
    uint32_t block_high;
};

struct journal_commit {
    struct journal_header header;
    uint8_t checksum_type, checksum_size, unused[2];
    uint32_t checksum[8];
    uint64_t seconds;
    uint32_t nanoseconds;
};

struct journal_revoke {
    struct journal_header header;
    uint32_t bytes; /* of this block that are used */
};

#endif
