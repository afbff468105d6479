/*
 * An uplink: a NIC as a port of a switch.
 *
 * Packets to be sent are copied into pages of the uplink's own, so whoever sent them is done with
 * them at once.  Those pages bound what waits for the NIC; senders take turns by bytes.
 */
#ifndef NETWORK_UPLINK_H
#define NETWORK_UPLINK_H

#include "devices/net-device.h"
#include "network/switch.h"

struct uplink;

/* Opens the NIC and makes it a port; -ENOMEM, or what the NIC said. */
int uplink_create(struct net_device *device, struct net_switch *net_switch, unsigned int mtu,
                  struct uplink **created);

#endif
