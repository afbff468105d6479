/*
 * Connect: the xenstore conversation of the block backend, and nothing of the data path.
 *
 *   toolstack writes the node (state 1) -> we open and claim the device, tell its size and
 *   features, state 2 -> frontend grants a ring, state 3 -> we map it, state 4 -> frontend 4.
 *   Frontend closes (5, 6) -> we stop, unmap, state 5, 6; comes back (1) -> state 2 again.
 *   Toolstack sets our state to 5 with online 0, or removes the node -> we stop, release the
 *   device, state 6.
 *
 * One task for all disks reacts to watches by looking at everything anew: events only say that
 * something changed, never what.
 */
#include "split-drivers/block/back/block-back.h"
#include "split-drivers/block/back/vbd.h"
#include "split-drivers/handshake/xenbus.h"
#include "pv-kernel/event-ports.h"
#include "tasks/task.h"
#include "xenstore/client.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROOT "/local/domain/0/backend/vbd"

static struct vbd *vbds;
static struct xs_client *store;

static void node_write_error(struct vbd *vbd, const char *what, int error)
{
    handshake_write(store, vbd->backend, "hotplug-error", "%s: %s", what, strerror(-error));
    handshake_write(store, vbd->backend, "hotplug-status", "error");
    if (vbd->complaints++ >= VBD_COMPLAINTS_MAX)
        return;
    printf("block: guest %u disk %u: %s: %s\n", (unsigned int)vbd->domid,
           (unsigned int)vbd->device_id, what, strerror(-error));
}

/* The disk has room in its queue again: whoever waits for it goes on. */
static void room_again(void *arg)
{
    (void)arg;
    for (struct vbd *vbd = vbds; vbd; vbd = vbd->next)
        if (vbd->ring && vbd->mapped_first)
            vbd_wake(vbd);
}

/* Finds and claims what `params` names. */
static int device_open(struct vbd *vbd)
{
    char *params = handshake_read_string(store, vbd->backend, "params");
    char *mode = handshake_read_string(store, vbd->backend, "mode");
    int error = -ENODEV;

    vbd->writable = mode && mode[0] == 'w';
    if (params)
        error = block_device_find(params, &vbd->device);
    if (!error)
        error = block_device_claim(vbd->device, vbd->writable);
    if (error) {
        vbd->device = NULL;
        node_write_error(vbd, params ? params : "params", error);
    } else {
        struct block_device *disk = vbd->device->parent ? vbd->device->parent : vbd->device;

        disk->room = room_again;
    }
    free(mode);
    free(params);
    return error;
}

/*
 * Sectors are counted in 512 bytes whatever the disk's own are, as Linux's blkback and blkfront do;
 * sector-size tells the frontend what its requests must be multiples of.
 */
static void device_describe(struct vbd *vbd)
{
    unsigned int info = vbd->writable ? 0 : VDISK_READONLY;

    handshake_write(store, vbd->backend, "sectors", "%llu",
                    (unsigned long long)vbd->device->sectors);
    handshake_write(store, vbd->backend, "sector-size", "%u",
                    (unsigned int)vbd->device->sector_size);
    handshake_write(store, vbd->backend, "physical-sector-size", "%u",
                    (unsigned int)vbd->device->physical_sector_size);
    handshake_write(store, vbd->backend, "info", "%u", info);
    handshake_write(store, vbd->backend, "feature-flush-cache", "%d", vbd->device->has_flush);
    handshake_write(store, vbd->backend, "feature-barrier", "0");
    handshake_write(store, vbd->backend, "feature-discard", "0");
    handshake_write(store, vbd->backend, "feature-persistent", "0");
}

static void device_close(struct vbd *vbd)
{
    if (vbd->device)
        block_device_release(vbd->device, vbd->writable);
    vbd->device = NULL;
}

