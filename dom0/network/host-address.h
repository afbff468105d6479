/*
 * dom0's address on a bridge: by DHCP, as the command line says, or none.  IPv6 addresses come by
 * themselves (link-local, and from routers: RFC 4862).
 *
 *     ip=dhcp                             the default where the bridge has an uplink
 *     ip=ADDRESS/N[,GATEWAY[,DNS]]        IPv4; DNS may be an IPv6 address
 *     ip=none
 */
#ifndef NETWORK_HOST_ADDRESS_H
#define NETWORK_HOST_ADDRESS_H

#include "network/patience.h"
#include <stdbool.h>

#include "lwip/ip_addr.h"
#include "lwip/netif.h"

enum host_address_kind { HOST_ADDRESS_NONE, HOST_ADDRESS_DHCP, HOST_ADDRESS_STATIC };

struct host_address {
    enum host_address_kind kind;
    ip4_addr_t address, mask, gateway; /* gateway, dns: any if there is none */
    ip_addr_t dns;
};

/* What stands behind "ip="; -EINVAL. */
int host_address_parse(const char *text, struct host_address *address);
/* "A.B.C.D/N" */
int host_address_parse_network(const char *text, ip4_addr_t *address, ip4_addr_t *mask);
/* Gives the bridge's interface its address as dom0's command line says, or else by DHCP if there is
 * an uplink.  Waits for nothing. */
void host_address_start(struct netif *netif, const char *command_line, bool uplink);
/* Begins anew to ask for an address. */
void host_address_start_dhcp(struct netif *netif);
/* 0 once the interface has an address or is not going to have one, else -ETIMEDOUT, -EINTR. */
int host_address_wait(const struct netif *netif, const struct patience *patience);
/* The same for IPv6: while it makes sure that nobody else has its addresses (RFC 4862, 5.4). */
int host_address_wait6(const struct netif *netif, const struct patience *patience);

#endif
