/*
 * dom0's address.  See host-address.h.
 */
#include "network/host-address.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lwip/dhcp.h"
#include "lwip/dns.h"

#define WORD_MAX   128u
#define DHCP_TRIES 3 /* the next would come after 14 seconds */

/* One machine's: not its network's own, nor everybody's there, nor one inside each machine. */
static bool is_a_machines(const ip4_addr_t *address, const ip4_addr_t *mask)
{
    u32_t host = address->addr & ~mask->addr;

    if (ip4_addr_isany(address) || ip4_addr_ismulticast(address) || ip4_addr_isloopback(address) ||
        !~address->addr)
        return false;
    return lwip_ntohl(~mask->addr) < 2 || (host && host != ~mask->addr);
}

int host_address_parse_network(const char *text, ip4_addr_t *address, ip4_addr_t *mask)
{
    char word[WORD_MAX], *slash, *end;
    unsigned long bits;

    snprintf(word, sizeof(word), "%s", text);
    slash = strchr(word, '/');
    if (!slash)
        return -EINVAL;
    *slash = 0;
    bits = strtoul(slash + 1, &end, 10);
    if (*end || end == slash + 1 || bits < 1 || bits > 32 || !ip4addr_aton(word, address))
        return -EINVAL;
    mask->addr = lwip_htonl(~0u << (32 - bits));
    return is_a_machines(address, mask) ? 0 : -EINVAL;
}

/* The comma-separated words behind the first. */
static int parse_rest(char *rest, struct host_address *address)
{
    char *gateway = strsep(&rest, ","), *dns = strsep(&rest, ",");

    if (rest || (gateway && *gateway && !ip4addr_aton(gateway, &address->gateway)) ||
        (dns && !ipaddr_aton(dns, &address->dns)))
        return -EINVAL;
    return 0;
}

int host_address_parse(const char *text, struct host_address *address)
{
    char words[WORD_MAX], *rest = words, *first;
    int error;

    memset(address, 0, sizeof(*address));
    if (!strcmp(text, "none"))
        return 0;
    address->kind = HOST_ADDRESS_DHCP;
    if (!strcmp(text, "dhcp"))
        return 0;
    address->kind = HOST_ADDRESS_STATIC;
    if (strlen(text) >= sizeof(words))
        return -EINVAL;
    strcpy(words, text);
    first = strsep(&rest, ",");
    error = host_address_parse_network(first, &address->address, &address->mask);
    return error ? error : parse_rest(rest, address);
}

/* The last "ip=" on the command line; false: there is none. */
static bool word_of(const char *command_line, char *word, size_t size)
{
    bool found = false;

    for (const char *at = command_line; *at;) {
        size_t length = strcspn(at, " ");

        if (!strncmp(at, "ip=", 3)) {
            snprintf(word, size, "%.*s", (int)length - 3, at + 3);
            found = true;
        }
        at += length;
        at += strspn(at, " ");
    }
    return found;
}

void host_address_start_dhcp(struct netif *netif)
{
    dhcp_release_and_stop(netif);
    if (dhcp_start(netif) != ERR_OK)
        printf("network: DHCP: out of memory\n");
}

void host_address_start(struct netif *netif, const char *command_line, bool uplink)
{
    struct host_address address = { .kind = uplink ? HOST_ADDRESS_DHCP : HOST_ADDRESS_NONE };
    char word[WORD_MAX];

    if (word_of(command_line, word, sizeof(word)) && host_address_parse(word, &address)) {
        printf("network: ip=%s: not understood (dhcp, none or ADDRESS/N,GATEWAY,DNS): no address\n",
               word);
        address.kind = HOST_ADDRESS_NONE;
    }
    if (address.kind == HOST_ADDRESS_DHCP)
        host_address_start_dhcp(netif);
    if (address.kind != HOST_ADDRESS_STATIC)
        return;
    netif_set_addr(netif, &address.address, &address.mask, &address.gateway);
    if (!ip_addr_isany(&address.dns))
        dns_setserver(0, &address.dns);
}

/* After some seconds without an answer there is no server; lwIP goes on asking nevertheless. */
static bool is_awaited(const struct netif *netif)
{
    const struct dhcp *dhcp = netif_dhcp_data(netif);

    return dhcp && dhcp->state && !dhcp_supplied_address(netif) && dhcp->tries <= DHCP_TRIES;
}

int host_address_wait(const struct netif *netif, const struct patience *patience)
{
    struct wait_queue nobody = WAIT_QUEUE_INIT;
    int error = 0;

    while (!error && is_awaited(netif))
        error = patience_wait(patience, &nobody);
    return error;
}

static bool is_tentative(const struct netif *netif)
{
    for (s8_t i = 0; i < LWIP_IPV6_NUM_ADDRESSES; i++)
        if (ip6_addr_istentative(netif_ip6_addr_state(netif, i)))
            return true;
    return false;
}

int host_address_wait6(const struct netif *netif, const struct patience *patience)
{
    struct wait_queue nobody = WAIT_QUEUE_INIT;
    int error = 0;

    while (!error && is_tentative(netif))
        error = patience_wait(patience, &nobody);
    return error;
}
