/*
 * Connect: what the conversation (handshake/backend.h) means for a network interface, and nothing
 * of the data path.
 *
 * The toolstack's node says mac, bridge, rate, vlan and mtu; ours says what we can do; the
 * frontend's says what it wants of that, and where its rings are: for one queue in its own folder,
 * for more in queue-0, queue-1 ... below it.
 */
#include "split-drivers/net/back/net-back.h"
#include "split-drivers/net/back/vif.h"
#include "network/bridges.h"
#include "pv-kernel/event-ports.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MTU_DEFAULT 1500u
#define MTU_LEAST   68u /* RFC 791 */
#define MTU_MAX     9000u
#define VLAN_MAX    4094u

static struct backend_class vifs;

static bool mac_parse(const char *text, uint8_t mac[6])
{
    unsigned int byte[6];
    char end;

    if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%c", &byte[0], &byte[1], &byte[2], &byte[3], &byte[4],
               &byte[5], &end) != 6)
        return false;
    for (int i = 0; i < 6; i++)
        mac[i] = (uint8_t)byte[i];
    return !(mac[0] & 1);
}

static int mac_read(struct vif *vif)
{
    char *text = handshake_read_string(vifs.store, vif->backend.path, "mac");
    bool good = text && mac_parse(text, vif->port.mac);

    free(text);
    return good ? 0 : -EINVAL;
}

static int bridge_read(struct vif *vif)
{
    char *name = handshake_read_string(vifs.store, vif->backend.path, "bridge"), why[64];

    vif->bridge = bridge_find(name ? name : BRIDGE_DEFAULT);
    if (vif->bridge) {
        vif->bridge->users++;
    } else {
        snprintf(why, sizeof(why), "there is no bridge %.20s", name ? name : BRIDGE_DEFAULT);
        backend_refuse(&vif->backend, why);
    }
    free(name);
    return vif->bridge ? 0 : -ENODEV;
}

/* "bytes,microseconds", as the toolstack writes it. */
static void rate_read(struct vif *vif)
{
    char *text = handshake_read_string(vifs.store, vif->backend.path, "rate");
    unsigned long long bytes, microseconds;

    if (text && sscanf(text, "%llu,%llu", &bytes, &microseconds) == 2 && bytes && microseconds &&
        bytes < UINT32_MAX && microseconds <= 1000000)
        vif->rate = (struct turn_rate){ .bytes = bytes, .interval_ns = microseconds * 1000 };
    free(text);
}

static uint64_t number_or(const struct vif *vif, const char *node, uint64_t least, uint64_t most,
                          uint64_t otherwise)
{
    uint64_t number;

    if (handshake_read_number(vifs.store, vif->backend.path, node, most, &number) || number < least)
        return otherwise;
    return number;
}

static void describe(const struct vif *vif)
{
    static const char *const features[] = { "feature-sg",
                                            "feature-gso-tcpv4",
                                            "feature-gso-tcpv6",
                                            "feature-ipv6-csum-offload",
                                            "feature-rx-copy",
                                            "feature-multicast-control",
                                            "feature-dynamic-multicast-control",
                                            "feature-split-event-channels" };

    for (size_t i = 0; i < sizeof(features) / sizeof(features[0]); i++)
        handshake_write(vifs.store, vif->backend.path, features[i], "1");
    handshake_write(vifs.store, vif->backend.path, "feature-rx-flip", "0");
    handshake_write(vifs.store, vif->backend.path, "multi-queue-max-queues", "%u", VIF_QUEUES_MAX);
}

static int vif_open(struct backend_device *backend)
{
    struct vif *vif = (struct vif *)backend;
    int error = mac_read(vif);

    if (error) {
        backend_refuse(backend, "its mac is no address");
        return error;
    }
    error = bridge_read(vif);
    if (error)
        return error;
    rate_read(vif);
    vif->port.guarded = number_or(vif, "guarded", 0, 1, 1);
    vif->port.vlan = (uint16_t)number_or(vif, "vlan", 1, VLAN_MAX, 0);
    vif->port.mtu = (uint32_t)number_or(vif, "mtu", MTU_LEAST, MTU_MAX, MTU_DEFAULT);
    vif->port.operations = &vif_port_operations;
    snprintf(vif->port.name, sizeof(vif->port.name), "vif%u.%u", (unsigned int)backend->domid,
             (unsigned int)backend->device_id);
    describe(vif);
    return 0;
}

static void vif_close(struct backend_device *backend)
{
    struct vif *vif = (struct vif *)backend;

    if (vif->bridge)
        vif->bridge->users--;
    vif->bridge = NULL;
}

static bool frontend_says(const struct vif *vif, const char *node)
{
    uint64_t number;

    return !handshake_read_number(vifs.store, vif->backend.frontend, node, UINT32_MAX, &number) &&
           number;
}

static void features_read(struct vif *vif)
{
    vif->scatter_gather = frontend_says(vif, "feature-sg");
    vif->multicast_control = frontend_says(vif, "request-multicast-control");
    vif->multicast_count = 0;
    vif->port.takes = 0;
    if (!frontend_says(vif, "feature-no-csum-offload"))
        vif->port.takes |= PORT_TAKES_CHECKSUM4;
    if (frontend_says(vif, "feature-ipv6-csum-offload"))
        vif->port.takes |= PORT_TAKES_CHECKSUM6;
    if (vif->scatter_gather && frontend_says(vif, "feature-gso-tcpv4"))
        vif->port.takes |= PORT_TAKES_TCP4;
    if (vif->scatter_gather && frontend_says(vif, "feature-gso-tcpv6"))
        vif->port.takes |= PORT_TAKES_TCP6;
}

