/*
 * Files: dom0's one tree of names.  `/` is the RAM files' (libc/ram-files.h); other file systems
 * are mounted on directories.  stdio and the POSIX calls (open, read, write, lseek, ftruncate,
 * close, stat, unlink, mkdir, rename, fsync) work on it; what newlib's headers do not have is
 * here.  ".." takes off what stands before it, whatever that is.  A path is absolute, with or
 * without its first slash.  Functions return 0 or -errno and may sleep.
 */
#ifndef LIBC_FILES_H
#define LIBC_FILES_H

#include "libc/file-system.h"

/* The entries of a directory, in no order; a visitor's result that is not 0 is this one's. */
int files_list(const char *path, file_visit *visit, void *argument);
int files_make_directories(const char *path); /* each that is missing */
int files_remove_directory(const char *path);
/* Do both paths lead to the same place? */
bool files_same(const char *a, const char *b);
/* Everything written so far is on the disks. */
int files_sync(void);

/*
 * The whole of a file for a reader that sleeps meanwhile.  A RAM file is read where it lies: until
 * the unpin it cannot be written (-ETXTBSY), and removing it leaves the data alone.  A file of
 * another file system is read into memory, if there is so much to spare (-ENOMEM).
 */
struct file_pin {
    const void *data; /* of an empty file it may be NULL */
    size_t size;
    struct file_mount *mount; /* the rest is files.c's; NULL: it is a copy */
    void *file, *copy;
};
int files_pin(const char *path, struct file_pin *pin);
void files_unpin(struct file_pin *pin);

/*
 * Puts a file system on a directory.  From then on it belongs to the tree, whose unmount calls the
 * operation; on failure it is still the caller's.  -ENOTDIR, -EBUSY: one is there already.
 */
int files_mount(struct file_system *fs, const char *directory);
/* -EINVAL: none is mounted there; -EBUSY: files of it are open, or something is mounted in it. */
int files_unmount(const char *directory);
/* The machine is about to go: unmounts what nobody uses, and has the rest written. */
void files_end(void);
/* Number `index` of those mounted, in order of their mounting; false: no more. */
bool files_mounted(size_t index, const char **directory, const struct file_system **fs,
                   struct file_system_usage *usage);
void files_start(struct file_system *root);

#endif
