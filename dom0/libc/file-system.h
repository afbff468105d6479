/*
 * File systems: what stands behind a directory on which something is mounted.
 *
 * A file system is a table of operations on paths within it ("/" is its root; they hold neither
 * "." nor ".." nor doubled slashes) and on files it has opened.  libc/files.c finds which one a
 * path means.  Operations return 0 or -errno, may sleep, and guard themselves against each other.
 */
#ifndef LIBC_FILE_SYSTEM_H
#define LIBC_FILE_SYSTEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FILE_NAME_MAX 255
#define FILE_PATH_MAX 1024 /* with its zero */
#define FILE_END      UINT64_MAX

struct block_device;
struct file_system;

struct file_status {
    bool is_directory;
    bool read_only;
    uint64_t size;
    int64_t mtime; /* seconds since 1970 */
    uint64_t inode;
};

struct file_entry {
    char name[FILE_NAME_MAX + 1];
    bool is_directory;
    uint64_t size;
    int64_t mtime;
};

/* Sees one entry of a directory; not 0 ends the listing.  It may not use files itself. */
typedef int file_visit(void *argument, const struct file_entry *entry);

enum file_claim_kind { FILE_CLAIM_READ, FILE_CLAIM_WRITE, FILE_CLAIM_SHARED };

/* A part of a file: where its bytes lie on the device. */
struct file_extent {
    uint64_t at, bytes; /* in the file */
    uint64_t place;     /* on the device, in bytes */
    bool is_hole;       /* nowhere: it reads as zeroes */
};

struct file_system_usage {
    uint64_t bytes;      /* there is room for; 0: unknown */
    uint64_t used_bytes; /* by files */
    uint64_t free_bytes;
    uint64_t files;
};

struct file_system_operations {
    /* flags: O_ACCMODE, O_CREAT, O_EXCL, O_TRUNC. */
    int (*open)(struct file_system *fs, const char *path, int flags, void **file);
    void (*close)(struct file_system *fs, void *file);
    /* *done: bytes read, 0 at the end. */
    int (*read)(struct file_system *fs, void *file, uint64_t at, void *data, size_t size,
                size_t *done);
    /* *at: where, or FILE_END; behind what was written afterwards. */
    int (*write)(struct file_system *fs, void *file, uint64_t *at, const void *data, size_t size,
                 size_t *done);
    int (*truncate)(struct file_system *fs, void *file, uint64_t size);
    int (*file_status)(struct file_system *fs, void *file, struct file_status *status);
    int (*status)(struct file_system *fs, const char *path, struct file_status *status);
    int (*list)(struct file_system *fs, const char *path, file_visit *visit, void *argument);
    int (*make_directory)(struct file_system *fs, const char *path);
    int (*remove)(struct file_system *fs, const char *path, bool is_directory);
    int (*rename)(struct file_system *fs, const char *from, const char *to);
    void (*usage)(struct file_system *fs, struct file_system_usage *usage);
    /* Everything that was written is on the disk.  NULL: there is none. */
    int (*sync)(struct file_system *fs);
    /* The whole of a file where it lies in memory, until unpin.  NULL: it does not. */
    int (*pin)(struct file_system *fs, const char *path, void **file, const void **data,
               size_t *size);
    void (*unpin)(struct file_system *fs, void *file);
    /*
     * Opens a file as a disk (file-claims.h).  From then on what is at its places on the device is
     * what is in it, whoever writes it there; writing into a hole (`write`) finds it a place, and
     * the data is there when it comes back.  `release` does not sleep, and the file is the next
     * one's to claim; `close_claimed` follows, in place of close.  NULL: its files have no places.
     */
    int (*claim)(struct file_system *fs, const char *path, enum file_claim_kind kind, void **file,
                 struct block_device **device);
    void (*release)(struct file_system *fs, void *file, enum file_claim_kind kind);
    void (*close_claimed)(struct file_system *fs, void *file);
    /* What holds byte `at`, or the part of it that was found; -EINVAL: it is behind the end. */
    int (*find_extent)(struct file_system *fs, void *file, uint64_t at, struct file_extent *extent);
    /* Nobody uses it any more.  An error says what could not be written; it is gone anyhow. */
    int (*unmount)(struct file_system *fs);
};

struct file_system {
    const struct file_system_operations *operations;
    const char *type; /* ram, ext4 */
    char source[32];  /* what it lies on: a device's name */
    bool read_only;
};

#endif
