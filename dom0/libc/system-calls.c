/*
 * System calls: the functions newlib leaves to its host, on RAM files and the console.
 *
 * Descriptors 0, 1, 2 are looked up in the calling task first (task_stdio), so a task's output
 * can be sent to a file; there 0-2 mean the console.
 */
#include "libc/file-node.h"
#include "libc/libc.h"
#include "libc/terminal-text.h"
#include "pv-kernel/clock.h"
#include "pv-kernel/console.h"
#include "pv-kernel/kernel.h"
#include "tasks/console-input.h"
#include "tasks/task.h"
#include "hypercall-abi/sched.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/times.h>
#include <unistd.h>

#define DESCRIPTORS   256
#define FIRST_FILE_FD 3
#define TRANSFER_MAX  (1U << 30) /* newlib's read and write return int */

struct open_file {
    struct ram_file *node; /* NULL: free */
    size_t position;
    int flags;
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
    if (fd < FIRST_FILE_FD || fd >= DESCRIPTORS || !open_files[fd].node)
        return NULL;
    return &open_files[fd];
}

static bool is_console(int fd)
{
    fd = resolve(fd);
    return fd >= 0 && fd < FIRST_FILE_FD;
}

static int open_node(const char *path, int flags, struct ram_file **node)
{
    bool writing = (flags & O_ACCMODE) != O_RDONLY;
    int error = file_node_find(path, node);

    if (error == -ENOENT && (flags & O_CREAT)) {
        struct ram_file *parent;
        char name[FILE_NAME_MAX + 1];

        error = file_node_find_parent(path, &parent, name);
        return error ? error : file_node_create(parent, name, false, node);
    }
    if (error)
        return error;
    if ((flags & O_CREAT) && (flags & O_EXCL))
        return -EEXIST;
    if ((*node)->is_directory && writing)
        return -EISDIR;
    if ((*node)->read_only && writing)
        return -EROFS;
    return flags & O_TRUNC ? file_node_truncate(*node, 0) : 0;
}

int open(const char *path, int flags, ...)
{
    struct ram_file *node;
    int fd = FIRST_FILE_FD, error;

    while (fd < DESCRIPTORS && open_files[fd].node)
        fd++;
    if (fd == DESCRIPTORS)
        return fail(EMFILE);
    error = open_node(path, flags, &node);
    if (error)
        return fail(error);
    node->opens++;
    open_files[fd] = (struct open_file){ .node = node, .flags = flags };
    return fd;
}

int close(int fd)
{
    if (fd >= 0 && fd < FIRST_FILE_FD)
        return 0;
    if (!file_of(fd))
        return fail(EBADF);
    file_node_close(open_files[fd].node);
    open_files[fd].node = NULL;
    return 0;
}

static int console_read(char *buffer, size_t size)
{
    size_t n = 0;
    int c;

    if (!size)
        return 0;
    buffer[n++] = (char)console_read_char();
    while (n < size && (c = console_read_char_until(0)) >= 0)
        buffer[n++] = (char)c;
    return (int)n;
}

_READ_WRITE_RETURN_TYPE read(int fd, void *buffer, size_t size)
{
    struct open_file *file = file_of(fd);

    if (!file)
        return is_console(fd) ? console_read(buffer, size) : fail(EBADF);
    if (file->node->is_directory)
        return fail(EISDIR);
    if (file->position >= file->node->size)
        return 0;
    if (size > file->node->size - file->position)
        size = file->node->size - file->position;
    if (size > TRANSFER_MAX)
        size = TRANSFER_MAX;
    memcpy(buffer, file->node->data + file->position, size);
    file->position += size;
    return (int)size;
}

static bool terminal_raw;

void libc_terminal_raw(bool on)
{
    terminal_raw = on;
}

static int terminal_write(const char *data, size_t size)
{
    static struct terminal_text text;
    char shown[256];

    if (terminal_raw)
        console_write(data, size);
    for (size_t at = 0; at < size && !terminal_raw; at += sizeof(shown)) {
        size_t piece = size - at < sizeof(shown) ? size - at : sizeof(shown);

        console_write(shown, terminal_text_filter(&text, shown, data + at, piece));
    }
    return (int)size;
}

