/*
 * Ext replay: putting in its place what a log holds.  See ext-journal.h.
 *
 * A log may come from anywhere.  It is walked once around at most, and nothing of it is put in
 * place before all of it was found to be whole: a walk to find its end and to check every sum, one
 * for the blocks that were revoked, and one that writes.
 */
#include "libc/libc.h"
#include "storage/ext-journal.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CHANGED_MOST 512u

static uint32_t be32(uint32_t value)
{
    return __builtin_bswap32(value);
}

struct revoked {
    uint64_t block;
    uint32_t sequence;
};

struct replay {
    struct ext_journal *journal;
    enum { FIND_END, FIND_REVOKED, WRITE } pass;
    uint64_t blocks;  /* of the file system */
    uint32_t at;      /* the next block of the log */
    uint32_t left;    /* of the walk */
    uint32_t current; /* transaction */
    uint32_t end;     /* the first that was not committed */
    bool damaged;     /* the current transaction is */
    uint8_t *block;   /* that is looked at */
    struct revoked *revoked;
    size_t revoked_count, revoked_room;
};

/* The next block of the log; -ENODATA: it was all of it. */
static int read_next(struct replay *replay, void *data)
{
    struct ext_journal *journal = replay->journal;
    struct ext_block *found;
    int error;

    if (!replay->left)
        return -ENODATA;
    replay->left--;
    error = ext_disk_get(journal->disk, ext_journal_block(journal, replay->at), &found);
    if (error)
        return error;
    journal->disk->budget++; /* the walk is bounded by itself */
    memcpy(data, found->data, journal->disk->block_size);
    if (++replay->at == journal->length)
        replay->at = journal->first;
    return 0;
}

static bool sum_is_right(const struct replay *replay, size_t offset)
{
    size_t size = replay->journal->disk->block_size;
    uint32_t given, none = 0;

    memcpy(&given, replay->block + offset, sizeof(given));
    memcpy(replay->block + offset, &none, sizeof(none));
    uint32_t sum = ext2fs_crc32c_le(replay->journal->seed, replay->block, (int)size);

    memcpy(replay->block + offset, &given, sizeof(given));
    return be32(given) == sum;
}

static bool has_sums(const struct replay *replay)
{
    return ext_journal_tail_bytes(replay->journal) != 0;
}

static int compare_revoked(const void *a, const void *b)
{
    const struct revoked *x = a, *y = b;

    if (x->block != y->block)
        return x->block < y->block ? -1 : 1;
    return (x->sequence > y->sequence) - (x->sequence < y->sequence);
}

/* Was the block revoked in this transaction or later? */
static bool is_revoked(const struct replay *replay, uint64_t block)
{
    size_t low = 0, high = replay->revoked_count;

    while (low < high) { /* to the last entry of the block */
        size_t middle = (low + high) / 2;

        if (replay->revoked[middle].block <= block)
            low = middle + 1;
        else
            high = middle;
    }
    return low && replay->revoked[low - 1].block == block &&
           (int32_t)(replay->revoked[low - 1].sequence - replay->current) >= 0;
}

static int add_revoked(struct replay *replay, uint64_t block)
{
    if (replay->revoked_count == replay->revoked_room) {
        size_t room = replay->revoked_room ? 2 * replay->revoked_room : 64;
        struct revoked *more = libc_memory_allows(room * sizeof(*more))
                                   ? realloc(replay->revoked, room * sizeof(*more))
                                   : NULL;

        if (!more)
            return -ENOMEM;
        replay->revoked = more;
        replay->revoked_room = room;
    }
    replay->revoked[replay->revoked_count++] =
        (struct revoked){ .block = block, .sequence = replay->current };
    return 0;
}

static int read_revoke(struct replay *replay)
{
    size_t size = replay->journal->disk->block_size - ext_journal_tail_bytes(replay->journal);
    size_t width = replay->journal->wide ? 8 : 4, at = sizeof(struct journal_revoke);
    struct journal_revoke revoke;
    int error = 0;

    memcpy(&revoke, replay->block, sizeof(revoke));
    if (be32(revoke.bytes) > size ||
        (has_sums(replay) && replay->pass == FIND_END && !sum_is_right(replay, size)))
        replay->damaged = true;
    if (replay->damaged || replay->pass != FIND_REVOKED)
        return 0;
    for (; at + width <= be32(revoke.bytes) && !error; at += width) {
        uint64_t wide;
        uint32_t narrow;

        memcpy(&wide, replay->block + at, width == 8 ? 8 : 0);
        memcpy(&narrow, replay->block + at, sizeof(narrow));
        error = add_revoked(replay, width == 8 ? __builtin_bswap64(wide) : be32(narrow));
    }
    return error;
}

struct tag {
    uint64_t block;
    uint32_t flags, checksum;
};

static struct tag read_tag(const struct replay *replay, const uint8_t *at)
{
    const struct ext_journal *journal = replay->journal;
    struct journal_tag3 tag3;
    struct journal_tag tag;