/* Maps ring and event channel as the frontend names them; every value is its to lie about. */
static int ring_open(struct vbd *vbd)
{
    char *protocol = handshake_read_string(store, vbd->frontend, "protocol");
    bool known = !protocol || !strcmp(protocol, "x86_64-abi");
    uint64_t ref, port;
    grant_ref_t refs[1];
    void *va;
    int error;

    free(protocol);
    if (!known)
        return -EPROTONOSUPPORT;
    error = handshake_read_number(store, vbd->frontend, "ring-ref", UINT32_MAX, &ref);
    if (!error)
        error = handshake_read_number(store, vbd->frontend, "event-channel", UINT32_MAX, &port);
    if (error)
        return error;
    refs[0] = (grant_ref_t)ref;
    error = grant_maps_map((domid_t)vbd->domid, refs, 1, true, &va, &vbd->ring_handle);
    if (error)
        return error;
    vbd->ring = va;
    error = event_port_bind_interdomain((domid_t)vbd->domid, (evtchn_port_t)port, &vbd->port);
    if (!error) {
        vbd->state = VBD_CONNECTED;
        error = vbd_serve_start(vbd);
        if (!error)
            return 0;
        vbd->state = VBD_WAITING;
        event_port_close(vbd->port);
    }
    grant_maps_unmap((void *)(uintptr_t)vbd->ring, &vbd->ring_handle, 1);
    vbd->ring = NULL;
    return error;
}

static void ring_close(struct vbd *vbd)
{
    if (!vbd->ring)
        return;
    event_port_mask(vbd->port);
    vbd_serve_stop(vbd);
    event_port_close(vbd->port);
    grant_maps_unmap((void *)(uintptr_t)vbd->ring, &vbd->ring_handle, 1);
    vbd->ring = NULL;
}

static void publish(struct vbd *vbd, enum xenbus_state state)
{
    handshake_write_state(store, vbd->backend, state);
}

static void frontend_watch(struct vbd *vbd, bool on)
{
    char path[512], token[40];

    if (!vbd->frontend)
        return;
    snprintf(path, sizeof(path), "%s/state", vbd->frontend);
    snprintf(token, sizeof(token), "f/%u/%u", (unsigned int)vbd->domid,
             (unsigned int)vbd->device_id);
    if (on)
        xs_watch(store, path, token);
    else
        xs_unwatch(store, path, token);
}

static struct vbd *vbd_find(uint32_t domid, uint32_t device_id)
{
    struct vbd *vbd = vbds;

    while (vbd && (vbd->domid != domid || vbd->device_id != device_id))
        vbd = vbd->next;
    return vbd;
}

static struct vbd *vbd_create(uint32_t domid, uint32_t device_id, const char *directory)
{
    char *frontend = handshake_read_string(store, directory, "frontend");
    struct vbd *vbd;

    /* The toolstack writes a node in one transaction; until then there is nothing to do. */
    if (!frontend || handshake_read_state(store, directory) != XENBUS_INITIALISING) {
        free(frontend);
        return NULL;
    }
    vbd = calloc(1, sizeof(*vbd));
    if (!vbd) {
        free(frontend);
        return NULL;
    }
    vbd->domid = domid;
    vbd->device_id = device_id;
    vbd->frontend = frontend;
    snprintf(vbd->backend, sizeof(vbd->backend), "%s", directory);
    vbd->next = vbds;
    vbds = vbd;
    if (device_open(vbd)) {
        vbd->state = VBD_FAILED;
        return vbd;
    }
    vbd->state = VBD_WAITING;
    device_describe(vbd);
    handshake_write(store, vbd->backend, "hotplug-status", "connected");
    publish(vbd, XENBUS_INIT_WAIT);
    frontend_watch(vbd, true);
    return vbd;
}

static void vbd_destroy(struct vbd *vbd)
{
    struct vbd **at = &vbds;

    ring_close(vbd);
    device_close(vbd);
    frontend_watch(vbd, false);
    while (*at != vbd)
        at = &(*at)->next;
    *at = vbd->next;
    free(vbd->frontend);
    free(vbd);
}

static bool is_online(const struct vbd *vbd)
{
    uint64_t online;

    return handshake_read_number(store, vbd->backend, "online", UINT32_MAX, &online) || online;
}