_READ_WRITE_RETURN_TYPE write(int fd, const void *data, size_t size)
{
    struct open_file *file = file_of(fd);
    size_t end;
    int error;

    if (!file)
        return is_console(fd) ? terminal_write(data, size) : fail(EBADF);
    if ((file->flags & O_ACCMODE) == O_RDONLY)
        return fail(EBADF);
    if (size > TRANSFER_MAX)
        size = TRANSFER_MAX;
    if (file->flags & O_APPEND)
        file->position = file->node->size;
    if (__builtin_add_overflow(file->position, size, &end))
        return fail(EFBIG);
    error = file_node_reserve(file->node, end);
    if (error)
        return fail(error);
    if (file->position > file->node->size)
        memset(file->node->data + file->node->size, 0, file->position - file->node->size);
    memcpy(file->node->data + file->position, data, size);
    file->position = end;
    if (end > file->node->size)
        file->node->size = end;
    file_node_touch(file->node);
    return (int)size;
}

off_t lseek(int fd, off_t offset, int whence)
{
    struct open_file *file = file_of(fd);
    off_t base;

    if (!file)
        return fail(is_console(fd) ? ESPIPE : EBADF);
    base = whence == SEEK_SET   ? 0
           : whence == SEEK_CUR ? (off_t)file->position
                                : (off_t)file->node->size;
    if (base + offset < 0)
        return fail(EINVAL);
    file->position = (size_t)(base + offset);
    return base + offset;
}

int ftruncate(int fd, off_t size)
{
    struct open_file *file = file_of(fd);
    int error;

    if (!file || (file->flags & O_ACCMODE) == O_RDONLY)
        return fail(EBADF);
    error = file_node_truncate(file->node, (size_t)size);
    return error ? fail(error) : 0;
}

static void fill_stat(const struct ram_file *node, struct stat *st)
{
    memset(st, 0, sizeof(*st));
    st->st_mode =
        (mode_t)((node->is_directory ? S_IFDIR | 0111 : S_IFREG) | (node->read_only ? 0444 : 0644));
    st->st_size = (off_t)node->size;
    st->st_mtime = (time_t)node->mtime;
    st->st_ino = (ino_t)node->inode;
    st->st_nlink = 1;
    st->st_blksize = 4096;
}

int fstat(int fd, struct stat *st)
{
    struct open_file *file = file_of(fd);

    if (file) {
        fill_stat(file->node, st);
        return 0;
    }
    if (!is_console(fd))
        return fail(EBADF);
    memset(st, 0, sizeof(*st));
    st->st_mode = S_IFCHR | 0666;
    return 0;
}

int stat(const char *path, struct stat *st)
{
    struct ram_file *node;
    int error = file_node_find(path, &node);

    if (error)
        return fail(error);
    fill_stat(node, st);
    return 0;
}

int access(const char *path, int mode)
{
    struct ram_file *node;
    int error = file_node_find(path, &node);

    if (error)
        return fail(error);
    return (mode & W_OK) && node->read_only ? fail(EROFS) : 0;
}

int mkdir(const char *path, mode_t mode)
{
    struct ram_file *parent, *node;
    char name[FILE_NAME_MAX + 1];
    int error = file_node_find_parent(path, &parent, name);

    (void)mode;
    if (!error)
        error = file_node_create(parent, name, true, &node);
    return error ? fail(error) : 0;
}

int unlink(const char *path)
{
    struct ram_file *node;
    int error = file_node_find(path, &node);

    if (error)
        return fail(error);
    if (node->is_directory)
        return fail(EISDIR);
    if (node->read_only)
        return fail(EROFS);
    file_node_unlink(node);
    return 0;
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
    return file_of(fd) || is_console(fd) ? 0 : fail(EBADF);
}

int gettimeofday(struct timeval *tv, void *zone)
{
    uint64_t now = clock_wall_ns();

    (void)zone;
    tv->tv_sec = (time_t)(now / 1000000000);
    tv->tv_usec = (suseconds_t)(now % 1000000000 / 1000);
    return 0;
}

clock_t times(struct tms *buffer)
{
    clock_t ticks = (clock_t)(clock_monotonic_ns() / (1000000000 / CLOCKS_PER_SEC));

    *buffer = (struct tms){ .tms_utime = ticks };
    return ticks;
}

unsigned int sleep(unsigned int seconds)
{
    task_sleep_ns((uint64_t)seconds * 1000000000);
    return 0;
}

int usleep(useconds_t microseconds)
{
    task_sleep_ns((uint64_t)microseconds * 1000);
    return 0;
}

pid_t getpid(void)
{
    return 1;
}

int kill(pid_t pid, int signal)
{
    (void)pid;
    kernel_panic("signal %d raised", signal);
}

void _exit(int status)
{
    kernel_panic("exit(%d) called", status);
}

void _init(void);
void _fini(void);

void _init(void)
{
}

void _fini(void)
{
}
