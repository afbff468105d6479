/*
 * Connect: what the conversation (handshake/backend.h) means for a disk, and nothing of the data
 * path.
 */
#include "split-drivers/block/back/block-back.h"
#include "split-drivers/block/back/disk-nodes.h"
#include "split-drivers/block/back/vbd.h"
#include "pv-kernel/event-ports.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct backend_class vbds;

static void discard_describe(struct vbd *vbd)
{
    const char *node = vbd->backend.path;
    const struct block_limits *limits = &vbd->device->limits;
    uint32_t granularity = limits->discard_granularity;
    uint64_t enabled;

    if (handshake_read_number(vbds.store, node, "discard-enable", UINT32_MAX, &enabled))
        enabled = 1;
    vbd->discards = enabled && vbd->writable && limits->discard_sectors;
    if (granularity < limits->sector_size)
        granularity = limits->sector_size;
    handshake_write(vbds.store, node, "feature-discard", "%d", vbd->discards);
    handshake_write(vbds.store, node, "discard-granularity", "%u", (unsigned int)granularity);
    handshake_write(vbds.store, node, "discard-alignment", "0");
    handshake_write(vbds.store, node, "discard-secure", "0");
}

/*
 * Sectors are counted in 512 bytes whatever the disk's own are, as Linux's blkback and blkfront do;
 * sector-size tells the frontend what its requests must be multiples of.
 */
static void disk_describe(struct vbd *vbd)
{
    const char *node = vbd->backend.path;
    unsigned int info = vbd->writable ? 0 : VDISK_READONLY;

    handshake_write(vbds.store, node, "sectors", "%llu", (unsigned long long)vbd->device->sectors);
    handshake_write(vbds.store, node, "sector-size", "%u",
                    (unsigned int)vbd->device->limits.sector_size);
    handshake_write(vbds.store, node, "physical-sector-size", "%u",
                    (unsigned int)vbd->device->limits.physical_sector_size);
    handshake_write(vbds.store, node, "info", "%u", info);
    handshake_write(vbds.store, node, "feature-flush-cache", "%d", vbd->device->limits.flush);
    handshake_write(vbds.store, node, "feature-barrier", "0");
    handshake_write(vbds.store, node, "feature-persistent", "0"); /* nothing is copied here */
    handshake_write(vbds.store, node, "feature-max-indirect-segments", "%u", VBD_SEGMENTS_MAX);
    handshake_write(vbds.store, node, "max-ring-page-order", "%u", VBD_RING_ORDER);
    handshake_write(vbds.store, node, "multi-queue-max-queues", "%u", VBD_QUEUES_MAX);
    discard_describe(vbd);
}

static int vbd_open(struct backend_device *backend)
{
    struct vbd *vbd = (struct vbd *)backend;
    int error = target_open(vbd, vbds.store);

    if (!error)
        disk_describe(vbd);
    return error;
}

void vbd_target_opened(struct vbd *vbd, int error)
{
    if (!error && !vbd->backend.gone)
        disk_describe(vbd);
    backend_opened(&vbd->backend, error);
}

static void vbd_close(struct backend_device *backend)
{
    target_close((struct vbd *)backend);
}

/* Everything that the frontend says of its rings is its to lie about. */
static int vbd_connect(struct backend_device *backend)
{
    struct vbd *vbd = (struct vbd *)backend;
    char *protocol = handshake_read_string(vbds.store, backend->frontend, "protocol");
    bool known = !protocol || !strcmp(protocol, "x86_64-abi");
    int error;

    free(protocol);
    if (!known)
        return -EPROTONOSUPPORT;
    error = vbd_queues_open(vbd, vbds.store);
    if (error)
        return error;
    error = vbd_serve_start(vbd);
    if (error)
        vbd_queues_close(vbd);
    return error;
}

static void vbd_disconnect(struct backend_device *backend)
{
    struct vbd *vbd = (struct vbd *)backend;

    for (unsigned int i = 0; i < vbd->queue_count; i++)
        event_port_mask(vbd->queues[i].port);
    vbd_serve_stop(vbd);
}

void vbd_ended(struct vbd *vbd)
{
    vbd_queues_close(vbd);
    backend_ended(&vbd->backend);
}

static struct backend_class vbds = { .name = "vbd",
                                     .device_bytes = sizeof(struct vbd),
                                     .open = vbd_open,
                                     .close = vbd_close,
                                     .connect = vbd_connect,
                                     .disconnect = vbd_disconnect };

int block_back_start(void)
{
    int error = backend_start(&vbds);

    return error ? error : disk_nodes_publish(vbds.store);
}
