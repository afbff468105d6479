/*
 * A network interface's nodes in xenstore: the frontend's and the backend's.  See nodes.h.
 */
#include <errno.h>
#include <stdio.h>

#include "vmctl/domain/nodes.h"
#include "vmctl/domain/writer.h"
#include "vmctl/platform/platform.h"
#include "xenstore/client.h"

static void write_both(struct node_writer *writer, const struct vif_config *vif)
{
    char mac[18];

    mac_format(vif->mac, mac);
    node_put(writer, "handle", "%u", (unsigned int)vif->device_id);
    node_put(writer, "mac", "%s", mac);
    node_put(writer, "mtu", "%u", vif->mtu ? (unsigned int)vif->mtu : 1500u);
}

static void write_backend(struct node_writer *writer, const struct vif_config *vif)
{
    node_put(writer, "frontend", "/local/domain/%u/device/vif/%u", (unsigned int)writer->domid,
             (unsigned int)vif->device_id);
    node_put(writer, "frontend-id", "%u", (unsigned int)writer->domid);
    node_put(writer, "online", "1");
    node_put(writer, "bridge", "%s", vif->bridge);
    node_put(writer, "type", "vif");
    node_put(writer, "script", "/etc/xen/scripts/vif-bridge"); /* netback wants one named */
    write_both(writer, vif);
    if (vif->name[0])
        node_put(writer, "vifname", "%s", vif->name);
    if (vif->rate_bytes)
        node_put(writer, "rate", "%llu,%u", (unsigned long long)vif->rate_bytes,
                 (unsigned int)vif->rate_us);
    if (vif->vlan)
        node_put(writer, "vlan", "%u", (unsigned int)vif->vlan);
    node_put(writer, "state", "1");
}

static void write_frontend(struct node_writer *writer, const struct vif_config *vif)
{
    node_put(writer, "backend", "/local/domain/0/backend/vif/%u/%u", (unsigned int)writer->domid,
             (unsigned int)vif->device_id);
    node_put(writer, "backend-id", "0");
    node_put(writer, "trusted", "1");
    write_both(writer, vif);
    node_put(writer, "state", "1");
}

static int write_once(struct xs_client *store, uint32_t domid, const struct vif_config *vif)
{
    struct node_writer writer;
    char path[80];
    int error = node_writer_start(&writer, store, domid);

    if (error)
        return error;
    snprintf(path, sizeof(path), "/local/domain/%u/device/vif/%u", (unsigned int)domid,
             (unsigned int)vif->device_id);
    node_writer_base(&writer, path);
    node_make(&writer, "");
    node_give(&writer, "", NODE_FRONT);
    write_frontend(&writer, vif);
    snprintf(path, sizeof(path), "/local/domain/0/backend/vif/%u/%u", (unsigned int)domid,
             (unsigned int)vif->device_id);
    node_writer_base(&writer, path);
    node_make(&writer, "");
    node_give(&writer, "", NODE_SHOWN);
    write_backend(&writer, vif);
    return node_writer_end(&writer);
}

int vif_nodes_write(struct xs_client *store, uint32_t domid, const struct vif_config *vif)
{
    int error;

    do
        error = write_once(store, domid, vif);
    while (error == -EAGAIN);
    return error;
}

int vif_nodes_wait(struct xs_client *store, uint32_t domid, const struct vif_config *vif, char *why,
                   size_t size)
{
    char path[100];
    int error = device_nodes_wait(store, "vif", domid, vif->device_id, why, size);

    if (!error)
        error = platform_vif_up(domid, vif, why, size);
    if (error)
        return error;
    snprintf(path, sizeof(path), "/local/domain/0/backend/vif/%u/%u/hotplug-status",
             (unsigned int)domid, (unsigned int)vif->device_id);
    return xs_printf(store, XS_NO_TX, path, "connected"); /* Linux's netback waits for it */
}
