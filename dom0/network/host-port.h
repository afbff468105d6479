/*
 * dom0 on a bridge: the port that leads from a switch to dom0's own stack, one per bridge on which
 * dom0 has an address.
 *
 * What comes from the switch is copied into lwIP's buffers with the batch's other copies and given
 * to lwIP at the batch's end; when there are no buffers it is dropped and counted.  Packets for
 * others (the switch floods) cost nothing.  What lwIP sends goes through host-gather.h.
 */
#ifndef NETWORK_HOST_PORT_H
#define NETWORK_HOST_PORT_H

#include "network/switch.h"
#include <stdbool.h>
#include <stdint.h>

struct netif; /* lwIP's */

struct host_port_lost {
    uint64_t no_memory; /* lwIP had no buffers */
    uint64_t copies;    /* a guest's pages could not be read */
    uint64_t refused;   /* lwIP made a packet the switch cannot take */
};

/*
 * Gives dom0 a port named "host" on the bridge's switch, with this address and MTU (1280 to 9000);
 * host_stack_start came before.  0, -EINVAL, -ENOMEM.
 */
int host_port_attach(struct net_switch *net_switch, const char *bridge, const uint8_t mac[6],
                     unsigned int mtu);
/* Takes it away again. */
void host_port_detach(struct netif *netif);

/* Hands what was sent to an address of our own to lwIP. */
void host_ports_poll(void);

/* lwIP's interface on the bridge; NULL: none. */
struct netif *host_port_netif(const char *bridge);
/* The bridge an interface is on; its own name if it is on none (the loopback). */
const char *host_port_bridge(const struct netif *netif);
/* False: it is on no bridge. */
bool host_port_counters(const struct netif *netif, struct port_counters *counters,
                        struct host_port_lost *lost);

#endif
