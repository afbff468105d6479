/*
 * Bridges.  See bridges.h.
 */
#include "network/bridges.h"
#include "network/uplink.h"
#include "tasks/task.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AGE_EVERY_NS 30000000000ULL
#define MTU_MAX      9000u

static struct bridge *first;

struct bridge *bridges_first(void)
{
    return first;
}

struct bridge *bridge_find(const char *name)
{
    struct bridge *bridge = first;

    while (bridge && strcmp(bridge->name, name) != 0)
        bridge = bridge->next;
    return bridge;
}

static bool is_usable_name(const char *name)
{
    size_t length = strlen(name);

    return length && length < sizeof(first->name) &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") ==
               length;
}

int bridge_create(const char *name, struct bridge **created)
{
    struct bridge *bridge, **at = &first;
    unsigned int count = 0;

    if (!is_usable_name(name))
        return -EINVAL;
    if (bridge_find(name))
        return -EEXIST;
    for (; *at; at = &(*at)->next)
        count++;
    if (count == BRIDGES_MAX)
        return -ENOSPC;
    bridge = calloc(1, sizeof(*bridge));
    if (!bridge)
        return -ENOMEM;
    bridge->net_switch = switch_create();
    if (!bridge->net_switch) {
        free(bridge);
        return -ENOMEM;
    }
    strcpy(bridge->name, name);
    *at = bridge;
    if (created)
        *created = bridge;
    return 0;
}

int bridge_delete(struct bridge *bridge)
{
    struct bridge **at = &first;

    if (bridge->users || switch_ports_first(bridge->net_switch))
        return -EBUSY;
    while (*at != bridge)
        at = &(*at)->next;
    *at = bridge->next;
    switch_destroy(bridge->net_switch);
    free(bridge);
    return 0;
}

int bridge_set_uplink(struct bridge *bridge, const char *nic)
{
    struct net_device *device = net_device_find(nic);
    struct uplink *uplink;
    unsigned int mtu;
    int error;

    if (!device)
        return -ENODEV;
    if (bridge->uplink[0])
        return -EBUSY;
    mtu = device->mtu_max < MTU_MAX ? device->mtu_max : MTU_MAX;
    error = uplink_create(device, bridge->net_switch, mtu, &uplink);
    if (!error)
        snprintf(bridge->uplink, sizeof(bridge->uplink), "%s", nic);
    return error;
}

static void age_task(void *arg)
{
    (void)arg;
    for (;;) {
        task_sleep_ns(AGE_EVERY_NS);
        for (struct bridge *bridge = first; bridge; bridge = bridge->next)
            switch_age(bridge->net_switch);
    }
}

int bridges_start(void)
{
    struct net_device *nic = net_devices_first();
    struct bridge *bridge;
    int error = bridge_create(BRIDGE_DEFAULT, &bridge);

    if (error)
        return error;
    error = nic ? bridge_set_uplink(bridge, nic->name) : 0;
    if (error)
        printf("%s: not a port of %s: %s\n", nic->name, bridge->name, strerror(-error));
    return task_spawn("bridges", age_task, NULL, 0) ? 0 : -ENOMEM;
}
