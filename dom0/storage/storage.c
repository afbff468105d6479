/*
 * Storage: which device is meant, and the task behind all mounts.  See storage.h.
 */
#include "storage/storage.h"
#include "devices/block-device.h"
#include "libc/files.h"
#include "storage/ext-mount.h"
#include "tasks/task.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define COMMIT_NS 5000000000ULL
#define STACK     (128u << 10)
#define DATA_NAME "paravane"

/* What is on a device that nobody writes. */
static int probe(struct block_device *device, struct ext_probe *found)
{
    int error = block_device_claim(device, false);

    if (error)
        return error;
    error = ext_probe(device, found);
    block_device_release(device, false);
    return error;
}

typedef bool device_fits(struct block_device *device, const char *name);

static bool fits_label(struct block_device *device, const char *name)
{
    struct ext_probe found;

    return !probe(device, &found) && !strcmp(found.label, name);
}

static bool fits_uuid(struct block_device *device, const char *name)
{
    struct ext_probe found;

    return !probe(device, &found) && !strcasecmp(found.uuid, name);
}

/* By the partition table's word alone: a file system's label is its guest's to write, and what is
 * on the data partition is started. */
static bool fits_data(struct block_device *device, const char *name)
{
    return !strcmp(device->partition_name, name);
}

/* The one device that fits; -ENODEV: none does, -EMLINK: several do. */
static int find(device_fits *fits, const char *name, struct block_device **found)
{
    *found = NULL;
    for (struct block_device *at = block_devices_first(); at; at = at->next) {
        if (!fits(at, name))
            continue;
        if (*found)
            return -EMLINK;
        *found = at;
    }
    return *found ? 0 : -ENODEV;
}

static int find_device(const char *name, struct block_device **device)
{
    if (!strncmp(name, "LABEL=", 6))
        return find(fits_label, name + 6, device);
    if (!strncmp(name, "UUID=", 5))
        return find(fits_uuid, name + 5, device);
    return block_device_find(name, device);
}

static int mount(struct block_device *device, const char *directory, bool read_only,
                 const struct file_system **result, const char **why)
{
    struct file_system *fs;
    int error = ext_mount(device, read_only, &fs, why);

    if (error)
        return error;
    error = files_mount(fs, directory);
    if (error) {
        *why = NULL;
        fs->operations->unmount(fs);
        return error;
    }
    *result = fs;
    return 0;
}

int storage_mount(const char *name, const char *directory, bool read_only,
                  const struct file_system **fs, const char **why)
{
    struct block_device *device;
    int error = find_device(name, &device);

    *why = error == -ENODEV   ? "there is no such disk, partition or file system"
           : error == -EMLINK ? "more than one is called so"
                              : NULL;
    return error ? error : mount(device, directory, read_only, fs, why);
}

static void commit_always(void *argument)
{
    (void)argument;
    for (;;) {
        task_sleep_ns(COMMIT_NS);
        files_sync(); /* who fails says so */
    }
}

/* What stands behind "data=" on the command line; false: nothing does. */
static bool data_wanted(const char *command_line, char *name, size_t size)
{
    for (const char *at = command_line; *at;) {
        size_t length = strcspn(at, " ");

        if (!strncmp(at, "data=", 5) && length - 5 < size) {
            memcpy(name, at + 5, length - 5);
            name[length - 5] = 0;
            return true;
        }
        at += length;
        at += strspn(at, " ");
    }
    return false;
}

static void mount_data(const char *command_line)
{
    const struct file_system *fs;
    struct block_device *device;
    const char *why = NULL;
    char name[128] = DATA_NAME;
    bool named = data_wanted(command_line, name, sizeof(name));
    int error;

    if (!strcmp(name, "off"))
        return;
    error = named ? find_device(name, &device) : find(fits_data, name, &device);
    if (error == -ENODEV && !named)
        return;
    if (error) {
        printf("dom0: nothing is mounted on " STORAGE_DATA ": %s is called %s\n",
               error == -ENODEV ? "no disk or partition" : "more than one", name);
        return;
    }
    error = files_make_directories(STORAGE_DATA);
    if (!error)
        error = mount(device, STORAGE_DATA, false, &fs, &why);
    if (error)
        printf("dom0: %s is not mounted on " STORAGE_DATA ": %s\n", device->name,
               why ? why : strerror(-error));
    else
        printf("dom0: %s is mounted on " STORAGE_DATA " (%s, %s)%s%s\n", device->name, fs->type,
               fs->read_only ? "read-only" : "writable", why ? ": " : "", why ? why : "");
}

int storage_start(const char *command_line)
{
    if (!task_spawn("storage", commit_always, NULL, STACK))
        return -ENOMEM;
    mount_data(command_line);
    return 0;
}
