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

/* Finds and claims what `params` names. */
static int disk_claim(struct vbd *vbd)
{
    char *params = handshake_read_string(vbds.store, vbd->backend.path, "params");
    char *mode = handshake_read_string(vbds.store, vbd->backend.path, "mode");
    int error = -ENODEV;

    vbd->writable = mode && mode[0] == 'w';
    if (params)
        error = block_device_find(params, &vbd->device);
    if (!error)
        error = block_device_claim(vbd->device, vbd->writable);
    if (error) {
        vbd->device = NULL;
        backend_complain(&vbd->backend, params ? params : "params", error);
    }
    free(mode);
    free(params);
    return error;
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
    handshake_write(vbds.store, node, "feature-discard", "0");
    handshake_write(vbds.store, node, "feature-persistent", "0");
}

static int vbd_open(struct backend_device *backend)
{
    struct vbd *vbd = (struct vbd *)backend;
    int error = disk_claim(vbd);

    if (!error)
        disk_describe(vbd);
    return error;
}

static void vbd_close(struct backend_device *backend)
{
    struct vbd *vbd = (struct vbd *)backend;

    if (vbd->device)
        block_device_release(vbd->device, vbd->writable);
    vbd->device = NULL;
}

static void ring_unmap(struct vbd *vbd)
{
    grant_maps_unmap((void *)(uintptr_t)vbd->ring, &vbd->ring_handle, 1);
    vbd->ring = NULL;
}

static int ring_map(struct vbd *vbd, uint64_t ref, uint64_t port)
{
    grant_ref_t refs[1] = { (grant_ref_t)ref };
    domid_t domid = (domid_t)vbd->backend.domid;
    void *va;
    int error = grant_maps_map(domid, refs, 1, true, &va, &vbd->ring_handle);

    if (error)
        return error;
    vbd->ring = va;
    error = event_port_bind_interdomain(domid, (evtchn_port_t)port, &vbd->port);
    if (error)
        ring_unmap(vbd);
    return error;
}

/* Maps ring and event channel as the frontend names them; every value is its to lie about. */
static int vbd_connect(struct backend_device *backend)
{
    struct vbd *vbd = (struct vbd *)backend;
    char *protocol = handshake_read_string(vbds.store, backend->frontend, "protocol");
    bool known = !protocol || !strcmp(protocol, "x86_64-abi");
    uint64_t ref, port;
    int error;

    free(protocol);
    if (!known)
        return -EPROTONOSUPPORT;
    error = handshake_read_number(vbds.store, backend->frontend, "ring-ref", UINT32_MAX, &ref);
    if (!error)
        error = handshake_read_number(vbds.store, backend->frontend, "event-channel", UINT32_MAX,
                                      &port);
    if (!error)
        error = ring_map(vbd, ref, port);
    if (error)
        return error;
    error = vbd_serve_start(vbd);
    if (!error)
        return 0;
    event_port_close(vbd->port);
    ring_unmap(vbd);
    return error;
}

static void vbd_disconnect(struct backend_device *backend)
{
    struct vbd *vbd = (struct vbd *)backend;

    event_port_mask(vbd->port);
    vbd_serve_stop(vbd);
}

void vbd_ended(struct vbd *vbd)
{
    event_port_close(vbd->port);
    ring_unmap(vbd);
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
