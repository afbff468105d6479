/*
 * File calls: the functions newlib leaves to its host, on files (files.c) and the console.
 *
 * Descriptors 0, 1, 2 are looked up in the calling task first (task_stdio), so a task's output
 * can be sent to a file; there 0-2 mean the console.  A descriptor is set aside before its file
 * system is asked, which may sleep.
 */
#include "libc/console-file.h"
#include "libc/file-place.h"
#include "libc/files.h"
#include "tasks/task.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DESCRIPTORS   256
#define FIRST_FILE_FD 3
#define TRANSFER_MAX  (1U << 30) /* newlib's read and write return int */

struct open_file {
    struct file_mount *mount; /* NULL: free, or being opened */
    void *file;
    uint64_t position;
    int flags;
    bool taken;
};

static struct open_file open_files[DESCRIPTORS];

static int fail(int error)
{
    errno = error < 0 ? -error : error;
    return -1;
}

static int resolve(int fd)
{
    return fd >= 0 && fd < FIRST_FILE_FD ? task_stdio(task_current())[fd] : fd;
}

static struct open_file *file_of(int fd)
{
    fd = resolve(fd);
    if (fd < FIRST_FILE_FD || fd >= DESCRIPTORS || !open_files[fd].mount)
        return NULL;
    return &open_files[fd];
}

static bool is_console(int fd)
{
    fd = resolve(fd);
    return fd >= 0 && fd < FIRST_FILE_FD;
}

static const struct file_system_operations *operations_of(const struct open_file *file)
{
    return file->mount->fs->operations;
}

int open(const char *path, int flags, ...)
{
    struct open_file *file;
    struct file_place place;
    int fd = FIRST_FILE_FD, error;

    while (fd < DESCRIPTORS && open_files[fd].taken)
        fd++;
    if (fd == DESCRIPTORS)
        return fail(EMFILE);
    error = file_place_find(path, &place);
    if (error)
        return fail(error);
    file = &open_files[fd];
    *file = (struct open_file){ .flags = flags, .taken = true };
    error = place.mount->fs->operations->open(place.mount->fs, place.path, flags, &file->file);
    if (error) {
        file->taken = false;
        file_place_leave(&place);
        return fail(error);
    }
    file->mount = place.mount; /* which has one user more until close */
    return fd;
}

int close(int fd)
{
    struct open_file file;

    if (fd >= 0 && fd < FIRST_FILE_FD)
        return 0;
    if (!file_of(fd))
        return fail(EBADF);
    file = open_files[fd];
    open_files[fd] = (struct open_file){ 0 };
    operations_of(&file)->close(file.mount->fs, file.file);
    file.mount->users--;
    return 0;
}

_READ_WRITE_RETURN_TYPE read(int fd, void *buffer, size_t size)
{
    struct open_file *file = file_of(fd);
    size_t done = 0;
    int error;

    if (!file)
        return is_console(fd) ? console_file_read(buffer, size) : fail(EBADF);
    if (size > TRANSFER_MAX)
        size = TRANSFER_MAX;
    error =
        operations_of(file)->read(file->mount->fs, file->file, file->position, buffer, size, &done);
    if (error)
        return fail(error);
    file->position += done;
    return (int)done;
}

_READ_WRITE_RETURN_TYPE write(int fd, const void *data, size_t size)
{
    struct open_file *file = file_of(fd);
    size_t done = 0;
    int error;

    if (!file)
        return is_console(fd) ? console_file_write(data, size) : fail(EBADF);
    if ((file->flags & O_ACCMODE) == O_RDONLY)
        return fail(EBADF);
    if (size > TRANSFER_MAX)
        size = TRANSFER_MAX;
    if (file->flags & O_APPEND)
        file->position = FILE_END;
    error =
        operations_of(file)->write(file->mount->fs, file->file, &file->position, data, size, &done);
    return error ? fail(error) : (int)done;
}

static int64_t size_of(const struct open_file *file)
{
    struct file_status status;
    int error = operations_of(file)->file_status(file->mount->fs, file->file, &status);

    return error ? error : (int64_t)status.size;
}

