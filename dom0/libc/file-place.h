/*
 * File places: where in which file system a path leads; for the libc folder only.
 */
#ifndef LIBC_FILE_PLACE_H
#define LIBC_FILE_PLACE_H

#include "libc/file-system.h"

struct file_mount {
    struct file_system *fs;
    struct file_mount *next;
    unsigned int users; /* open files, pins and operations: it cannot be unmounted */
    size_t length;      /* of the directory; 0: the root */
    char directory[FILE_PATH_MAX];
};

struct file_place {
    struct file_mount *mount; /* one of its users, until file_place_leave */
    const char *path;         /* within the file system */
    char whole[FILE_PATH_MAX];
};

/* -ENAMETOOLONG.  Whether there is such a file the file system knows. */
int file_place_find(const char *path, struct file_place *place);
void file_place_leave(struct file_place *place);
/* Is something mounted there, or below? */
bool file_place_is_held(const struct file_place *place);

#endif