static int ring_map(const struct vif *vif, const char *folder, const char *node,
                    grant_handle_t *handle, void **ring)
{
    uint64_t ref;
    grant_ref_t refs[1];
    int error = handshake_read_number(vifs.store, folder, node, UINT32_MAX, &ref);

    if (error)
        return error;
    refs[0] = (grant_ref_t)ref;
    return grant_maps_map((domid_t)vif->backend.domid, refs, 1, true, ring, handle);
}

static int port_bind(const struct vif *vif, const char *folder, const char *node,
                     evtchn_port_t *port)
{
    uint64_t number;
    int error = handshake_read_number(vifs.store, folder, node, UINT32_MAX, &number);

    if (error)
        return error;
    return event_port_bind_interdomain((domid_t)vif->backend.domid, (evtchn_port_t)number, port);
}

static void queue_close(struct vif_queue *queue)
{
    if (queue->rx_port && queue->rx_port != queue->tx_port)
        event_port_close(queue->rx_port);
    if (queue->tx_port)
        event_port_close(queue->tx_port);
    if (queue->rx)
        grant_maps_unmap((void *)(uintptr_t)queue->rx, &queue->rx_handle, 1);
    if (queue->tx)
        grant_maps_unmap((void *)(uintptr_t)queue->tx, &queue->tx_handle, 1);
}

static int ports_bind(struct vif_queue *queue, const char *folder)
{
    int error = port_bind(queue->vif, folder, "event-channel-tx", &queue->tx_port);

    if (!error)
        return port_bind(queue->vif, folder, "event-channel-rx", &queue->rx_port);
    if (error == -ENOENT)
        error = port_bind(queue->vif, folder, "event-channel", &queue->tx_port);
    queue->rx_port = queue->tx_port;
    return error;
}

/* Maps rings and event channels as the frontend names them; every value is its to lie about.  What
 * was had before an error is given back by queue_close. */
static int queue_open(struct vif_queue *queue, const char *folder)
{
    void *ring;
    int error = ring_map(queue->vif, folder, "tx-ring-ref", &queue->tx_handle, &ring);

    if (error)
        return error;
    queue->tx = ring;
    error = ring_map(queue->vif, folder, "rx-ring-ref", &queue->rx_handle, &ring);
    if (error)
        return error;
    queue->rx = ring;
    return ports_bind(queue, folder);
}

static void queues_close(struct vif *vif)
{
    for (unsigned int i = 0; i < vif->queue_count; i++)
        queue_close(&vif->queues[i]);
    free(vif->queues);
    vif->queues = NULL;
}

static int queues_open(struct vif *vif, unsigned int count)
{
    char folder[512];
    int error = 0;

    vif->queues = calloc(count, sizeof(*vif->queues));
    if (!vif->queues)
        return -ENOMEM;
    vif->queue_count = count;
    for (unsigned int i = 0; i < count && !error; i++) {
        vif->queues[i].vif = vif;
        if (count == 1)
            snprintf(folder, sizeof(folder), "%s", vif->backend.frontend);
        else
            snprintf(folder, sizeof(folder), "%.480s/queue-%u", vif->backend.frontend, i);
        error = queue_open(&vif->queues[i], folder);
    }
    if (error)
        queues_close(vif);
    return error;
}

static int vif_connect(struct backend_device *backend)
{
    struct vif *vif = (struct vif *)backend;
    uint64_t count;
    int error;

    if (handshake_read_number(vifs.store, backend->frontend, "multi-queue-num-queues", UINT32_MAX,
                              &count))
        count = 1;
    if (!count || count > VIF_QUEUES_MAX)
        return -EINVAL;
    if (!frontend_says(vif, "request-rx-copy"))
        return -EOPNOTSUPP;
    features_read(vif);
    error = queues_open(vif, (unsigned int)count);
    if (error)
        return error;
    error = switch_attach(vif->bridge->net_switch, &vif->port);
    if (!error) {
        error = vif_serve_start(vif);
        if (error)
            switch_detach(&vif->port);
    }
    if (error)
        queues_close(vif);
    return error;
}

static void vif_disconnect(struct backend_device *backend)
{
    struct vif *vif = (struct vif *)backend;

    for (unsigned int i = 0; i < vif->queue_count; i++) {
        event_port_mask(vif->queues[i].tx_port);
        event_port_mask(vif->queues[i].rx_port);
    }
    switch_detach(&vif->port);
    vif_serve_stop(vif);
}

void vif_ended(struct vif *vif)
{
    queues_close(vif);
    backend_ended(&vif->backend);
}

static void multicast_control_changed(struct backend_device *backend)
{
    struct vif *vif = (struct vif *)backend;

    vif->multicast_control = frontend_says(vif, "request-multicast-control");
}

static struct backend_class vifs = { .name = "vif",
                                     .device_bytes = sizeof(struct vif),
                                     .open = vif_open,
                                     .close = vif_close,
                                     .connect = vif_connect,
                                     .disconnect = vif_disconnect,
                                     .watched = "request-multicast-control",
                                     .watched_changed = multicast_control_changed };

int net_back_start(void)
{
    return backend_start(&vifs);
}
