/*
 * Ext journal: finding the log and writing transactions.  See ext-journal.h; ext-replay.c reads.
 *
 * The order of a commit, with a flush (|) wherever what comes next relies on it:
 *
 *     data in place | log: superblock, descriptors, metadata | commit block | metadata in place |
 *     log's superblock: empty
 *
 * The last write needs no flush of its own: a power cut before it is on the disk replays the same
 * transaction, and the first flush of the next commit comes before the log is written again.
 */
#include "storage/ext-journal.h"
#include "libc/libc.h"
#include "pv-kernel/clock.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH_MOST (1u << 22)
#define RUNS_MOST   (1u << 18)

static uint16_t be16(uint16_t value)
{
    return __builtin_bswap16(value);
}

static uint32_t be32(uint32_t value)
{
    return __builtin_bswap32(value);
}

uint64_t ext_journal_block(const struct ext_journal *journal, uint32_t index)
{
    size_t low = 0, high = journal->run_count;

    while (high - low > 1) {
        size_t middle = (low + high) / 2;

        *(journal->runs[middle].first <= index ? &low : &high) = middle;
    }
    return journal->runs[low].block + (index - journal->runs[low].first);
}

static struct journal_run *next_run(struct ext_journal *journal)
{
    if (journal->run_count == journal->run_room) {
        size_t room = journal->run_room ? 2 * journal->run_room : 16;
        struct journal_run *more = room <= RUNS_MOST && libc_memory_allows(room * sizeof(*more))
                                       ? realloc(journal->runs, room * sizeof(*more))
                                       : NULL;

        if (!more)
            return NULL;
        journal->runs = more;
        journal->run_room = room;
    }
    return &journal->runs[journal->run_count++];
}

/* Called for each block of the journal's inode, in their order. */
static int add_block(ext2_filsys fs, blk64_t *block, e2_blkcnt_t index, blk64_t reference,
                     int offset, void *argument)
{
    struct ext_journal *journal = argument;
    struct journal_run *run = journal->run_count ? &journal->runs[journal->run_count - 1] : NULL;

    (void)reference;
    (void)offset;
    if (index < 0)
        return 0;
    if (index != journal->length || journal->length == LENGTH_MOST ||
        *block < fs->super->s_first_data_block || *block >= ext2fs_blocks_count(fs->super))
        return BLOCK_ABORT;
    if (!run || *block != run->block + run->count) {
        run = next_run(journal);
        if (!run)
            return BLOCK_ABORT;
        *run = (struct journal_run){ .first = journal->length, .block = *block };
    }
    run->count++;
    journal->length++;
    return 0;
}

static uint32_t superblock_sum(const struct journal_superblock *superblock)
{
    struct journal_superblock copy = *superblock;

    copy.checksum = 0;
    return be32(ext2fs_crc32c_le(~0u, (const unsigned char *)&copy, sizeof(copy)));
}

static void take_features(struct ext_journal *journal)
{
    const struct journal_superblock *super = journal->superblock;
    bool new = super->header.type == be32(JOURNAL_SUPERBLOCK_V2);
    uint32_t incompat = new ? be32(super->incompat) : 0;

    journal->wide = incompat & JOURNAL_INCOMPAT_64BIT;
    journal->csum_v2 = incompat & JOURNAL_INCOMPAT_CSUM_V2;
    journal->csum_v3 = incompat & JOURNAL_INCOMPAT_CSUM_V3;
    journal->seed = ext2fs_crc32c_le(~0u, super->uuid, sizeof(super->uuid));
}

static int check_superblock(struct ext_journal *journal)
{
    const struct journal_superblock *super = journal->superblock;
    uint32_t type = be32(super->header.type),
             known = JOURNAL_INCOMPAT_REVOKE | JOURNAL_INCOMPAT_64BIT | JOURNAL_INCOMPAT_CSUM_V2 |
                     JOURNAL_INCOMPAT_CSUM_V3;

    if (super->header.magic != be32(JOURNAL_MAGIC) ||
        (type != JOURNAL_SUPERBLOCK_V1 && type != JOURNAL_SUPERBLOCK_V2) ||
        be32(super->block_size) != journal->disk->block_size)
        return -EINVAL;
    if (type == JOURNAL_SUPERBLOCK_V2 &&
        ((be32(super->incompat) & ~known) || super->ro_compat || be32(super->users) > 1))
        return -EINVAL;
    take_features(journal);
    if (journal->csum_v2 && journal->csum_v3)
        return -EINVAL;
    if ((journal->csum_v2 || journal->csum_v3) &&
        (super->checksum_type != JOURNAL_CRC32C || super->checksum != superblock_sum(super)))
        return -EINVAL;
    if (be32(super->length) > journal->length || be32(super->first) < 1 ||
        be32(super->first) >= be32(super->length) || be32(super->start) >= be32(super->length) ||
        (super->start && be32(super->start) < be32(super->first)))
        return -EINVAL;
    journal->length = be32(super->length);
    journal->first = be32(super->first);
    journal->sequence = be32(super->sequence);
    return 0;
}

