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

#define CLOSE_WAIT_NS (5 * 1000000000LL)

static void write_backend(struct node_writer *writer, const struct disk_config *disk,
                          uint32_t major, uint32_t minor)
{
    unsigned int domid = writer->domid, number = disk->number;

    node_put(writer, "frontend", "/local/domain/%u/device/vbd/%u", domid, number);
    node_put(writer, "params", "%s", disk->target);
    node_put(writer, "frontend-id", "%u", domid);
    node_put(writer, "online", "1");
    node_put(writer, "removable", "0");
    node_put(writer, "bootable", "1");
    node_put(writer, "dev", "%s", disk->name);
    node_put(writer, "type", "phy");
    node_put(writer, "mode", "%s", disk->writable ? "w" : "r");
    node_put(writer, "device-type", "disk");
    node_put(writer, "discard-enable", "0");
    node_put(writer, "specification", "xen");
    node_put(writer, "physical-device", "%x:%x", (unsigned int)major, (unsigned int)minor);
    node_put(writer, "physical-device-path", "%s", disk->target);
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
                      uint32_t major, uint32_t minor)
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
    write_backend(&writer, disk, major, minor);
    return node_writer_end(&writer);
}

int disk_nodes_write(struct xs_client *store, uint32_t domid, const struct disk_config *disk,
                     uint32_t major, uint32_t minor)
{
    int error;

    do
        error = write_once(store, domid, disk, major, minor);
    while (error == -EAGAIN);
    return error;
}

static bool backend_is_closed(struct xs_client *store, const char *base)
{
    char path[120];
    uint64_t state;

    snprintf(path, sizeof(path), "%.90s/state", base);
    return xs_read_number(store, XS_NO_TX, path, &state) || state == XENBUS_CLOSED ||
           state == XENBUS_INITIALISING;
}

/* Asks one backend to close and waits a while for it. */
static void backend_close(struct xs_client *store, const char *base)
{
    int64_t deadline = platform_now_ns() + CLOSE_WAIT_NS, left;
    char path[120], *where, *token;

    if (backend_is_closed(store, base))
        return;
    snprintf(path, sizeof(path), "%.90s/online", base);
    xs_printf(store, XS_NO_TX, path, "0");
    snprintf(path, sizeof(path), "%.90s/state", base);
    if (xs_watch(store, path, "close"))
        return;
    xs_printf(store, XS_NO_TX, path, "%d", XENBUS_CLOSING);
    while (!backend_is_closed(store, base) && (left = deadline - platform_now_ns()) > 0)
        if (!xs_wait_watch(store, left, &where, &token)) {
            free(where);
            free(token);
        }
    xs_unwatch(store, path, "close");
    while (!xs_wait_watch(store, 0, &where, &token)) {
        free(where);
        free(token);
    }
}

void disk_nodes_remove(struct xs_client *store, uint32_t domid)
{
    char **disks, path[80];
    size_t count;

    snprintf(path, sizeof(path), "/local/domain/0/backend/vbd/%u", (unsigned int)domid);
    if (xs_list(store, XS_NO_TX, path, &disks, &count))
        return;
    for (size_t i = 0; i < count; i++) {
        snprintf(path, sizeof(path), "/local/domain/0/backend/vbd/%u/%.20s", (unsigned int)domid,
                 disks[i]);
        backend_close(store, path);
        xs_rm(store, XS_NO_TX, path);
    }
    free(disks);
    snprintf(path, sizeof(path), "/local/domain/0/backend/vbd/%u", (unsigned int)domid);
    xs_rm(store, XS_NO_TX, path);
}

static const char *short_name(const char *device)
{
    return strncmp(device, "/dev/", 5) ? device : device + 5;
}

/* Is one the other, or a partition of it?  (vda and vda1; nvme0n1 and nvme0n1p2.) */
static bool devices_overlap(const char *a, const char *b)
{
    a = short_name(a);
    b = short_name(b);
    if (strlen(a) > strlen(b)) {
        const char *longer = a;

        a = b;
        b = longer;
    }
    size_t length = strlen(a);

    if (strncmp(a, b, length) != 0)
        return false;
    b += length;
    if (!*b)
        return true;
    if (*b == 'p')
        b++;
    else if (length && a[length - 1] >= '0' && a[length - 1] <= '9')
        return false; /* vda1 and vda10 */
    return *b && strspn(b, "0123456789") == strlen(b);
}

static bool backend_excludes(struct xs_client *store, const char *base,
                             const struct disk_config *disk)
{
    char path[120], *target, *mode = NULL;
    bool excludes = false;

    snprintf(path, sizeof(path), "%.90s/params", base);
    if (xs_read(store, XS_NO_TX, path, &target, NULL))
        return false;
    snprintf(path, sizeof(path), "%.90s/mode", base);
    if (!xs_read(store, XS_NO_TX, path, &mode, NULL))
        excludes = devices_overlap(target, disk->target) && (disk->writable || mode[0] == 'w');
    free(target);
    free(mode);
    return excludes;
}

int disk_check_free(struct xs_client *store, const struct disk_config *disk, uint32_t *user)
{
    char **domains, path[100];
    size_t count;
    int error = 0;

    if (xs_list(store, XS_NO_TX, "/local/domain/0/backend/vbd", &domains, &count))
        return 0;
    for (size_t i = 0; i < count && !error; i++) {
        char **disks;
        size_t disk_count;

        snprintf(path, sizeof(path), "/local/domain/0/backend/vbd/%.20s", domains[i]);
        if (xs_list(store, XS_NO_TX, path, &disks, &disk_count))
            continue;
        for (size_t j = 0; j < disk_count && !error; j++) {
            snprintf(path, sizeof(path), "/local/domain/0/backend/vbd/%.20s/%.20s", domains[i],
                     disks[j]);
            if (backend_excludes(store, path, disk)) {
                *user = (uint32_t)strtoul(domains[i], NULL, 10);
                error = -EBUSY;
            }
        }
        free(disks);
    }
    free(domains);
    return error;
}
