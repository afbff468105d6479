/*
 * cp mv rm sha256sum: what goes through whole files and folders.
 *
 * Folders are gone through with one path that grows and shrinks, and no deeper than DEPTH_MOST:
 * who wrote a disk chose how deep its folders are.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sha2.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libc/files.h"
#include "shell/commands.h"
#include "shell/folder.h"
#include "shell/shell.h"
#include "tasks/task.h"

#define PIECE      65536u
#define DEPTH_MOST 64

/* Puts "/name" behind a path; false: there is no room. */
static bool path_push(char path[FILE_PATH_MAX], const char *name)
{
    size_t length = strlen(path);

    while (length && path[length - 1] == '/')
        length--;
    if (length + strlen(name) + 2 > FILE_PATH_MAX)
        return false;
    path[length] = '/';
    strcpy(path + length + 1, name);
    return true;
}

static int copy_bytes(int from, int to, char *buffer)
{
    int length;

    while ((length = read(from, buffer, PIECE)) > 0) {
        int written = write(to, buffer, (size_t)length);

        if (written != length)
            return written < 0 ? -errno : -ENOSPC;
        task_yield();
    }
    return length ? -errno : 0;
}

/* The room for all of it is asked for first: a file in memory then moves once. */
static int copy_opened(int from, int to)
{
    struct stat status;
    char *buffer;
    int error;

    if (fstat(from, &status) || ftruncate(to, status.st_size))
        return -errno;
    buffer = malloc(PIECE);
    if (!buffer)
        return -ENOMEM;
    error = copy_bytes(from, to, buffer);
    free(buffer);
    return error;
}

static int copy_file(const char *from, const char *to)
{
    int source, target, error;

    if (files_same(from, to))
        return -EINVAL;
    source = open(from, O_RDONLY);
    if (source < 0)
        return -errno;
    target = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    error = target < 0 ? -errno : copy_opened(source, target);
    close(source);
    if (target >= 0)
        close(target);
    if (target >= 0 && error)
        unlink(to);
    return error;
}

static int copy_tree(char from[FILE_PATH_MAX], char to[FILE_PATH_MAX], int depth);

/* Both paths come back as they were. */
static int copy_entries(char *from, char *to, const struct file_entry *entries, size_t count,
                        int depth)
{
    size_t from_length = strlen(from), to_length = strlen(to);
    int error = 0;

    for (size_t i = 0; i < count && !error; i++) {
        if (!path_push(from, entries[i].name) || !path_push(to, entries[i].name))
            error = -ENAMETOOLONG;
        else
            error = entries[i].is_directory ? copy_tree(from, to, depth) : copy_file(from, to);
        from[from_length] = to[to_length] = 0;
    }
    return error;
}

static int copy_tree(char from[FILE_PATH_MAX], char to[FILE_PATH_MAX], int depth)
{
    struct file_entry *entries = NULL;
    size_t count;
    int error;

    if (depth == DEPTH_MOST)
        return -ENAMETOOLONG;
    error = folder_read(from, &entries, &count);
    if (!error && mkdir(to, 0755) && errno != EEXIST)
        error = -errno;
    if (!error)
        error = copy_entries(from, to, entries, count, depth + 1);
    free(entries);
    return error;
}

/* Where FROM goes: into a folder under its own name, or to the name given. */
static int target_path(char to[FILE_PATH_MAX], const char *from, const char *given)
{
    const char *name = from + strlen(from);
    char last[FILE_NAME_MAX + 1];
    struct stat status;
    size_t length;

    if (strlen(given) >= FILE_PATH_MAX)
        return -ENAMETOOLONG;
    strcpy(to, given);
    if (stat(to, &status) || !S_ISDIR(status.st_mode))
        return 0;
    while (name > from && name[-1] == '/')
        name--;
    length = (size_t)(name - from);
    while (name > from && name[-1] != '/')
        name--;
    length -= (size_t)(name - from);
    if (length > FILE_NAME_MAX)
        return -ENAMETOOLONG;
    memcpy(last, name, length);
    last[length] = 0;
    return path_push(to, last) ? 0 : -ENAMETOOLONG;
}

/* Is a path the folder's own, or one within it? */
static bool is_inside(const char *path, const char *folder)
{
    char above[FILE_PATH_MAX];

    snprintf(above, sizeof(above), "%s", path);
    for (;;) {
        char *slash = strrchr(above, '/');

        if (files_same(above, folder))
            return true;
        if (!slash)
            return false;
        *slash = 0;
    }
}

static int copy(const char *given_from, const char *given_to, bool folders)
{
    char from[FILE_PATH_MAX], to[FILE_PATH_MAX];
    struct stat status;
    int error = target_path(to, given_from, given_to);

    if (error)
        return error;
    if (strlen(given_from) >= sizeof(from))
        return -ENAMETOOLONG;
    if (stat(given_from, &status))
        return -errno;
    if (!S_ISDIR(status.st_mode))
        return copy_file(given_from, to);
    if (!folders)
        return -EISDIR;
    if (is_inside(to, given_from))
        return -EINVAL;
    strcpy(from, given_from);
    return copy_tree(from, to, 0);
}

