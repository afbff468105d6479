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
 * something changed, never what.  It sleeps for no disk: a vbd that is to stop is told so, and its
 * own task, once nothing is in flight, lets go of the ring and looks at the nodes again
 * (vbd_ended). Nothing between two such looks sleeps, so the two kinds of task never meet half way.
 *
 * What could not be done for want of memory is tried again until it can.
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

#define RETRY_NS 100000000LL

static struct vbd *vbds;
static struct xs_client *store;
static bool missed; /* something was not done for want of memory */

static void node_write_error(struct vbd *vbd, const char *what, int error)
{
    handshake_write(store, vbd->backend, "hotplug-error", "%s: %s", what, strerror(-error));
    handshake_write(store, vbd->backend, "hotplug-status", "error");
    if (vbd->complaints++ >= VBD_COMPLAINTS_MAX)
        return;
    printf("block: guest %u disk %u: %s: %s\n", (unsigned int)vbd->domid,
           (unsigned int)vbd->device_id, what, strerror(-error));
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

/* True if the ring is gone, or was never there; else it goes when nothing is in flight any more. */
static bool ring_close(struct vbd *vbd)
{
    if (!vbd->ring)
        return true;
    event_port_mask(vbd->port);
    vbd_serve_stop(vbd);
    return false;
}

static void publish(struct vbd *vbd, enum xenbus_state state)
{
    vbd->published = state;
    vbd->unpublished = handshake_write_state(store, vbd->backend, state) == -ENOMEM;
    missed |= vbd->unpublished;
}

static int frontend_watch(struct vbd *vbd, bool on)
{
    char path[512], token[40];

    snprintf(path, sizeof(path), "%s/state", vbd->frontend);
    snprintf(token, sizeof(token), "f/%u/%u", (unsigned int)vbd->domid,
             (unsigned int)vbd->device_id);
    return on ? xs_watch(store, path, token) : xs_unwatch(store, path, token);
}

static struct vbd *vbd_find(uint32_t domid, uint32_t device_id)
{
    struct vbd *vbd = vbds;

    while (vbd && (vbd->domid != domid || vbd->device_id != device_id))
        vbd = vbd->next;
    return vbd;
}

static void vbd_open(struct vbd *vbd)
{
    if (device_open(vbd)) {
        vbd->state = VBD_FAILED;
        return;
    }
    vbd->state = VBD_WAITING;
    device_describe(vbd);
    handshake_write(store, vbd->backend, "hotplug-status", "connected");
    publish(vbd, XENBUS_INIT_WAIT);
}

static struct vbd *vbd_create(uint32_t domid, uint32_t device_id, const char *directory)
{
    struct vbd *vbd;

    /* The toolstack writes a node in one transaction; until then there is nothing to do. */
    if (handshake_read_state(store, directory) != XENBUS_INITIALISING)
        return NULL;
    vbd = calloc(1, sizeof(*vbd));
    if (!vbd) {
        missed = true;
        return NULL;
    }
    vbd->domid = domid;
    vbd->device_id = device_id;
    snprintf(vbd->backend, sizeof(vbd->backend), "%s", directory);
    vbd->frontend = handshake_read_string(store, directory, "frontend");
    if (!vbd->frontend || frontend_watch(vbd, true)) {
        missed = true;
        free(vbd->frontend);
        free(vbd);
        return NULL;
    }
    vbd->next = vbds;
    vbds = vbd;
    vbd_open(vbd);
    return vbd;
}

static void vbd_destroy(struct vbd *vbd)
{
    struct vbd **at = &vbds;

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
    if (!ring_close(vbd))
        return;
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
        if (!ring_close(vbd))
            break;
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
    if (!vbd)
        vbd = vbd_create(domid, device_id, directory);
    if (!vbd || vbd->state == VBD_STOPPING)
        return;
    if (vbd->unpublished)
        publish(vbd, vbd->published);
    state = handshake_read_state(store, directory);
    if (state == XENBUS_UNKNOWN) {
        if (ring_close(vbd))
            vbd_destroy(vbd);
    } else if (state == XENBUS_CLOSING && !is_online(vbd)) {
        if (ring_close(vbd))
            backend_shut(vbd);
    } else if (vbd->state != VBD_FAILED) {
        frontend_changed(vbd);
    }
}

void vbd_ended(struct vbd *vbd)
{
    event_port_close(vbd->port);
    grant_maps_unmap((void *)(uintptr_t)vbd->ring, &vbd->ring_handle, 1);
    vbd->ring = NULL;
    vbd->state = VBD_CLOSED;
    vbd_look(vbd->domid, vbd->device_id);
}

/* The disks of one guest, by their nodes. */
static void look_at_guest(const char *guest)
{
    char directory[80], **disks;
    size_t count;
    int error;

    snprintf(directory, sizeof(directory), ROOT "/%.20s", guest);
    error = xs_list(store, XS_NO_TX, directory, &disks, &count);
    missed |= error == -ENOMEM;
    if (error)
        return;
    for (size_t i = 0; i < count; i++)
        vbd_look((uint32_t)strtoul(guest, NULL, 10), (uint32_t)strtoul(disks[i], NULL, 10));
    free(disks);
}

/* Looks at every disk, those there are and those whose nodes are there: for changes above the
 * nodes, and when an event may have been lost. */
static void look_at_all(void)
{
    struct vbd *next;
    char **guests;
    size_t count;
    int error;

    for (struct vbd *vbd = vbds; vbd; vbd = next) {
        next = vbd->next;
        vbd_look(vbd->domid, vbd->device_id);
    }
    error = xs_list(store, XS_NO_TX, ROOT, &guests, &count);
    missed |= error == -ENOMEM;
    if (error)
        return;
    for (size_t i = 0; i < count; i++)
        look_at_guest(guests[i]);
    free(guests);
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
    for (;;) {
        int error = xs_wait_watch(store, missed ? RETRY_NS : -1, &path, &token);

        if (!error) {
            watch_fired(path, token);
            free(path);
            free(token);
            continue;
        }
        /* Time to try again what was missed; or there was no memory for the event itself. */
        if (error != -ETIMEDOUT)
            task_sleep_ns(RETRY_NS);
        missed = false;
        look_at_all();
    }
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
