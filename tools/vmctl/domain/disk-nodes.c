/*
 * A disk's nodes in xenstore: the frontend's and the backend's.  See nodes.h.
 *
 * Written in state 1 (initialising) on both sides; from there on the two talk to each other
 * (xen/io/xenbus.h: the xenbus states).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hypercall-abi/rings/xenbus.h"
#include "vmctl/domain/nodes.h"
#include "vmctl/domain/writer.h"
#include "vmctl/platform/platform.h"
#include "xenstore/client.h"

static void write_backend(struct node_writer *writer, const struct disk_config *disk,
                          const struct platform_disk *device)
{
    unsigned int domid = writer->domid, number = disk->number;

    node_put(writer, "frontend", "/local/domain/%u/device/vbd/%u", domid, number);
    node_put(writer, "params", "%s", device->path);
    node_put(writer, "frontend-id", "%u", domid);
    node_put(writer, "online", "1");
    node_put(writer, "removable", "0");
    node_put(writer, "bootable", "1");
    node_put(writer, "dev", "%s", disk->name);
    node_put(writer, "type", device->is_file ? "file" : "phy");
    node_put(writer, "mode", disk->shared ? "w!" : disk->writable ? "w" : "r");
    node_put(writer, "device-type", "disk");
    node_put(writer, "discard-enable", "%d", !disk->no_discard);
    node_put(writer, "specification", "xen");
    node_put(writer, "physical-device", "%x:%x", (unsigned int)device->major,
             (unsigned int)device->minor);
    node_put(writer, "physical-device-path", "%s", device->path);
    node_put(writer, "hotplug-status", "connected");
    node_put(writer, "state", "1");
}

static void write_frontend(struct node_writer *writer, const struct disk_config *disk)
{
    node_put(writer, "backend", "/local/domain/0/backend/vbd/%u/%u", (unsigned int)writer->domid,
             (unsigned int)disk->number);
    node_put(writer, "backend-id", "0");
    node_put(writer, "virtual-device", "%u", (unsigned int)disk->number);
    node_put(writer, "device-type", "disk");
    node_put(writer, "trusted", "1");
    node_put(writer, "protocol", "x86_64-abi");
    node_put(writer, "state", "1");
}

static int write_once(struct xs_client *store, uint32_t domid, const struct disk_config *disk,
                      const struct platform_disk *device)
{
    struct node_writer writer;
    char path[80];
    int error = node_writer_start(&writer, store, domid);

    if (error)
        return error;
    snprintf(path, sizeof(path), "/local/domain/%u/device/vbd/%u", (unsigned int)domid,
             (unsigned int)disk->number);
    node_writer_base(&writer, path);
    node_make(&writer, "");
    node_give(&writer, "", NODE_FRONT);
    write_frontend(&writer, disk);
    snprintf(path, sizeof(path), "/local/domain/0/backend/vbd/%u/%u", (unsigned int)domid,
             (unsigned int)disk->number);
    node_writer_base(&writer, path);
    node_make(&writer, "");
    node_give(&writer, "", NODE_SHOWN);
    write_backend(&writer, disk, device);
    return node_writer_end(&writer);
}

int disk_nodes_write(struct xs_client *store, uint32_t domid, const struct disk_config *disk,
                     const struct platform_disk *device)
{
    int error;

    do
        error = write_once(store, domid, disk, device);
    while (error == -EAGAIN);
    return error;
}
