/*
 * Disks' nodes.  See disk-nodes.h.
 */
#include "split-drivers/block/back/disk-nodes.h"
#include "devices/block-device.h"
#include "split-drivers/handshake/xenbus.h"
#include <stdio.h>
#include <string.h>

#define ROOT "/local/domain/0/disk"

static int publish(struct xs_client *store, const struct block_device *device)
{
    const struct block_device *disk = device->parent ? device->parent : device;
    char path[64], names[BLOCK_NAMES_MAX];
    int error;

    block_device_names(device, names);
    snprintf(path, sizeof(path), ROOT "/%s/names", device->name);
    error = xs_write(store, XS_NO_TX, path, names, strlen(names));
    snprintf(path, sizeof(path), ROOT "/%s", device->name);
    if (!error)
        error = handshake_write(store, path, "place", "%s %llu %llu %c", disk->name,
                                (unsigned long long)device->first_sector,
                                (unsigned long long)device->sectors, device->read_only ? 'r' : 'w');
    return error;
}

int disk_nodes_publish(struct xs_client *store)
{
    int error = 0;

    for (struct block_device *at = block_devices_first(); at && !error; at = at->next)
        error = publish(store, at);
    return error;
}
