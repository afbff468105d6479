/*
 * dom0 on xenbr0.  See host.h.
 *
 * It has the uplink's Ethernet address, as a bridge of Linux has: what the neighbours and their
 * DHCP server know of this machine stays the same.  Without an uplink it is one of those set aside
 * for Xen's interfaces, with a random rest.
 */
#include "network/host.h"
#include "devices/net-device.h"
#include "libc/libc.h"
#include "network/bridges.h"
#include "network/host-address.h"
#include "network/host-port.h"
#include "network/host-stack.h"

#include <errno.h>
#include <string.h>

#define MTU 1500u

static void address_of(const struct bridge *bridge, uint8_t mac[6])
{
    const struct net_device *device = *bridge->uplink ? net_device_find(bridge->uplink) : NULL;
    uint64_t random = random_bits();

    memcpy(mac,
           (const uint8_t[]){ 0x00, 0x16, 0x3e, (uint8_t)(random >> 40), (uint8_t)(random >> 48),
                              (uint8_t)(random >> 56) },
           6);
    if (device)
        memcpy(mac, device->mac, sizeof(device->mac));
}

int host_start(const char *command_line)
{
    const struct bridge *bridge = bridge_find(BRIDGE_DEFAULT);
    int error = host_stack_start();
    uint8_t mac[6];

    if (error || !bridge)
        return error;
    address_of(bridge, mac);
    error = host_port_attach(bridge->net_switch, bridge->name, mac, MTU);
    if (error)
        return error;
    host_address_start(host_port_netif(bridge->name), command_line, *bridge->uplink);
    host_stack_flush();
    return 0;
}
