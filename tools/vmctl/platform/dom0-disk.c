/*
 * What a disk's target is in our dom0: a file, or a device as the block backend's nodes have it
 * (split-drivers/block/back/disk-nodes.h).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "vmctl/platform/platform.h"
#include "xenstore/client.h"

#define DISKS "/local/domain/0/disk"

static char *disk_node(struct xs_client *store, const char *disk, const char *node)
{
    char path[80], *text;

    snprintf(path, sizeof(path), DISKS "/%.20s/%s", disk, node);
    return xs_read(store, XS_NO_TX, path, &text, NULL) ? NULL : text;
}

/* GPT's numbers may be written with large letters. */
static bool same_name(const char *name, const char *wanted)
{
    return strncmp(name, "PARTUUID=", 9) && strncmp(name, "/dev/disk/by-partuuid/", 22)
               ? !strcmp(name, wanted)
               : !strcasecmp(name, wanted);
}

/* The names are lines. */
static bool has_name(struct xs_client *store, const char *disk, const char *wanted)
{
    char *names = disk_node(store, disk, "names"), *rest = names, *name;
    bool found = false;

    while (!found && (name = strsep(&rest, "\n")))
        found = *name && same_name(name, wanted);
    free(names);
    return found;
}

static int disk_read(struct xs_client *store, const char *name, struct platform_disk *disk)
{
    char *place = disk_node(store, name, "place"), mode = 'r';
    unsigned long long first = 0, sectors = 0;
    int fields =
        place ? sscanf(place, "%31s %llu %llu %c", disk->disk, &first, &sectors, &mode) : 0;

    free(place);
    if (fields != 4)
        return -ENODEV;
    snprintf(disk->path, sizeof(disk->path), "/dev/%s", name);
    disk->first = first;
    disk->sectors = sectors;
    disk->read_only = mode != 'w';
    return 0;
}

static int disk_find(struct xs_client *store, const char *name, struct platform_disk *disk)
{
    char **disks;
    const char *found = NULL;
    size_t count;
    int error = xs_list(store, XS_NO_TX, DISKS, &disks, &count);

    if (error)
        return error == -ENOENT ? -ENODEV : error;
    for (size_t i = 0; i < count && !error; i++) {
        if (!has_name(store, disks[i], name))
            continue;
        error = found ? -EMLINK : 0;
        found = disks[i];
    }
    if (!error)
        error = found ? disk_read(store, found, disk) : -ENODEV;
    free(disks);
    return error;
}

static int file_find(const char *path, struct platform_disk *disk)
{
    struct stat status;

    if (stat(path, &status))
        return -errno;
    if (S_ISDIR(status.st_mode))
        return -EISDIR;
    snprintf(disk->path, sizeof(disk->path), "%s", path);
    disk->is_file = true;
    disk->sectors = (uint64_t)status.st_size / 512;
    return 0;
}

int platform_disk_find(const char *name, struct platform_disk *disk)
{
    struct xs_client *store;
    int error;

    memset(disk, 0, sizeof(*disk));
    if (name[0] == '/' && strncmp(name, "/dev/", 5) != 0)
        return file_find(name, disk);
    store = xs_open();
    if (!store)
        return -ENOMEM;
    error = disk_find(store, name, disk);
    xs_close(store);
    return error;
}
