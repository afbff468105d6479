/*
 * ip: dom0's addresses, routes and neighbours, in the words of Linux's iproute2.
 *
 * lwIP knows one IPv4 address an interface and one default gateway; IPv6 prefixes are 64 bits.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lwip/dhcp.h"
#include "lwip/etharp.h"
#include "lwip/netif.h"
#include "lwip/priv/nd6_priv.h"

#include "network/host-address.h"
#include "network/host-port.h"
#include "network/host-stack.h"
#include "shell/commands.h"
#include "shell/network.h"

#define DHCP_WAIT_MS 20000
#define USAGE                                                                 \
    "ip addr|link|route|neigh [show], ip addr add|del ADDRESS/N dev BRIDGE, " \
    "ip route add default via ADDRESS, ip route del default, ip dhcp renew|release [dev BRIDGE]"

static int complain(const char *what, const char *why)
{
    fflush(stdout);
    fprintf(stderr, "ip: %s: %s\n", what, why);
    return 1;
}

/* The interface that "dev NAME" names, or the only one there is; NULL: said what is wrong. */
static struct netif *device(int argc, char **argv)
{
    const char *name = argc == 2 && !strcmp(argv[0], "dev") ? argv[1] : NULL;
    struct netif *netif = name ? host_port_netif(name) : argc ? NULL : netif_default;

    if (!netif)
        complain(name ? name : "dev", name ? "no such bridge (ip link lists them)"
                                           : "say which: dev BRIDGE (ip link lists them)");
    return netif;
}

static unsigned int prefix_bits(const ip4_addr_t *mask)
{
    return mask->addr ? 32u - (unsigned int)__builtin_ctz(__builtin_bswap32(mask->addr)) : 0;
}

static void show_link(const struct netif *netif)
{
    const u8_t *mac = netif->hwaddr;

    printf("%u: %s: <%s%s> mtu %u\n", netif_get_index(netif), host_port_bridge(netif),
           netif->hwaddr_len ? "BROADCAST,MULTICAST" : "LOOPBACK", netif_is_up(netif) ? ",UP" : "",
           netif->mtu ? netif->mtu : 65535u);
    if (netif->hwaddr_len)
        printf("    link/ether %02x:%02x:%02x:%02x:%02x:%02x\n", mac[0], mac[1], mac[2], mac[3],
               mac[4], mac[5]);
}

static void show_counters(const struct netif *netif)
{
    struct port_counters counters;
    struct host_port_lost lost;
    uint64_t dropped;

    if (!host_port_counters(netif, &counters, &lost))
        return;
    dropped = counters.in_dropped + lost.refused;
    printf("    RX: %llu packets, %llu bytes, %llu dropped (%llu no memory, %llu not readable)\n",
           (unsigned long long)counters.out_packets, (unsigned long long)counters.out_bytes,
           (unsigned long long)counters.out_dropped, (unsigned long long)lost.no_memory,
           (unsigned long long)lost.copies);
    printf("    TX: %llu packets, %llu bytes, %llu dropped\n",
           (unsigned long long)counters.in_packets, (unsigned long long)counters.in_bytes,
           (unsigned long long)dropped);
}

static const char *ip6_state(u8_t state)
{
    if (ip6_addr_istentative(state))
        return " tentative";
    return ip6_addr_isduplicated(state) ? " duplicate" : "";
}

static void show_addresses(struct netif *netif)
{
    if (!ip4_addr_isany(netif_ip4_addr(netif)))
        printf("    inet %s/%u%s\n", ip4addr_ntoa(netif_ip4_addr(netif)),
               prefix_bits(netif_ip4_netmask(netif)),
               dhcp_supplied_address(netif) ? " dynamic" : "");
    else if (netif_dhcp_data(netif) && netif_dhcp_data(netif)->state)
        printf("    inet none yet: asking by DHCP\n");
    for (s8_t i = 0; i < LWIP_IPV6_NUM_ADDRESSES; i++)
        if (!ip6_addr_isinvalid(netif_ip6_addr_state(netif, i)))
            printf("    inet6 %s/%u%s\n", network_text6(netif_ip6_addr(netif, i)),
                   netif->hwaddr_len ? 64u : 128u, ip6_state(netif_ip6_addr_state(netif, i)));
}

