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

static bool by_name(const struct block_device *device, const char *name)
{
    return !strcmp(device->name, name);
}

static bool by_label(const struct block_device *device, const char *label)
{
    return *label && !strcmp(device->partition_name, label);
}

static bool by_uuid(const struct block_device *device, const char *uuid)
{
    return *uuid && !strcasecmp(device->partition_uuid, uuid);
}

/* "NAME" is the disk, "NAME-part2" its second partition. */
static bool is_disk_or_part(const struct block_device *device, const char *disk_name,
                            const char *wanted)
{
    char whole[64];

    if (!*disk_name)
        return false;
    if (device->parent)
        snprintf(whole, sizeof(whole), "%s-part%u", disk_name, device->partition);
    else
        snprintf(whole, sizeof(whole), "%s", disk_name);
    return !strcmp(whole, wanted);
}

static bool by_serial(const struct block_device *device, const char *wanted)
{
    return is_disk_or_part(device, device->parent ? device->parent->serial : device->serial,
                           wanted);
}

static bool by_place(const struct block_device *device, const char *wanted)
{
    return is_disk_or_part(device, device->parent ? device->parent->place : device->place, wanted);
}

static const struct {
    const char *prefix;
    bool (*matches)(const struct block_device *device, const char *rest);
} kinds[] = {
    { "PARTLABEL=", by_label },
    { "PARTUUID=", by_uuid },
    { "/dev/disk/by-partlabel/", by_label },
    { "/dev/disk/by-partuuid/", by_uuid },
    { "/dev/disk/by-id/virtio-", by_serial },
    { "/dev/disk/by-path/pci-", by_place },
    { "/dev/disk/by-path/virtio-pci-", by_place },
    { "/dev/", by_name },
    { "", by_name },
};

int block_device_find(const char *name, struct block_device **device)
{
    size_t kind = 0;

    while (strncmp(name, kinds[kind].prefix, strlen(kinds[kind].prefix)) != 0)
        kind++; /* the last one fits all */
    name += strlen(kinds[kind].prefix);
    *device = NULL;
    for (struct block_device *at = block_devices_first(); at; at = at->next) {
        if (!kinds[kind].matches(at, name))
            continue;
        if (*device)
            return -EMLINK;
        *device = at;
    }
    return *device ? 0 : -ENODEV;
}
