/*
 * RAM files: the file system at the root of dom0's tree (libc/files.h).  Directories and regular
 * files in memory; those of the initrd are read where the archive lies, without a copy, and get
 * one on the first write.  `/extra` is read-only.  Functions return 0 or -errno, and do not sleep.
 */
#ifndef LIBC_RAM_FILES_H
#define LIBC_RAM_FILES_H

#include "libc/file-system.h"

extern struct file_system ram_files;

/* Puts bytes at the end of a file, which is made if it is not there, without a descriptor; how
 * long it is then comes back in *size.  On failure nothing was written. */
int ram_files_append(const char *path, const void *data, size_t length, size_t *size);
/* Makes the directory and every missing one above it. */
int ram_files_mkdir_all(const char *path);

/* Unpacks (by reference) the cpio archives at [data, data + size). */
int ram_files_add_archive(const void *data, size_t size);
void ram_files_start(void);

#endif