    if (journal->csum_v3) {
        memcpy(&tag3, at, sizeof(tag3));
        return (struct tag){ (journal->wide ? (uint64_t)be32(tag3.block_high) << 32 : 0) |
                                 be32(tag3.block),
                             be32(tag3.flags), be32(tag3.checksum) };
    }
    memcpy(&tag, at, journal->wide ? sizeof(tag) : sizeof(tag) - 4);
    return (struct tag){ (journal->wide ? (uint64_t)be32(tag.block_high) << 32 : 0) |
                             be32(tag.block),
                         __builtin_bswap16(tag.flags), __builtin_bswap16(tag.checksum) };
}

/* What the tag says of a block of the log: check it, or put it in its place. */
static int take_block(struct replay *replay, const struct tag *tag, uint8_t *data)
{
    struct ext_journal *journal = replay->journal;
    uint32_t magic = be32(JOURNAL_MAGIC);
    int error;

    if (replay->pass == FIND_END) {
        uint32_t sum = ext_journal_data_sum(journal, replay->current, data);

        if (tag->block >= replay->blocks || (journal->csum_v3 && sum != tag->checksum) ||
            (journal->csum_v2 && (sum & 0xffff) != tag->checksum))
            replay->damaged = true;
        return 0;
    }
    if (replay->pass == FIND_REVOKED || is_revoked(replay, tag->block))
        return 0;
    if (tag->flags & JOURNAL_ESCAPED)
        memcpy(data, &magic, sizeof(magic));
    error =
        ext_disk_write(journal->disk, tag->block, 0, data, journal->disk->block_size, EXT_METADATA);
    if (!error && journal->disk->count[EXT_METADATA] >= CHANGED_MOST)
        error = ext_disk_write_back(journal->disk, EXT_METADATA);
    return error;
}

static int read_descriptor(struct replay *replay)
{
    size_t size = replay->journal->disk->block_size - ext_journal_tail_bytes(replay->journal);
    size_t width = ext_journal_tag_bytes(replay->journal), at = sizeof(struct journal_header);
    uint8_t *data = replay->block + replay->journal->disk->block_size;
    int error = 0;
    bool last = false;

    if (has_sums(replay) && replay->pass == FIND_END && !sum_is_right(replay, size))
        return -ENODATA; /* it was not written as a whole: so nothing behind it was committed */
    while (!last && at + width <= size && !error) {
        struct tag tag = read_tag(replay, replay->block + at);

        error = read_next(replay, data);
        if (!error)
            error = take_block(replay, &tag, data);
        at += width + (tag.flags & JOURNAL_SAME_UUID ? 0 : 16);
        last = tag.flags & JOURNAL_LAST;
    }
    return error;
}

static int read_commit(struct replay *replay)
{
    if (replay->pass == FIND_END && has_sums(replay) &&
        !sum_is_right(replay, offsetof(struct journal_commit, checksum)))
        return -ENODATA;
    if (replay->damaged)
        return -EIO; /* it was whole once */
    replay->current++;
    return 0;
}

static int take_next(struct replay *replay)
{
    struct journal_header header;
    int error = read_next(replay, replay->block);

    if (error)
        return error;
    memcpy(&header, replay->block, sizeof(header));
    if (header.magic != be32(JOURNAL_MAGIC) || header.sequence != be32(replay->current))
        return -ENODATA;
    switch (be32(header.type)) {
    case JOURNAL_DESCRIPTOR:
        return read_descriptor(replay);
    case JOURNAL_REVOKE:
        return read_revoke(replay);
    case JOURNAL_COMMIT:
        return read_commit(replay);
    default:
        return -ENODATA;
    }
}

static int walk(struct replay *replay, int pass)
{
    struct ext_journal *journal = replay->journal;
    int error = 0;

    replay->pass = pass;
    replay->at = be32(journal->superblock->start);
    replay->left = journal->length - journal->first;
    replay->current = be32(journal->superblock->sequence);
    replay->damaged = false;
    while (!error && (pass == FIND_END || replay->current != replay->end))
        error = take_next(replay);
    if (pass == FIND_END)
        replay->end = replay->current;
    return error == -ENODATA && pass == FIND_END ? 0 : error;
}

int ext_journal_replay(struct ext_journal *journal, uint64_t blocks)
{
    struct replay replay = { .journal = journal, .blocks = blocks };
    int error;

    replay.block = malloc(2 * journal->disk->block_size);
    error = replay.block ? walk(&replay, FIND_END) : -ENOMEM;
    if (!error)
        error = walk(&replay, FIND_REVOKED);
    if (!error && replay.revoked_count)
        qsort(replay.revoked, replay.revoked_count, sizeof(*replay.revoked), compare_revoked);
    if (!error)
        error = walk(&replay, WRITE);
    free(replay.revoked);
    free(replay.block);
    if (!error)
        error = ext_disk_write_back(journal->disk, EXT_METADATA);
    if (!error)
        error = ext_disk_flush(journal->disk);
    if (!error)
        error = ext_journal_empty(journal, replay.end + 1);
    if (!error)
        error = ext_disk_flush(journal->disk);
    return error == -ENODATA ? -EIO : error;
}