int ext_journal_open(struct ext_journal *journal, ext2_filsys fs, struct ext_disk *disk)
{
    struct ext_block *block;
    int error;

    memset(journal, 0, sizeof(*journal));
    journal->disk = disk;
    journal->superblock = malloc(disk->block_size);
    journal->descriptor = malloc(2 * disk->block_size);
    if (!journal->superblock || !journal->descriptor)
        error = -ENOMEM;
    else if (!fs->super->s_journal_inum ||
             ext2fs_block_iterate3(fs, fs->super->s_journal_inum, BLOCK_FLAG_READ_ONLY, NULL,
                                   add_block, journal) ||
             !journal->length)
        error = -EINVAL;
    else
        error = ext_disk_get(disk, ext_journal_block(journal, 0), &block);
    if (!error) {
        memcpy(journal->superblock, block->data, disk->block_size);
        error = check_superblock(journal);
    }
    if (error)
        ext_journal_close(journal);
    return error;
}

void ext_journal_close(struct ext_journal *journal)
{
    free(journal->runs);
    free(journal->superblock);
    free(journal->descriptor);
    memset(journal, 0, sizeof(*journal));
}

bool ext_journal_is_dirty(const struct ext_journal *journal)
{
    return journal->superblock->start != 0;
}

void ext_journal_use(struct ext_journal *journal, ext2_filsys fs)
{
    struct journal_superblock *super = journal->superblock;
    uint32_t incompat = be32(super->incompat) & JOURNAL_INCOMPAT_REVOKE;

    if (super->header.type != be32(JOURNAL_SUPERBLOCK_V2))
        return;
    if (ext2fs_has_feature_64bit(fs->super))
        incompat |= JOURNAL_INCOMPAT_64BIT;
    if (ext2fs_has_feature_metadata_csum(fs->super)) {
        incompat |= JOURNAL_INCOMPAT_CSUM_V3;
        super->checksum_type = JOURNAL_CRC32C;
    }
    super->compat &= ~be32(JOURNAL_COMPAT_CHECKSUM);
    super->incompat = be32(incompat);
    take_features(journal);
}

size_t ext_journal_tag_bytes(const struct ext_journal *journal)
{
    if (journal->csum_v3)
        return sizeof(struct journal_tag3);
    return sizeof(struct journal_tag) + (journal->csum_v2 ? 2 : 0) - (journal->wide ? 0 : 4);
}

size_t ext_journal_tail_bytes(const struct ext_journal *journal)
{
    return journal->csum_v2 || journal->csum_v3 ? 4 : 0;
}

static size_t tags_of_block(const struct ext_journal *journal)
{
    return (journal->disk->block_size - sizeof(struct journal_header) - 16 -
            ext_journal_tail_bytes(journal)) /
           ext_journal_tag_bytes(journal);
}

size_t ext_journal_room(const struct ext_journal *journal)
{
    size_t blocks = journal->length - journal->first - 1, tags = tags_of_block(journal);

    return blocks < 2 ? 0 : blocks - blocks / (tags + 1) - 1;
}

uint32_t ext_journal_data_sum(const struct ext_journal *journal, uint32_t sequence,
                              const void *data)
{
    uint32_t big = be32(sequence);

    return ext2fs_crc32c_le(
        ext2fs_crc32c_le(journal->seed, (const unsigned char *)&big, sizeof(big)), data,
        journal->disk->block_size);
}

static int write_superblock(struct ext_journal *journal, uint32_t sequence, uint32_t start)
{
    struct journal_superblock *super = journal->superblock;
    int error;

    super->sequence = be32(sequence);
    super->start = be32(start);
    if (ext_journal_tail_bytes(journal))
        super->checksum = superblock_sum(super);
    error = ext_disk_put(journal->disk, ext_journal_block(journal, 0), super);
    ext_disk_forget(journal->disk, ext_journal_block(journal, 0));
    return error ? error : ext_disk_put_end(journal->disk);
}

int ext_journal_empty(struct ext_journal *journal, uint32_t sequence)
{
    journal->sequence = sequence;
    return write_superblock(journal, sequence, 0);
}

/* The number's tag at `at`; block: its contents as they go into the log. */
static void write_tag(const struct ext_journal *journal, uint8_t *at, uint64_t number,
                      uint32_t flags, const void *block)
{
    if (journal->csum_v3) {
        struct journal_tag3 tag = { be32((uint32_t)number), be32(flags),
                                    be32((uint32_t)(number >> 32)),
                                    be32(ext_journal_data_sum(journal, journal->sequence, block)) };

        memcpy(at, &tag, sizeof(tag));
    } else {
        struct journal_tag tag = { be32((uint32_t)number), 0, be16((uint16_t)flags),
                                   be32((uint32_t)(number >> 32)) };

        memcpy(at, &tag, ext_journal_tag_bytes(journal));
    }
}