static void frontend_initialised(struct vbd *vbd)
{
    int error;

    if (vbd->state != VBD_WAITING)
        return;
    error = ring_open(vbd);
    if (error) {
        node_write_error(vbd, "frontend's ring", error);
        vbd->state = VBD_CLOSED;
        publish(vbd, XENBUS_CLOSING);
        return;
    }
    publish(vbd, XENBUS_CONNECTED);
}

static void frontend_closed(struct vbd *vbd)
{
    if (vbd->state == VBD_WAITING && handshake_read_state(store, vbd->backend) == XENBUS_INIT_WAIT)
        return; /* it was closed before it ever opened */
    ring_close(vbd);
    vbd->state = VBD_CLOSED;
    if (handshake_read_state(store, vbd->backend) != XENBUS_CLOSED)
        publish(vbd, XENBUS_CLOSED);
}

static void frontend_changed(struct vbd *vbd)
{
    switch (handshake_read_state(store, vbd->frontend)) {
    case XENBUS_INITIALISING:
        if (vbd->state == VBD_CLOSED) {
            vbd->state = VBD_WAITING;
            publish(vbd, XENBUS_INIT_WAIT);
        }
        break;
    case XENBUS_INITIALISED:
    case XENBUS_CONNECTED:
        frontend_initialised(vbd);
        break;
    case XENBUS_CLOSING:
        if (vbd->state == VBD_CONNECTED) {
            ring_close(vbd);
            vbd->state = VBD_CLOSED;
        }
        if (handshake_read_state(store, vbd->backend) != XENBUS_CLOSING)
            publish(vbd, XENBUS_CLOSING);
        break;
    case XENBUS_CLOSED:
        frontend_closed(vbd);
        break;
    default:
        break;
    }
}

/* The toolstack wants it gone: online is 0 and our state was set to closing. */
static void backend_shut(struct vbd *vbd)
{
    publish(vbd, XENBUS_CLOSED);
    vbd_destroy(vbd);
}

static void vbd_look(uint32_t domid, uint32_t device_id)
{
    struct vbd *vbd = vbd_find(domid, device_id);
    enum xenbus_state state;
    char directory[96];

    snprintf(directory, sizeof(directory), ROOT "/%u/%u", (unsigned int)domid,
             (unsigned int)device_id);
    state = handshake_read_state(store, directory);
    if (!vbd) {
        vbd = vbd_create(domid, device_id, directory);
        if (!vbd)
            return;
    } else if (state == XENBUS_UNKNOWN) {
        vbd_destroy(vbd);
        return;
    }
    if (state == XENBUS_CLOSING && !is_online(vbd)) {
        ring_close(vbd);
        backend_shut(vbd);
        return;
    }
    if (vbd->state != VBD_FAILED)
        frontend_changed(vbd);
}

/* Looks at every disk: for changes above the nodes, as when a guest's whole tree goes. */
static void look_at_all(void)
{
    struct vbd *next;

    for (struct vbd *vbd = vbds; vbd; vbd = next) {
        next = vbd->next;
        vbd_look(vbd->domid, vbd->device_id);
    }
}

static void watch_fired(const char *path, const char *token)
{
    unsigned int domid, device_id;

    if (sscanf(token, "f/%u/%u", &domid, &device_id) == 2 ||
        sscanf(path, ROOT "/%u/%u", &domid, &device_id) == 2)
        vbd_look(domid, device_id);
    else
        look_at_all();
}

static void watch_task(void *arg)
{
    char *path, *token;

    (void)arg;
    while (!xs_wait_watch(store, -1, &path, &token)) {
        watch_fired(path, token);
        free(path);
        free(token);
    }
    printf("block: lost the connection to xenstore\n");
}

int block_back_start(void)
{
    int error;

    store = xs_open();
    if (!store)
        return -ENOMEM;
    error = xs_watch(store, ROOT, "backend");
    if (error)
        return error;
    return task_spawn("block-back", watch_task, NULL, 0) ? 0 : -ENOMEM;
}
