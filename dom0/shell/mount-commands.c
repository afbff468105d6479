/*
 * mount umount df sync: which file systems there are, and what is on them.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "libc/files.h"
#include "shell/commands.h"
#include "shell/shell.h"
#include "storage/storage.h"

static int show_mounts(void)
{
    const char *directory;
    const struct file_system *fs;
    struct file_system_usage usage;
    struct stat status;

    for (size_t i = 0; files_mounted(i, &directory, &fs, &usage); i++)
        printf("%s on %s (%s, %s)\n", fs->source, directory, fs->type, fs->read_only ? "ro" : "rw");
    if (!stat("/extra", &status))
        printf("extra on /extra (ro)\n");
    return 0;
}

static int mount(int argc, char **argv)
{
    bool read_only = argc > 1 && !strcmp(argv[1], "-r");
    const struct file_system *fs;
    const char *why;

    if (argc == 1)
        return show_mounts();
    if (argc != 3 + read_only)
        return shell_usage("mount [-r] DEVICE DIR");
    const char *device = argv[1 + read_only], *directory = argv[2 + read_only];
    int error = storage_mount(device, directory, read_only, &fs, &why);

    if (error) {
        fprintf(stderr, "mount: %s on %s: %s\n", device, directory, why ? why : strerror(-error));
        return 1;
    }
    if (why)
        printf("%s is mounted read-only: %s\n", fs->source, why);
    return 0;
}

static int unmount(int argc, char **argv)
{
    if (argc != 2)
        return shell_usage("umount DIR");
    int error = files_unmount(argv[1]);

    return error ? shell_failed(argv[1], error) : 0;
}

static int df(int argc, char **argv)
{
    const char *directory;
    const struct file_system *fs;
    struct file_system_usage usage;

    (void)argv;
    if (argc != 1)
        return shell_usage("df");
    printf("Filesystem  KiB-used  KiB-free  Files  Mounted on\n");
    for (size_t i = 0; files_mounted(i, &directory, &fs, &usage); i++) {
        char left[24] = "-";

        if (usage.bytes)
            snprintf(left, sizeof(left), "%llu", (unsigned long long)usage.free_bytes >> 10);
        printf("%-10s %9llu %9s %6llu  %s\n", fs->source,
               (unsigned long long)(usage.used_bytes + 1023) >> 10, left,
               (unsigned long long)usage.files, directory);
    }
    return 0;
}

static int sync_all(int argc, char **argv)
{
    (void)argv;
    if (argc != 1)
        return shell_usage("sync");
    int error = files_sync();

    return error ? shell_failed("sync", error) : 0;
}

int shell_mount_commands_register(void)
{
    static const struct shell_command commands[] = {
        { "mount", mount,
          "[-r] DEVICE DIR: what is on a disk, in a folder; alone: what is mounted" },
        { "umount", unmount, "DIR: let go of what is mounted there" },
        { "df", df, ": room on file systems, and memory that files use" },
        { "sync", sync_all, ": wait until all that was written is on the disks" },
    };
    int error = 0;

    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]) && !error; i++)
        error = shell_command_register(&commands[i]);
    return error;
}
