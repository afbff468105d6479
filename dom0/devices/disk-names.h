/*
 * What disks are called: their letters, and what they say of themselves as udev would write it.
 */
#ifndef DEVICES_DISK_NAMES_H
#define DEVICES_DISK_NAMES_H

#include <stddef.h>

#define DISK_NAME_BYTES 16u

/* As Linux counts, from index 0 on: vda ... vdz, vdaa ... with the prefix "vd". */
void disk_name_by_index(char name[DISK_NAME_BYTES], const char *prefix, unsigned int index);
/* The next of sda, sdb ..., which SATA's and SCSI's disks share: a letter each, started or not. */
void disk_name_next_sd(char name[DISK_NAME_BYTES]);
/*
 * A text of `bytes` bytes in a device's answer, which may end earlier by a zero byte, as it may be
 * part of a name: spaces around it are gone, those within are one '_', and so is each byte that
 * udev keeps out of names.  Cut to fit `size`.
 */
void disk_name_text(char *name, size_t size, const char *text, size_t bytes);

#endif
