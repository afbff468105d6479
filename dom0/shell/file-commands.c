/*
 * ls cat mkdir truncate echo: dom0's files.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libc/files.h"
#include "shell/commands.h"
#include "shell/folder.h"
#include "shell/shell.h"
#include "tasks/task.h"

static int list_folder(const char *path, bool details)
{
    struct file_entry *entries;
    size_t count;
    int error = folder_read(path, &entries, &count);

    if (error)
        return error;
    for (size_t i = 0; i < count; i++)
        if (details)
            printf("%c %10llu %s\n", entries[i].is_directory ? 'd' : '-',
                   (unsigned long long)entries[i].size, entries[i].name);
        else
            printf("%s%s\n", entries[i].name, entries[i].is_directory ? "/" : "");
    free(entries);
    return 0;
}

/* title: several are listed, and each says whose it is. */
static int list_path(const char *path, bool details, bool title)
{
    struct stat status;

    if (stat(path, &status))
        return shell_failed(path, -errno);
    if (!S_ISDIR(status.st_mode)) {
        if (details)
            printf("%c %10llu %s\n", '-', (unsigned long long)status.st_size, path);
        else
            printf("%s\n", path);
        return 0;
    }
    if (title)
        printf("%s:\n", path);
    int error = list_folder(path, details);

    return error ? shell_failed(path, error) : 0;
}

/* All of them, whatever is wrong with one. */
static int ls(int argc, char **argv)
{
    bool details = argc > 1 && !strcmp(argv[1], "-l");
    int first = 1 + details, status = 0;

    if (argc == first)
        return list_path("/", details, false);
    for (int i = first; i < argc; i++)
        status |= list_path(argv[i], details, argc > first + 1);
    return status;
}

#define PIECE 65536u

static int show_file(int fd, char *buffer)
{
    int length;

    while ((length = read(fd, buffer, PIECE)) > 0) {
        if (fwrite(buffer, 1, (size_t)length, stdout) != (size_t)length)
            return -EIO;
        task_yield();
    }
    return length ? -errno : 0;
}

static int cat(int argc, char **argv)
{
    char *buffer = malloc(PIECE);
    int error = buffer ? 0 : -ENOMEM, i;

    for (i = 1; i < argc && !error; i++) {
        int fd = open(argv[i], O_RDONLY);

        error = fd < 0 ? -errno : show_file(fd, buffer);
        if (fd >= 0)
            close(fd);
    }
    free(buffer);
    if (argc < 2)
        return shell_usage("cat FILE...");
    return error ? shell_failed(argv[i - 1], error) : 0;
}

static int make_folder(int argc, char **argv)
{
    bool all = argc > 1 && !strcmp(argv[1], "-p");

    if (argc <= 1 + all)
        return shell_usage("mkdir [-p] PATH...");
    for (int i = 1 + all; i < argc; i++) {
        int error = all ? files_make_directories(argv[i]) : mkdir(argv[i], 0755) ? -errno : 0;

        if (error)
            return shell_failed(argv[i], error);
    }
    return 0;
}

static int echo(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        printf("%s%s", i > 1 ? " " : "", argv[i]);
    printf("\n");
    return 0;
}

/* "10G": a number and a power of 1024; false: it is none. */
static bool size_parse(const char *text, uint64_t *bytes)
{
    static const char units[] = "KMGT";
    char *end;
    const char *unit;
    unsigned int shift = 0;

    if (text[0] < '0' || text[0] > '9')
        return false;
    errno = 0;
    *bytes = strtoull(text, &end, 10);
    if (*end) {
        unit = strchr(units, *end);
        if (!unit || end[1])
            return false;
        shift = 10 * (unsigned int)(unit - units + 1);
    }
    if (errno || *bytes > (uint64_t)INT64_MAX >> shift)
        return false;
    *bytes <<= shift;
    return true;
}

static int truncate_one(const char *path, uint64_t bytes)
{
    int fd = open(path, O_WRONLY | O_CREAT, 0644), error;

    if (fd < 0)
        return -errno;
    error = ftruncate(fd, (off_t)bytes) ? -errno : 0;
    close(fd);
    return error;
}

/* What is added is a hole: it takes no room before it is written. */
static int truncate_files(int argc, char **argv)
{
    uint64_t bytes;
    int status = 0;

    if (argc < 4 || strcmp(argv[1], "-s") != 0 || !size_parse(argv[2], &bytes))
        return shell_usage("truncate -s SIZE[K|M|G|T] FILE...");
    for (int i = 3; i < argc; i++) {
        int error = truncate_one(argv[i], bytes);

        if (error)
            status = shell_failed(argv[i], error);
    }
    return status;
}

int shell_file_commands_register(void)
{
    static const struct shell_command commands[] = {
        { "ls", ls, "[-l] [PATH...]: folders' files" },
        { "cat", cat, "FILE...: print files" },
        { "mkdir", make_folder, "[-p] PATH...: make folders" },
        { "truncate", truncate_files, "-s SIZE[K|M|G|T] FILE...: make files so long" },
        { "echo", echo, "WORD...: print words" },
    };
    int error = 0;

    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]) && !error; i++)
        error = shell_command_register(&commands[i]);
    return error;
}