static int link_object(int argc, char **argv)
{
    const struct netif *netif;

    (void)argv;
    if (argc)
        return shell_usage(USAGE);
    NETIF_FOREACH(netif)
    {
        show_link(netif);
        show_counters(netif);
    }
    return 0;
}

static int ip6_change(struct netif *netif, bool add, const ip6_addr_t *address)
{
    s8_t i = netif_get_ip6_addr_match(netif, address);
    ip6_addr_t zoned = *address;

    ip6_addr_assign_zone(&zoned, IP6_UNICAST, netif);
    if (add)
        return network_error(netif_add_ip6_address(netif, &zoned, NULL));
    i = netif_get_ip6_addr_match(netif, &zoned);
    if (i < 0)
        return -EADDRNOTAVAIL;
    netif_ip6_addr_set_state(netif, i, IP6_ADDR_INVALID);
    return 0;
}

static int ip4_change(struct netif *netif, bool add, const ip4_addr_t *address,
                      const ip4_addr_t *mask)
{
    if (!add && !ip4_addr_cmp(netif_ip4_addr(netif), address))
        return -EADDRNOTAVAIL;
    if (add && !ip4_addr_isany(netif_ip4_addr(netif)))
        return -EEXIST;
    dhcp_release_and_stop(netif);
    netif_set_addr(netif, add ? address : NULL, add ? mask : NULL, NULL);
    return 0;
}

/* "A:B::C/64" */
static bool parse_ip6(const char *text, ip6_addr_t *address)
{
    char word[64], *slash;

    snprintf(word, sizeof(word), "%s", text);
    slash = strchr(word, '/');
    if (slash && strcmp(slash, "/64") != 0)
        return false;
    if (slash)
        *slash = 0;
    return ip6addr_aton(word, address) && !ip6_addr_isany(address) &&
           !ip6_addr_ismulticast(address);
}

static int address_change(bool add, int argc, char **argv)
{
    struct netif *netif;
    ip4_addr_t address, mask;
    ip6_addr_t address6;
    int error;

    if (argc < 1)
        return shell_usage(USAGE);
    netif = device(argc - 1, argv + 1);
    if (!netif)
        return 1;
    if (!host_address_parse_network(argv[0], &address, &mask))
        error = ip4_change(netif, add, &address, &mask);
    else if (parse_ip6(argv[0], &address6))
        error = ip6_change(netif, add, &address6);
    else
        return complain(argv[0], "no address (A.B.C.D/N or A:B::C/64)");
    host_stack_flush();
    if (error == -EEXIST)
        return complain(argv[0], "the bridge has an IPv4 address (ip addr del it first)");
    return error ? complain(argv[0], strerror(-error)) : 0;
}

static int address_object(int argc, char **argv)
{
    struct netif *netif;

    if (argc && !strcmp(argv[0], "add"))
        return address_change(true, argc - 1, argv + 1);
    if (argc && !strcmp(argv[0], "del"))
        return address_change(false, argc - 1, argv + 1);
    if (argc)
        return shell_usage(USAGE);
    NETIF_FOREACH(netif)
    {
        show_link(netif);
        show_addresses(netif);
    }
    return 0;
}

static int show_routes(void)
{
    struct netif *netif;

    NETIF_FOREACH(netif)
    if (netif->hwaddr_len && !ip4_addr_isany(netif_ip4_gw(netif)))
        printf("default via %s dev %s\n", ip4addr_ntoa(netif_ip4_gw(netif)),
               host_port_bridge(netif));
    NETIF_FOREACH(netif)
    if (!ip4_addr_isany(netif_ip4_addr(netif))) {
        ip4_addr_t net;

        ip4_addr_get_network(&net, netif_ip4_addr(netif), netif_ip4_netmask(netif));
        printf("%s/%u dev %s", ip4addr_ntoa(&net), prefix_bits(netif_ip4_netmask(netif)),
               host_port_bridge(netif));
        printf(" src %s\n", ip4addr_ntoa(netif_ip4_addr(netif)));
    }
    for (int i = 0; i < LWIP_ND6_NUM_ROUTERS; i++)
        if (default_router_list[i].neighbor_entry)
            printf("default via %s dev %s\n",
                   network_text6(&default_router_list[i].neighbor_entry->next_hop_address),
                   host_port_bridge(default_router_list[i].neighbor_entry->netif));
    return 0;
}

