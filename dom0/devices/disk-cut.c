/*
 * Cutting requests into commands.  See disk.h.
 */
#include "devices/disk.h"
#include "pv-kernel/frames.h"

/* The next bytes of a request that lie in one segment. */
static struct block_segment piece_at(const struct block_request *request,
                                     const struct block_cursor *at, uint64_t most)
{
    const struct block_segment *segment = &request->segments[at->segment];
    uint32_t left = segment->bytes - at->offset;

    return (struct block_segment){ .machine = segment->machine + at->offset,
                                   .bytes = left < most ? left : (uint32_t)most };
}

void disk_cursor_skip(const struct block_request *request, struct block_cursor *cursor,
                      uint64_t bytes)
{
    cursor->bytes += bytes;
    while (bytes) {
        uint32_t left = request->segments[cursor->segment].bytes - cursor->offset;

        if (bytes < left) {
            cursor->offset += (uint32_t)bytes;
            return;
        }
        bytes -= left;
        cursor->segment++;
        cursor->offset = 0;
    }
}

static bool reaches(const struct block_limits *limits, const struct block_segment *piece)
{
    return !limits->address_end || (piece->bytes <= limits->address_end &&
                                    piece->machine <= limits->address_end - piece->bytes);
}

/* Puts the piece behind the segments, into the last one if it goes on there; false: not with these.
 */
static bool append(const struct block_limits *limits, struct block_segment *segments,
                   unsigned int *count, const struct block_segment *piece)
{
    struct block_segment *last = *count ? &segments[*count - 1] : NULL;
    uint64_t end = last ? last->machine + last->bytes : 0;

    if (last && end == piece->machine && (!limits->paged || end % PAGE_SIZE)) {
        last->bytes += piece->bytes;
        return true;
    }
    if (*count == limits->segments ||
        (last && limits->boundary && (end | piece->machine) & (limits->boundary - 1)))
        return false;
    segments[(*count)++] = *piece;
    return true;
}

/* Takes so many bytes off the end. */
static unsigned int shorten(struct block_segment *segments, unsigned int count, uint32_t excess)
{
    while (excess >= segments[count - 1].bytes) {
        excess -= segments[--count].bytes;
        if (!count)
            return 0;
    }
    segments[count - 1].bytes -= excess;
    return count;
}

unsigned int disk_cut(const struct block_limits *limits, const struct block_request *request,
                      struct block_cursor *cursor, uint64_t most, struct block_segment *segments,
                      uint32_t *bytes)
{
    struct block_cursor at = *cursor;
    unsigned int count = 0;
    uint32_t total = 0, excess;

    if (most > limits->bytes)
        most = limits->bytes;
    while (total < most && at.segment < request->segment_count) {
        struct block_segment piece = piece_at(request, &at, most - total);

        if (!reaches(limits, &piece) || !append(limits, segments, &count, &piece))
            break;
        total += piece.bytes;
        disk_cursor_skip(request, &at, piece.bytes);
    }
    excess = total % limits->sector_size;
    *bytes = total - excess;
    if (!excess) {
        *cursor = at;
        return count;
    }
    disk_cursor_skip(request, cursor, *bytes);
    return shorten(segments, count, excess);
}
