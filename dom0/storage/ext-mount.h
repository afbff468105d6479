/*
 * Ext mount: opening a file system of the ext family on a block device.
 */
#ifndef STORAGE_EXT_MOUNT_H
#define STORAGE_EXT_MOUNT_H

#include "devices/block-device.h"
#include "libc/file-system.h"

/* What can be seen of a file system without mounting it. */
struct ext_probe {
    char label[17]; /* as printable ASCII */
    char uuid[37];  /* in small letters */
};
/* -ENOENT: no file system of this family; -EIO, -ENOMEM. */
int ext_probe(struct block_device *device, struct ext_probe *probe);

/*
 * Mounts it, and claims the device as long as it is mounted.  The journal is replayed if there is
 * something in it.  -EBUSY: somebody else has claimed the device.  A file system that had better
 * not be written comes back read-only, and *why says why; with an error *why says what is wrong
 * (both static text; NULL: nothing to say).
 */
int ext_mount(struct block_device *device, bool read_only, struct file_system **fs,
              const char **why);

/* Commits what has been changed; for the task that does so from time to time. */
int ext_sync(struct file_system *fs);

#endif
