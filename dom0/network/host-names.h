/*
 * Names of machines: addresses written out, or DNS.
 */
#ifndef NETWORK_HOST_NAMES_H
#define NETWORK_HOST_NAMES_H

#include "network/patience.h"

#include "lwip/ip_addr.h"

enum host_family { HOST_ANY_FAMILY, HOST_IP4, HOST_IP6 };

/*
 * 0; -ENOENT: there is no such name, or no server knows; -EAFNOSUPPORT: an address of the other
 * family; -ENETUNREACH: no DNS server is known; -ETIMEDOUT, -EINTR, -ENOMEM.  While DHCP is still
 * asking for dom0's own address it is waited for first.
 */
int host_name_resolve(const char *name, enum host_family family, const struct patience *patience,
                      ip_addr_t *address);

#endif
