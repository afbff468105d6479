/*
 * Bridges' nodes.  See bridge-nodes.h.
 */
#include "split-drivers/net/back/bridge-nodes.h"
#include "network/bridges.h"
#include "split-drivers/handshake/xenbus.h"
#include "tasks/task.h"
#include "xenstore/client.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROOT            "/local/domain/0/bridge"
#define ADDRESSES_SHOWN 256u
#define RETRY_NS        100000000ULL

static struct xs_client *store;

/* dom0's own port; NULL: it is not on this bridge. */
static const struct switch_port *bridge_host(const struct bridge *bridge)
{
    const struct switch_port *port = switch_ports_first(bridge->net_switch);

    while (port && strcmp(port->name, "host") != 0)
        port = port->next;
    return port;
}

static void path_of(const char *name, char path[80])
{
    snprintf(path, 80, ROOT "/%.20s", name);
}

static void describe(const struct bridge *bridge)
{
    const struct switch_port *host = bridge_host(bridge);
    char path[80];

    path_of(bridge->name, path);
    if (host)
        handshake_write(store, path, "mac", "%02x:%02x:%02x:%02x:%02x:%02x", host->mac[0],
                        host->mac[1], host->mac[2], host->mac[3], host->mac[4], host->mac[5]);
    handshake_write(store, path, "uplink", "%s", bridge->uplink);
    handshake_write(store, path, "state", "up");
    handshake_write(store, path, "error", "%s", "");
}

static void refuse(const char *name, int error)
{
    char path[80];

    path_of(name, path);
    handshake_write(store, path, "error", "%s", strerror(-error));
    handshake_write(store, path, "state", "error");
}

static int create(const char *name, const char *uplink, struct bridge **bridge)
{
    int error = bridge_create(name, bridge);

    if (!error && uplink && uplink[0]) {
        error = bridge_set_uplink(*bridge, uplink);
        if (error)
            bridge_delete(*bridge);
    }
    return error;
}

static void wanted(const char *name)
{
    struct bridge *bridge = bridge_find(name);
    char path[80], *uplink;
    int error;

    path_of(name, path);
    if (!bridge) {
        uplink = handshake_read_string(store, path, "want-uplink");
        error = create(name, uplink, &bridge);
        free(uplink);
        if (error) {
            refuse(name, error);
            return;
        }
    }
    describe(bridge);
}

static void unwanted(const char *name)
{
    struct bridge *bridge = bridge_find(name);
    int error = bridge ? bridge_delete(bridge) : 0;
    char path[80];

    path_of(name, path);
    if (error)
        refuse(name, error);
    else
        xs_rm(store, XS_NO_TX, path);
}

/* Numbered, since a name with a dot cannot be a node's. */
static void show_ports(const char *path, struct net_switch *net_switch)
{
    unsigned int n = 0;

    for (struct switch_port *port = switch_ports_first(net_switch); port; port = port->next) {
        const struct port_counters *c = &port->counters;
        char node[32];

        snprintf(node, sizeof(node), "port/%u", n++);
        handshake_write(store, path, node, "%s %llu %llu %llu %llu %llu %llu %llu %u %u",
                        port->name, (unsigned long long)c->in_packets,
                        (unsigned long long)c->in_bytes, (unsigned long long)c->in_dropped,
                        (unsigned long long)c->out_packets, (unsigned long long)c->out_bytes,
                        (unsigned long long)c->out_dropped, (unsigned long long)c->spoofed,
                        (unsigned int)port->vlan, (unsigned int)port->mtu);
    }
}

static void show_addresses(const char *path, struct net_switch *net_switch)
{
    struct switch_address a;

    for (unsigned int n = 0; n < ADDRESSES_SHOWN && switch_address(net_switch, n, &a); n++) {
        char node[32];

        snprintf(node, sizeof(node), "address/%u", n);
        handshake_write(store, path, node, "%02x:%02x:%02x:%02x:%02x:%02x %u %s %llu", a.mac[0],
                        a.mac[1], a.mac[2], a.mac[3], a.mac[4], a.mac[5], (unsigned int)a.vlan,
                        a.port->name, (unsigned long long)(a.age_ns / 1000000000));
    }
}

static void looked_at(const char *name)
{
    struct bridge *bridge = bridge_find(name);
    char path[80], *number, below[100];

    path_of(name, path);
    number = handshake_read_string(store, path, "look");
    if (bridge && number) {
        snprintf(below, sizeof(below), "%s/port", path);
        xs_rm(store, XS_NO_TX, below);
        snprintf(below, sizeof(below), "%s/address", path);
        xs_rm(store, XS_NO_TX, below);
        show_ports(path, bridge->net_switch);
        show_addresses(path, bridge->net_switch);
        handshake_write(store, path, "looked", "%s", number);
    }
    free(number);
}

static void watch_fired(const char *path)
{
    char name[24], node[24], directory[80];
    uint64_t is_wanted;

    if (sscanf(path, ROOT "/%20[^/]/%20s", name, node) != 2)
        return;
    path_of(name, directory);
    if (!strcmp(node, "look"))
        looked_at(name);
    else if (!strcmp(node, "wanted") &&
             !handshake_read_number(store, directory, "wanted", 1, &is_wanted))
        is_wanted ? wanted(name) : unwanted(name);
}

static void watch_task(void *arg)
{
    char *path, *token;

    (void)arg;
    for (;;) {
        if (xs_wait_watch(store, -1, &path, &token)) {
            task_sleep_ns(RETRY_NS);
            continue;
        }
        watch_fired(path);
        free(path);
        free(token);
    }
}

int bridge_nodes_start(void)
{
    int error;

    store = xs_open();
    if (!store)
        return -ENOMEM;
    for (struct bridge *bridge = bridges_first(); bridge; bridge = bridge->next)
        describe(bridge);
    error = xs_watch(store, ROOT, "bridge");
    if (error)
        return error;
    return task_spawn("bridge-nodes", watch_task, NULL, 0) ? 0 : -ENOMEM;
}
