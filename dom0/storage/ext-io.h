/*
 * Ext I/O: libext2fs's way to an ext disk.
 */
#ifndef STORAGE_EXT_IO_H
#define STORAGE_EXT_IO_H

#include "storage/ext-disk.h"
#include <ext2fs/ext2fs.h>

/* Opens the file system on the disk: ext2fs_open2 with an io_manager for it. */
errcode_t ext_io_open(struct ext_disk *disk, const char *name, int flags, ext2_filsys *fs);
/* -errno for the library's error. */
int ext_error(errcode_t code);

#endif