off_t lseek(int fd, off_t offset, int whence)
{
    struct open_file *file = file_of(fd);
    int64_t base;

    if (!file)
        return fail(is_console(fd) ? ESPIPE : EBADF);
    base = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? (int64_t)file->position : size_of(file);
    if (whence == SEEK_END && base < 0)
        return fail((int)base);
    if (__builtin_add_overflow(base, offset, &base) || base < 0)
        return fail(EINVAL);
    file->position = (uint64_t)base;
    return (off_t)base;
}

int ftruncate(int fd, off_t size)
{
    struct open_file *file = file_of(fd);
    int error;

    if (!file || (file->flags & O_ACCMODE) == O_RDONLY)
        return fail(EBADF);
    if (size < 0)
        return fail(EINVAL);
    error = operations_of(file)->truncate(file->mount->fs, file->file, (uint64_t)size);
    return error ? fail(error) : 0;
}

static void fill_stat(const struct file_status *status, struct stat *st)
{
    memset(st, 0, sizeof(*st));
    st->st_mode = (mode_t)((status->is_directory ? S_IFDIR | 0111 : S_IFREG) |
                           (status->read_only ? 0444 : 0644));
    st->st_size = (off_t)status->size;
    st->st_mtime = (time_t)status->mtime;
    st->st_ino = (ino_t)status->inode;
    st->st_nlink = 1;
    st->st_blksize = 4096;
}

int fstat(int fd, struct stat *st)
{
    struct open_file *file = file_of(fd);
    struct file_status status;

    if (file) {
        int error = operations_of(file)->file_status(file->mount->fs, file->file, &status);

        fill_stat(&status, st);
        return error ? fail(error) : 0;
    }
    if (!is_console(fd))
        return fail(EBADF);
    memset(st, 0, sizeof(*st));
    st->st_mode = S_IFCHR | 0666;
    return 0;
}

static int status_of(const char *path, struct file_status *status)
{
    struct file_place place;
    int error = file_place_find(path, &place);

    if (error)
        return error;
    error = place.mount->fs->operations->status(place.mount->fs, place.path, status);
    file_place_leave(&place);
    return error;
}

int stat(const char *path, struct stat *st)
{
    struct file_status status;
    int error = status_of(path, &status);

    if (error)
        return fail(error);
    fill_stat(&status, st);
    return 0;
}

int access(const char *path, int mode)
{
    struct file_status status;
    int error = status_of(path, &status);

    if (error)
        return fail(error);
    return (mode & W_OK) && status.read_only ? fail(EROFS) : 0;
}

int mkdir(const char *path, mode_t mode)
{
    struct file_place place;
    int error = file_place_find(path, &place);

    (void)mode;
    if (error)
        return fail(error);
    error = place.mount->fs->operations->make_directory(place.mount->fs, place.path);
    file_place_leave(&place);
    return error ? fail(error) : 0;
}

int unlink(const char *path)
{
    struct file_place place;
    int error = file_place_find(path, &place);

    if (error)
        return fail(error);
    error = place.mount->fs->operations->remove(place.mount->fs, place.path, false);
    file_place_leave(&place);
    return error ? fail(error) : 0;
}

static int rename_within(const struct file_place *from, const struct file_place *to)
{
    struct file_system *fs = from->mount->fs;

    if (file_place_is_held(from) || file_place_is_held(to))
        return -EBUSY;
    if (from->mount != to->mount)
        return -EXDEV;
    return fs->operations->rename(fs, from->path, to->path);
}

int rename(const char *from, const char *to)
{
    struct file_place old, new;
    int error = file_place_find(from, &old);

    if (error)
        return fail(error);
    error = file_place_find(to, &new);
    if (!error) {
        error = rename_within(&old, &new);
        file_place_leave(&new);
    }
    file_place_leave(&old);
    return error ? fail(error) : 0;
}

int link(const char *from, const char *to)
{
    (void)from;
    (void)to;
    return fail(EMLINK);
}

int isatty(int fd)
{
    return is_console(fd) ? 1 : fail(ENOTTY);
}

int fsync(int fd)
{
    struct open_file *file = file_of(fd);
    int error;

    if (!file)
        return is_console(fd) ? 0 : fail(EBADF);
    error = operations_of(file)->sync ? operations_of(file)->sync(file->mount->fs) : 0;
    return error ? fail(error) : 0;
}
