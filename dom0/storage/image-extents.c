/*
 * Image extents: a sorted list, searched by halves.  See image-extents.h.
 */
#include "storage/image-extents.h"
#include <stdlib.h>
#include <string.h>

/* How many begin at `at` or before. */
static unsigned int count_to(const struct image_extents *extents, uint64_t at)
{
    unsigned int low = 0, high = extents->count;

    while (low < high) {
        unsigned int middle = (low + high) / 2;

        if (extents->list[middle].at <= at)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct file_extent *image_extents_find(const struct image_extents *extents, uint64_t at)
{
    unsigned int i = count_to(extents, at);
    const struct file_extent *extent = i ? &extents->list[i - 1] : NULL;

    return extent && at - extent->at < extent->bytes ? extent : NULL;
}

static bool make_room(struct image_extents *extents)
{
    unsigned int room = extents->room ? 2 * extents->room : 16;
    struct file_extent *more;

    if (extents->count < extents->room)
        return true;
    if (extents->count == IMAGE_EXTENTS_MOST) {
        extents->count = 0;
        return true;
    }
    more = realloc(extents->list, room * sizeof(*more));
    if (!more)
        return false;
    extents->list = more;
    extents->room = room;
    return true;
}

/* The new one follows the other, in the file and on the device. */
static bool joins(const struct file_extent *before, const struct file_extent *extent)
{
    return extent->at - before->at <= before->bytes &&
           extent->place - before->place == extent->at - before->at;
}

static void lengthen(struct file_extent *extent, uint64_t end)
{
    if (end > extent->at + extent->bytes)
        extent->bytes = end - extent->at;
}

void image_extents_add(struct image_extents *extents, const struct file_extent *extent)
{
    uint64_t end = extent->at + extent->bytes;
    unsigned int i, next;

    if (!make_room(extents))
        return;
    i = count_to(extents, extent->at);
    if (i && joins(&extents->list[i - 1], extent)) {
        lengthen(&extents->list[--i], end);
    } else {
        memmove(&extents->list[i + 1], &extents->list[i],
                (extents->count - i) * sizeof(*extents->list));
        extents->list[i] = *extent;
        extents->count++;
    }
    end = extents->list[i].at + extents->list[i].bytes;
    for (next = i + 1; next < extents->count && extents->list[next].at <= end; next++) {
        if (!joins(&extents->list[i], &extents->list[next]))
            break;
        lengthen(&extents->list[i], extents->list[next].at + extents->list[next].bytes);
        end = extents->list[i].at + extents->list[i].bytes;
    }
    memmove(&extents->list[i + 1], &extents->list[next],
            (extents->count - next) * sizeof(*extents->list));
    extents->count -= next - i - 1;
}

void image_extents_free(struct image_extents *extents)
{
    free(extents->list);
    *extents = (struct image_extents){ .list = NULL };
}