static void begin_block(struct ext_journal *journal, enum journal_block_type type)
{
    struct journal_header header = { be32(JOURNAL_MAGIC), be32(type), be32(journal->sequence) };

    memset(journal->descriptor, 0, journal->disk->block_size);
    memcpy(journal->descriptor, &header, sizeof(header));
}

static void sum_descriptor(struct ext_journal *journal)
{
    size_t size = journal->disk->block_size;
    uint32_t sum = be32(ext2fs_crc32c_le(journal->seed, journal->descriptor, (int)size));

    if (ext_journal_tail_bytes(journal))
        memcpy(journal->descriptor + size - sizeof(sum), &sum, sizeof(sum));
}

/* A block as it goes into the log: it must not look like one of the log's own. */
static const void *escaped(struct ext_journal *journal, const struct ext_block *block,
                           uint32_t *flags)
{
    uint8_t *copy = journal->descriptor + journal->disk->block_size;
    uint32_t magic = be32(JOURNAL_MAGIC);

    if (memcmp(block->data, &magic, sizeof(magic)) != 0)
        return block->data;
    *flags |= JOURNAL_ESCAPED;
    memcpy(copy, block->data, journal->disk->block_size);
    memset(copy, 0, sizeof(magic));
    return copy;
}

/* A descriptor and its blocks, from index *at of the log on. */
static int write_group(struct ext_journal *journal, struct ext_block *const *blocks, size_t count,
                       uint32_t *at)
{
    uint8_t *tag = journal->descriptor + sizeof(struct journal_header);
    uint32_t flags;
    int error;

    begin_block(journal, JOURNAL_DESCRIPTOR);
    for (size_t i = 0; i < count; i++) {
        flags = (i ? JOURNAL_SAME_UUID : 0) | (i + 1 == count ? JOURNAL_LAST : 0);
        const void *data = escaped(journal, blocks[i], &flags);

        write_tag(journal, tag, blocks[i]->number, flags, data);
        tag += ext_journal_tag_bytes(journal);
        if (!i) {
            memcpy(tag, journal->superblock->uuid, 16);
            tag += 16;
        }
        ext_disk_pause(journal->disk);
    }
    sum_descriptor(journal);
    error = ext_disk_put(journal->disk, ext_journal_block(journal, (*at)++), journal->descriptor);
    for (size_t i = 0; i < count && !error; i++)
        error = ext_disk_put(journal->disk, ext_journal_block(journal, (*at)++),
                             escaped(journal, blocks[i], &flags));
    return error;
}

static int write_commit_block(struct ext_journal *journal, uint32_t at)
{
    struct journal_commit *commit = (struct journal_commit *)journal->descriptor;
    uint64_t now = clock_wall_ns();
    int error;

    begin_block(journal, JOURNAL_COMMIT);
    commit->seconds = __builtin_bswap64(now / 1000000000);
    commit->nanoseconds = be32((uint32_t)(now % 1000000000));
    if (ext_journal_tail_bytes(journal))
        commit->checksum[0] = be32(
            ext2fs_crc32c_le(journal->seed, journal->descriptor, (int)journal->disk->block_size));
    error = ext_disk_put(journal->disk, ext_journal_block(journal, at), journal->descriptor);
    return error ? error : ext_disk_put_end(journal->disk);
}

/* What is changed into the log, on stable storage as a whole or not at all. */
static int write_log(struct ext_journal *journal)
{
    uint32_t at = journal->first;
    int error = write_superblock(journal, journal->sequence, journal->first);
    size_t count = ext_disk_sort(journal->disk, EXT_METADATA), tags = tags_of_block(journal);

    for (size_t i = 0; i < count && !error; i += tags)
        error = write_group(journal, journal->disk->sorted + i, count - i < tags ? count - i : tags,
                            &at);
    if (!error)
        error = ext_disk_put_end(journal->disk);
    if (!error)
        error = ext_disk_flush(journal->disk);
    if (!error)
        error = write_commit_block(journal, at);
    return error ? error : ext_disk_flush(journal->disk);
}

int ext_journal_commit(struct ext_journal *journal)
{
    struct ext_disk *disk = journal->disk;
    int error;

    if (disk->count[EXT_METADATA] > ext_journal_room(journal))
        return -ENOSPC;
    error = ext_disk_write_back(disk, EXT_DATA);
    if (!error)
        error = ext_disk_flush(disk);
    if (error || !disk->count[EXT_METADATA])
        return error;
    error = write_log(journal);
    if (!error)
        error = ext_disk_write_back(disk, EXT_METADATA);
    if (!error)
        error = ext_disk_flush(disk);
    return error ? error : ext_journal_empty(journal, journal->sequence + 1);
}
