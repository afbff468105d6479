/*
 * Names.  See host-names.h.
 */
#include "network/host-names.h"
#include "network/host-address.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lwip/dns.h"
#include "lwip/netif.h"

/* lwIP answers later, perhaps when nobody waits any more: then the answer frees it. */
struct lookup {
    struct wait_queue done;
    bool answered, abandoned, found;
    ip_addr_t address;
};

static void answered(const char *name, const ip_addr_t *address, void *argument)
{
    struct lookup *lookup = argument;

    (void)name;
    if (lookup->abandoned) {
        free(lookup);
        return;
    }
    lookup->answered = true;
    lookup->found = address != NULL;
    if (address)
        lookup->address = *address;
    wait_queue_wake_all(&lookup->done);
}

static int answer_wait(struct lookup *lookup, const struct patience *patience, ip_addr_t *address)
{
    int error = 0;

    while (!lookup->answered && !error)
        error = patience_wait(patience, &lookup->done);
    if (!lookup->answered) {
        lookup->abandoned = true;
        return error;
    }
    *address = lookup->address;
    error = lookup->found ? 0 : -ENOENT;
    free(lookup);
    return error;
}

static int ask(const char *name, enum host_family family, const struct patience *patience,
               ip_addr_t *address)
{
    static const u8_t types[] = { [HOST_ANY_FAMILY] = LWIP_DNS_ADDRTYPE_IPV4_IPV6,
                                  [HOST_IP4] = LWIP_DNS_ADDRTYPE_IPV4,
                                  [HOST_IP6] = LWIP_DNS_ADDRTYPE_IPV6 };
    struct lookup *lookup;
    err_t error;

    if (ip_addr_isany(dns_getserver(0)))
        return -ENETUNREACH;
    lookup = calloc(1, sizeof(*lookup));
    if (!lookup)
        return -ENOMEM;
    error = dns_gethostbyname_addrtype(name, address, answered, lookup, types[family]);
    if (error == ERR_INPROGRESS)
        return answer_wait(lookup, patience, address);
    free(lookup);
    return error == ERR_OK ? 0 : error == ERR_MEM ? -ENOMEM : -ENOENT;
}

/* An address that was written out. */
static int written(enum host_family family, ip_addr_t *address)
{
    if (family != HOST_ANY_FAMILY && IP_IS_V6(address) != (family == HOST_IP6))
        return -EAFNOSUPPORT;
    if (IP_IS_V6(address) && ip6_addr_lacks_zone(ip_2_ip6(address), IP6_UNICAST) && netif_default)
        ip6_addr_assign_zone(ip_2_ip6(address), IP6_UNICAST, netif_default);
    return 0;
}

int host_name_resolve(const char *name, enum host_family family, const struct patience *patience,
                      ip_addr_t *address)
{
    int error = 0;

    if (netif_default)
        error = host_address_wait(netif_default, patience);
    if (error)
        return error;
    error = ipaddr_aton(name, address) ? written(family, address)
                                       : ask(name, family, patience, address);
    if (!error && netif_default && IP_IS_V6(address))
        error = host_address_wait6(netif_default, patience);
    return error;
}
