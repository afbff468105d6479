/*
 * Block names: the ways a config may name a disk or partition, which are those of Linux's udev, so
 * that one config fits both.
 *
 * What a disk says of itself (labels, GPT numbers) a guest that owns the whole disk may change; its
 * place in the machine it cannot.  So a name that fits two devices means neither.
 */
#include "devices/block-device.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define REST_BYTES 96u
#define NAME_BYTES 128u

static void its_name(const struct block_device *device, char rest[REST_BYTES])
{
    snprintf(rest, REST_BYTES, "%s", device->name);
}

static void its_label(const struct block_device *device, char rest[REST_BYTES])
{
    snprintf(rest, REST_BYTES, "%s", device->partition_name);
}

static void its_uuid(const struct block_device *device, char rest[REST_BYTES])
{
    snprintf(rest, REST_BYTES, "%s", device->partition_uuid);
}

/* "NAME" is the disk, "NAME-part2" its second partition. */
static void disk_or_part(const struct block_device *device, const char *disk_name,
                         char rest[REST_BYTES])
{
    if (device->parent && *disk_name)
        snprintf(rest, REST_BYTES, "%s-part%u", disk_name, device->partition);
    else
        snprintf(rest, REST_BYTES, "%s", disk_name);
}

static const struct block_device *disk_of(const struct block_device *device)
{
    while (device->parent)
        device = device->parent;
    return device;
}

static void its_id(const struct block_device *device, char rest[REST_BYTES])
{
    disk_or_part(device, disk_of(device)->id, rest);
}

static void its_place(const struct block_device *device, char rest[REST_BYTES])
{
    disk_or_part(device, disk_of(device)->place, rest);
}

static const struct kind {
    const char *prefix;
    void (*rest)(const struct block_device *device, char rest[REST_BYTES]);
    bool any_case;
} kinds[] = {
    { "", its_name, false },
    { "/dev/", its_name, false },
    { "PARTLABEL=", its_label, false },
    { "/dev/disk/by-partlabel/", its_label, false },
    { "PARTUUID=", its_uuid, true },
    { "/dev/disk/by-partuuid/", its_uuid, true },
    { "/dev/disk/by-id/", its_id, false },
    { "/dev/disk/by-path/pci-", its_place, false },
    { "/dev/disk/by-path/virtio-pci-", its_place, false },
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* False: it has no name of this kind. */
static bool name_make(const struct block_device *device, const struct kind *kind,
                      char name[NAME_BYTES])
{
    char rest[REST_BYTES];

    kind->rest(device, rest);
    snprintf(name, NAME_BYTES, "%s%s", kind->prefix, rest);
    return rest[0];
}

static bool answers_to(const struct block_device *device, const char *wanted)
{
    char name[NAME_BYTES];

    for (size_t i = 0; i < KINDS; i++)
        if (name_make(device, &kinds[i], name) &&
            !(kinds[i].any_case ? strcasecmp : strcmp)(name, wanted))
            return true;
    return false;
}

void block_device_names(const struct block_device *device, char names[BLOCK_NAMES_MAX])
{
    char name[NAME_BYTES];
    size_t used = 0;

    _Static_assert(KINDS * NAME_BYTES <= BLOCK_NAMES_MAX, "a line each");
    names[0] = '\0';
    for (size_t i = 0; i < KINDS; i++)
        if (name_make(device, &kinds[i], name))
            used += (size_t)snprintf(names + used, BLOCK_NAMES_MAX - used, "%s\n", name);
}

int block_device_find(const char *name, struct block_device **device)
{
    *device = NULL;
    for (struct block_device *at = block_devices_first(); at; at = at->next) {
        if (!answers_to(at, name))
            continue;
        if (*device)
            return -EMLINK;
        *device = at;
    }
    return *device ? 0 : -ENODEV;
}
