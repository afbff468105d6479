/*
 * Storage: file systems on dom0's disks.
 */
#ifndef STORAGE_STORAGE_H
#define STORAGE_STORAGE_H

#include "libc/file-system.h"

#define STORAGE_DATA "/data"

/*
 * Mounts what is on a device: any name that block_device_find takes, or LABEL=x or UUID=x of a file
 * system.  *fs is what was mounted; *why, if it is not NULL, says what is wrong, or why it is
 * read-only although it was wanted writable.  0, -ENODEV, -EMLINK: more than one such, -EBUSY ...
 */
int storage_mount(const char *device, const char *directory, bool read_only,
                  const struct file_system **fs, const char **why);

/*
 * Starts the task that has all changes written every few seconds, and mounts the partition or disk
 * called `paravane` (GPT's name, or the file system's label) on /data, if there is one; or what the
 * word data=DEVICE on the command line names; or, with data=off, nothing.  0, -ENOMEM.
 */
int storage_start(const char *command_line);

#endif
