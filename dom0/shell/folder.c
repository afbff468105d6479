/*
 * A folder's entries.  See folder.h.
 */
#include "shell/folder.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libc/files.h"
#include "libc/libc.h"

struct listing {
    struct file_entry *entries;
    size_t count, room;
};

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct file_entry *)a)->name, ((const struct file_entry *)b)->name);
}

static int add_entry(void *argument, const struct file_entry *entry)
{
    struct listing *listing = argument;

    if (listing->count == listing->room) {
        size_t room = listing->room ? 2 * listing->room : 16;
        struct file_entry *more = libc_memory_allows(room * sizeof(*more))
                                      ? realloc(listing->entries, room * sizeof(*more))
                                      : NULL;

        if (!more)
            return -ENOMEM;
        listing->entries = more;
        listing->room = room;
    }
    listing->entries[listing->count++] = *entry;
    return 0;
}

int folder_read(const char *path, struct file_entry **entries, size_t *count)
{
    struct listing listing = { 0 };
    int error = files_list(path, add_entry, &listing);

    if (error) {
        free(listing.entries);
        return error;
    }
    if (listing.count)
        qsort(listing.entries, listing.count, sizeof(*listing.entries), by_name);
    *entries = listing.entries;
    *count = listing.count;
    return 0;
}
