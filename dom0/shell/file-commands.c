/*
 * ls cat cp rm mkdir mount umount df echo: dom0's files.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libc/ram-files.h"
#include "shell/commands.h"
#include "shell/shell.h"

static int list_folder(const char *path, bool details)
{
    struct ram_dir_entry entry;
    int error;

    for (size_t i = 0; !(error = ram_files_list(path, i, &entry)); i++)
        if (details)
            printf("%c %10llu %s\n", entry.is_directory ? 'd' : '-', (unsigned long long)entry.size,
                   entry.name);
        else
            printf("%s%s\n", entry.name, entry.is_directory ? "/" : "");
    return error == -ENOENT ? 0 : error;
}

/* title: several are listed, and each says whose it is. */
static int list_path(const char *path, bool details, bool title)
{
    struct stat status;

    if (stat(path, &status))
        return shell_failed(path, -errno);
    if (!S_ISDIR(status.st_mode)) {
        printf("%c %10llu %s\n", '-', (unsigned long long)status.st_size, path);
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

static int cat(int argc, char **argv)
{
    if (argc < 2)
        return shell_usage("cat FILE...");
    for (int i = 1; i < argc; i++) {
        const void *data;
        size_t size;
        int error = ram_files_contents(argv[i], &data, &size);

        if (error)
            return shell_failed(argv[i], error);
        fwrite(data, 1, size, stdout);
    }
    return 0;
}

static int cp(int argc, char **argv)
{
    if (argc != 3)
        return shell_usage("cp FROM TO");
    int error = ram_files_copy(argv[1], argv[2]);

    return error ? shell_failed(argv[1], error) : 0;
}

static int rm(int argc, char **argv)
{
    int first = argc > 1 && !strcmp(argv[1], "-f") ? 2 : 1;

    if (argc <= first)
        return shell_usage("rm [-f] PATH...");
    for (int i = first; i < argc; i++) {
        struct stat status;
        int error = stat(argv[i], &status)    ? -errno
                    : S_ISDIR(status.st_mode) ? ram_files_rmdir(argv[i])
                    : unlink(argv[i])         ? -errno
                                              : 0;

        if (error && first == 1)
            return shell_failed(argv[i], error);
    }
    return 0;
}

static int make_folder(int argc, char **argv)
{
    bool all = argc > 1 && !strcmp(argv[1], "-p");

    if (argc <= 1 + all)
        return shell_usage("mkdir [-p] PATH...");
    for (int i = 1 + all; i < argc; i++) {
        int error = all ? ram_files_mkdir_all(argv[i]) : mkdir(argv[i], 0755) ? -errno : 0;

        if (error)
            return shell_failed(argv[i], error);
    }
    return 0;
}

static bool have_extra(void)
{
    struct stat status;

    return !stat("/extra", &status);
}

static int mount(int argc, char **argv)
{
    if (argc > 1) {
        fprintf(stderr,
                "mount: %s: dom0 keeps its files in memory and has no disk file systems "
                "(give the disk to a guest)\n",
                argv[1]);
        return 1;
    }
    printf("memory on / (rw)\n");
    if (have_extra())
        printf("extra on /extra (ro)\n");
    return 0;
}

static int unmount(int argc, char **argv)
{
    if (argc != 2)
        return shell_usage("umount PATH");
    fprintf(stderr, "umount: %s: %s\n", argv[1], strerror(EBUSY));
    return 1;
}

static int df(int argc, char **argv)
{
    uint64_t bytes, files;

    (void)argv;
    if (argc != 1)
        return shell_usage("df");
    ram_files_usage(&bytes, &files);
    printf("Filesystem  KiB-used  Files  Mounted on\nmemory     %9llu %6llu  /\n",
           (unsigned long long)(bytes + 1023) >> 10, (unsigned long long)files);
    return 0;
}

static int echo(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        printf("%s%s", i > 1 ? " " : "", argv[i]);
    printf("\n");
    return 0;
}

int shell_file_commands_register(void)
{
    static const struct shell_command commands[] = {
        { "ls", ls, "[-l] [PATH...]: folders' files" },
        { "cat", cat, "FILE...: print files" },
        { "cp", cp, "FROM TO: copy a file" },
        { "rm", rm, "[-f] PATH...: remove files and empty folders" },
        { "mkdir", make_folder, "[-p] PATH...: make folders" },
        { "mount", mount, ": what is mounted" },
        { "umount", unmount, "PATH: let go of a mount" },
        { "df", df, ": memory that files use" },
        { "echo", echo, "WORD...: print words" },
    };
    int error = 0;

    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]) && !error; i++)
        error = shell_command_register(&commands[i]);
    return error;
}
