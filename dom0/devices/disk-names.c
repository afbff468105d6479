/*
 * Names of disks.  See disk-names.h.
 */
#include "devices/disk-names.h"
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

void disk_name_by_index(char name[DISK_NAME_BYTES], const char *prefix, unsigned int index)
{
    char letters[8];
    size_t at = sizeof(letters) - 1;

    letters[at] = '\0';
    for (index++; index; index = (index - 1) / 26)
        letters[--at] = (char)('a' + (index - 1) % 26);
    snprintf(name, DISK_NAME_BYTES, "%s%s", prefix, letters + at);
}

void disk_name_next_sd(char name[DISK_NAME_BYTES])
{
    static unsigned int next;

    disk_name_by_index(name, "sd", next++);
}

/* Those that udev leaves as they are. */
static bool is_plain(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c && strchr("#+-.:=@_", c));
}

void disk_name_text(char *name, size_t size, const char *text, size_t bytes)
{
    size_t used = 0;
    bool space = false;

    for (size_t i = 0; i < bytes && text[i] && used + 1 < size; i++) {
        if (text[i] == ' ') {
            space = used > 0;
            continue;
        }
        if (space)
            name[used++] = '_';
        space = false;
        if (used + 1 < size)
            name[used++] = is_plain(text[i]) ? text[i] : '_';
    }
    name[used] = '\0';
}
