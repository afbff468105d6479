/*
 * File claims: files as disks.  Who has claimed a file moves its data between memory and the device
 * it lies on by himself; the file system says where.  As with devices, a writer excludes all
 * others, readers exclude writers; who opens it by name is one of them, too.
 */
#ifndef LIBC_FILE_CLAIMS_H
#define LIBC_FILE_CLAIMS_H

#include "libc/file-system.h"

struct file_claim {
    struct file_system *fs;
    void *file;
    enum file_claim_kind kind;
    struct block_device *device; /* that it lies on */
    struct file_mount *mount;    /* libc's */
};

/*
 * FILE_CLAIM_SHARED writes, and does not ask who else does.  May sleep.  -EBUSY; -EROFS; -EISDIR;
 * -ENOTSUP: the file system's files cannot be disks.
 */
int file_claim(const char *path, enum file_claim_kind kind, struct file_claim *claim);
/* Nobody moves data any more: the file is the next one's to claim.  Does not sleep. */
void file_claim_release(struct file_claim *claim);
/* After that: closes it; sleeps. */
void file_claim_close(struct file_claim *claim);

#endif
