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

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct ram_dir_entry *)a)->name, ((const struct ram_dir_entry *)b)->name);
}

/* What is in a folder, in the order of names, for free() to take.  0 or -errno. */
static int folder_read(const char *path, struct ram_dir_entry **entries, size_t *count)
{
    struct ram_dir_entry *list = NULL, entry;
    int error;

    for (*count = 0; !(error = ram_files_list(path, *count, &entry)); (*count)++) {
        struct ram_dir_entry *more = realloc(list, (*count + 1) * sizeof(*list));

        if (!more) {
            free(list);
            return -ENOMEM;
        }
        list = more;
        list[*count] = entry;
    }
    if (error != -ENOENT) {
        free(list);
        return error;
    }
    if (*count)
        qsort(list, *count, sizeof(*list), by_name);
    *entries = list;
    return 0;
}

static int list_folder(const char *path, bool details)
{
    struct ram_dir_entry *entries;
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
    const char *name = strrchr(argv[1], '/'), *to = argv[2];
    char inside[512];
    struct stat status;

    if (!stat(to, &status) && S_ISDIR(status.st_mode)) {
        snprintf(inside, sizeof(inside), "%s/%s", to, name ? name + 1 : argv[1]);
        to = inside;
    }
    int error = ram_files_copy(argv[1], to);

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
        { "cp", cp, "FROM TO: copy a file, or into a folder" },
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
