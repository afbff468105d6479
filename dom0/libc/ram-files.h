/*
 * RAM files: dom0's file system.  Directories and regular files in memory; those of the initrd
 * are read where the archive lies, without a copy, and get one on the first write.  `/extra` is
 * read-only.  stdio and the POSIX calls (open, read, write, lseek, close, stat, unlink, mkdir,
 * rename, rmdir) work on it; what newlib's headers do not have is here.
 * Functions return 0 (or a count) or -errno.
 */
#ifndef LIBC_RAM_FILES_H
#define LIBC_RAM_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ram_file; /* a file or directory */

struct ram_dir_entry {
    char name[256];
    bool is_directory;
    uint64_t size;
    int64_t mtime; /* seconds since 1970 */
};

/* The entry number `index` (0, 1, ...) of the directory; -ENOENT: past the last; -ENOTDIR. */
int ram_files_list(const char *path, size_t index, struct ram_dir_entry *entry);
/* Bytes in files that own memory, and the number of files. */
void ram_files_usage(uint64_t *bytes, uint64_t *files);
/* The whole of a file as it lies in memory (valid until it is written or removed). */
int ram_files_contents(const char *path, const void **data, size_t *size);
/*
 * The same for a reader that sleeps meanwhile: until the unpin the file cannot be written
 * (-ETXTBSY), and removing it leaves the data alone.
 */
int ram_files_pin(const char *path, struct ram_file **file, const void **data, size_t *size);
void ram_files_unpin(struct ram_file *file);
/* Puts bytes at the end of a file, which is made if it is not there, without a descriptor; how
 * long it is then comes back in *size.  On failure nothing was written. */
int ram_files_append(const char *path, const void *data, size_t length, size_t *size);
/* Makes the directory and every missing one above it. */
int ram_files_mkdir_all(const char *path);

/* POSIX calls that newlib 3.3's headers declare weakly or not at all. */
int ram_files_rmdir(const char *path);
int ram_files_copy(const char *from, const char *to);

/* Unpacks (by reference) the cpio archives at [data, data + size). */
int ram_files_add_archive(const void *data, size_t size);
void ram_files_start(void);

#endif