static int cp(int argc, char **argv)
{
    bool folders = argc > 1 && !strcmp(argv[1], "-r");

    if (argc != 3 + folders)
        return shell_usage("cp [-r] FROM TO");
    int error = copy(argv[1 + folders], argv[2 + folders], folders);

    return error ? shell_failed(argv[1 + folders], error) : 0;
}

static int remove_tree(char path[FILE_PATH_MAX], int depth)
{
    struct file_entry *entries = NULL;
    size_t count = 0, length = strlen(path);
    int error = depth == DEPTH_MOST ? -ENAMETOOLONG : folder_read(path, &entries, &count);

    for (size_t i = 0; i < count && !error; i++) {
        if (!path_push(path, entries[i].name))
            error = -ENAMETOOLONG;
        else
            error = entries[i].is_directory ? remove_tree(path, depth + 1)
                    : unlink(path)          ? -errno
                                            : 0;
        path[length] = 0;
        task_yield();
    }
    free(entries);
    return error ? error : files_remove_directory(path);
}

static int remove_path(const char *given, bool folders)
{
    char path[FILE_PATH_MAX];

    /* Not by stat: of a symbolic link to a folder the link goes, and the folder stays. */
    if (!unlink(given))
        return 0;
    if (errno != EISDIR)
        return -errno;
    if (!folders)
        return files_remove_directory(given);
    if (strlen(given) >= sizeof(path))
        return -ENAMETOOLONG;
    strcpy(path, given);
    return remove_tree(path, 0);
}

static int rm(int argc, char **argv)
{
    bool force = false, folders = false;
    int i = 1;

    for (; i < argc && argv[i][0] == '-' && argv[i][1]; i++) {
        if (strspn(argv[i] + 1, "rf") != strlen(argv[i] + 1))
            return shell_usage("rm [-rf] PATH...");
        force |= strchr(argv[i], 'f') != NULL;
        folders |= strchr(argv[i], 'r') != NULL;
    }
    if (i >= argc)
        return shell_usage("rm [-rf] PATH...");
    for (; i < argc; i++) {
        int error = remove_path(argv[i], folders);

        if (error && !force)
            return shell_failed(argv[i], error);
    }
    return 0;
}

/* Between file systems a file is copied, and removed when that has worked. */
static int move(const char *from, const char *given_to)
{
    char to[FILE_PATH_MAX];
    int error = target_path(to, from, given_to);

    if (error || !rename(from, to))
        return error;
    if (errno != EXDEV)
        return -errno;
    error = copy(from, to, true);
    return error ? error : remove_path(from, true);
}

static int mv(int argc, char **argv)
{
    if (argc != 3)
        return shell_usage("mv FROM TO");
    int error = move(argv[1], argv[2]);

    return error ? shell_failed(argv[1], error) : 0;
}

static int hash_opened(int fd, SHA2_CTX *hash)
{
    uint8_t *buffer = malloc(PIECE);
    int length = 0;

    if (!buffer)
        return -ENOMEM;
    while ((length = read(fd, buffer, PIECE)) > 0) {
        SHA256Update(hash, buffer, (size_t)length);
        task_yield();
    }
    free(buffer);
    return length ? -errno : 0;
}

static int sha256sum(int argc, char **argv)
{
    if (argc < 2)
        return shell_usage("sha256sum FILE...");
    for (int i = 1; i < argc; i++) {
        uint8_t digest[SHA256_DIGEST_LENGTH];
        SHA2_CTX hash;
        int fd = open(argv[i], O_RDONLY), error = fd < 0 ? -errno : 0;

        SHA256Init(&hash);
        if (!error)
            error = hash_opened(fd, &hash);
        if (fd >= 0)
            close(fd);
        if (error)
            return shell_failed(argv[i], error);
        SHA256Final(digest, &hash);
        for (size_t byte = 0; byte < sizeof(digest); byte++)
            printf("%02x", digest[byte]);
        printf("  %s\n", argv[i]);
    }
    return 0;
}

int shell_copy_commands_register(void)
{
    static const struct shell_command commands[] = {
        { "cp", cp, "[-r] FROM TO: copy a file, or into a folder; -r: folders too" },
        { "mv", mv, "FROM TO: rename, or move into a folder" },
        { "rm", rm, "[-rf] PATH...: remove files and empty folders; -r: with what is in them" },
        { "sha256sum", sha256sum, "FILE...: the SHA-256 of files" },
    };
    int error = 0;

    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]) && !error; i++)
        error = shell_command_register(&commands[i]);
    return error;
}
