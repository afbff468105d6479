/*
 * A folder's entries, for commands that go through folders and change them meanwhile.
 */
#ifndef DOM0_SHELL_FOLDER_H
#define DOM0_SHELL_FOLDER_H

#include "libc/file-system.h"

/* What is in a folder, in the order of names, for free() to take.  0 or -errno. */
int folder_read(const char *path, struct file_entry **entries, size_t *count);

#endif