static int route_object(int argc, char **argv)
{
    bool add = argc && !strcmp(argv[0], "add");
    ip4_addr_t gateway = { 0 };

    if (!argc)
        return show_routes();
    if ((!add && strcmp(argv[0], "del") != 0) || argc < 2 || strcmp(argv[1], "default") != 0 ||
        (add && (argc != 4 || strcmp(argv[2], "via") != 0)))
        return shell_usage(USAGE);
    if (!netif_default)
        return complain("default", "dom0 is on no bridge");
    if (add && !ip4addr_aton(argv[3], &gateway))
        return complain(argv[3], "no IPv4 address (IPv6 routers announce themselves)");
    if (add &&
        !ip4_addr_netcmp(&gateway, netif_ip4_addr(netif_default), netif_ip4_netmask(netif_default)))
        return complain(argv[3], "not in dom0's network (ip addr shows it)");
    netif_set_gw(netif_default, &gateway);
    return 0;
}

static void show_neighbour(const char *address, const struct netif *netif, const u8_t *mac,
                           const char *state)
{
    printf("%s dev %s lladdr %02x:%02x:%02x:%02x:%02x:%02x %s\n", address, host_port_bridge(netif),
           mac[0], mac[1], mac[2], mac[3], mac[4], mac[5], state);
}

static int neighbour_object(int argc, char **argv)
{
    static const char *const states[] = {
        "", "INCOMPLETE", "REACHABLE", "STALE", "DELAY", "PROBE"
    };
    struct eth_addr *mac;
    struct netif *netif;
    ip4_addr_t *address;

    (void)argv;
    if (argc)
        return shell_usage(USAGE);
    for (size_t i = 0; i < ARP_TABLE_SIZE; i++)
        if (etharp_get_entry(i, &address, &netif, &mac))
            show_neighbour(ip4addr_ntoa(address), netif, mac->addr, "REACHABLE");
    for (int i = 0; i < LWIP_ND6_NUM_NEIGHBORS; i++)
        if (neighbor_cache[i].state != ND6_NO_ENTRY)
            show_neighbour(network_text6(&neighbor_cache[i].next_hop_address),
                           neighbor_cache[i].netif, neighbor_cache[i].lladdr,
                           states[neighbor_cache[i].state]);
    return 0;
}

static int renew(struct netif *netif)
{
    struct patience patience = patience_ms(DHCP_WAIT_MS);
    int error;

    host_address_start_dhcp(netif);
    error = host_address_wait(netif, &patience);
    if (!error && !dhcp_supplied_address(netif))
        error = -ETIMEDOUT;
    if (error == -ETIMEDOUT)
        return complain(host_port_bridge(netif),
                        "no answer by DHCP (it goes on asking; is there a cable, and a server?)");
    if (error)
        return complain(host_port_bridge(netif), strerror(-error));
    show_addresses(netif);
    return 0;
}

static int dhcp_object(int argc, char **argv)
{
    bool begins = argc && !strcmp(argv[0], "renew");
    struct netif *netif;

    if (!begins && (!argc || strcmp(argv[0], "release") != 0))
        return shell_usage(USAGE);
    netif = device(argc - 1, argv + 1);
    if (!netif)
        return 1;
    if (begins)
        return renew(netif);
    dhcp_release_and_stop(netif);
    host_stack_flush();
    return 0;
}

int ip_command(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(int argc, char **argv);
    } objects[] = {
        { "address", address_object },    { "link", link_object },
        { "route", route_object },        { "neighbour", neighbour_object },
        { "neighbor", neighbour_object }, { "dhcp", dhcp_object },
    };

    if (argc < 2)
        return shell_usage(USAGE);
    if (argc == 3 && (!strcmp(argv[2], "show") || !strcmp(argv[2], "list")))
        argc = 2;
    /* As iproute2: any beginning of an object's name will do. */
    for (size_t i = 0; i < sizeof(objects) / sizeof(objects[0]); i++)
        if (!strncmp(objects[i].name, argv[1], strlen(argv[1])))
            return objects[i].run(argc - 2, argv + 2);
    return shell_usage(USAGE);
}
