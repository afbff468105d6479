/*
 * dom0's port: packets to lwIP, frames from it.  See host-port.h.
 */
#include "network/host-port.h"
#include "network/batch.h"
#include "network/host-gather.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lwip/dhcp.h"
#include "lwip/etharp.h"
#include "lwip/ethip6.h"
#include "lwip/ip4.h"
#include "lwip/ip6.h"
#include "lwip/netif.h"
#include "lwip/pbuf.h"
#include "netif/ethernet.h"
#include "lwip/prot/ethernet.h"
#include "lwip/prot/ip6.h"

#define MTU_LEAST 1280u /* RFC 8200, 5 */
#define MTU_MOST  9000u
#define HOST_NAME "paravane"

/* A large segment fits into one chain of pbufs only without its link header. */
#define LINK_BYTES SIZEOF_ETH_HDR
#define IP_MOST    65535u

/* Checksums lwIP makes: not IPv4's, which host-gather.c makes, nor TCP's, which it leaves to
 * others. */
#define SUMS_MADE (NETIF_CHECKSUM_GEN_UDP | NETIF_CHECKSUM_GEN_ICMP | NETIF_CHECKSUM_GEN_ICMP6)
/* And looks at: in any packet, and in one whose transport's nobody has looked at. */
#define SUMS_OF_ALL \
    (NETIF_CHECKSUM_CHECK_IP | NETIF_CHECKSUM_CHECK_ICMP | NETIF_CHECKSUM_CHECK_ICMP6)
#define SUMS_UNKNOWN (NETIF_CHECKSUM_CHECK_TCP | NETIF_CHECKSUM_CHECK_UDP)

/* A packet on its way to lwIP; lies in its first pbuf, in front of the data. */
struct arrival {
    struct arrival *next;
    struct pbuf *pbuf;
    int error;     /* of the copies */
    uint16_t type; /* the link header's */
    uint8_t flags; /* PBUF_FLAG_LL* */
    bool checked;  /* nobody needs to look at its TCP or UDP checksum */
};

struct host_port {
    struct switch_port port;
    struct netif netif;
    struct host_gather gather;
    struct batch_end end;
    struct arrival *first, **last;
    struct host_port_lost lost;
    char bridge[16];
    struct host_port *next;
};

static struct host_port *first_host;

/* The least that lwIP's functions read without looking; 0: a type it does not know. */
static uint32_t least_bytes(uint16_t type)
{
    switch (type) {
    case ETHTYPE_IP:
        return IP_HLEN;
    case ETHTYPE_IPV6:
        return IP6_HLEN;
    case ETHTYPE_ARP:
        return SIZEOF_ETHARP_HDR;
    default:
        return 0;
    }
}

/* Is this packet for us, and what is it? */
static bool is_ours(const struct host_port *host, const struct packet *packet,
                    struct arrival *arrival)
{
    const struct packet_piece *piece = &packet->pieces[0];
    struct eth_hdr link;

    if (piece->length < sizeof(link))
        return false;
    memcpy(&link, piece->local, sizeof(link));
    if (link.dest.addr[0] & 1)
        arrival->flags =
            memcmp(&link.dest, &ethbroadcast, 6) != 0 ? PBUF_FLAG_LLMCAST : PBUF_FLAG_LLBCAST;
    else if (memcmp(&link.dest, host->netif.hwaddr, 6) != 0)
        return false;
    arrival->type = lwip_htons(link.type);
    return least_bytes(arrival->type) && packet->bytes >= LINK_BYTES + least_bytes(arrival->type) &&
           packet->bytes <= LINK_BYTES + IP_MOST;
}

/* On the host each packet gets memory of its own size, so that reading beyond it is noticed. */
#ifdef STACK_ON_HOST
#define BUFFER_KIND PBUF_RAM
#else
#define BUFFER_KIND PBUF_POOL
#endif

static void take(struct switch_port *port, const struct packet *packet)
{
    struct host_port *host = (struct host_port *)port;
    struct arrival arrival = { .checked = packet->offload.checksum != PACKET_CHECKSUM_THERE };
    struct arrival *kept;
    uint32_t from = LINK_BYTES;

    if (!is_ours(host, packet, &arrival))
        return;
    arrival.pbuf =
        pbuf_alloc((pbuf_layer)sizeof(arrival), (u16_t)(packet->bytes - LINK_BYTES), BUFFER_KIND);
    if (!arrival.pbuf) {
        host->lost.no_memory++;
        port->counters.out_dropped++;
        return;
    }
    kept = (struct arrival *)((uint8_t *)arrival.pbuf->payload - sizeof(arrival));
    *kept = arrival;
    for (struct pbuf *at = kept->pbuf; at; from += at->len, at = at->next)
        batch_copy_to_local(at->payload, packet, from, at->len, &kept->error);
    *host->last = kept;
    host->last = &kept->next;
    batch_at_end(&host->end);
}

static const struct switch_port_operations operations = { .output = take };

static void give(struct host_port *host, const struct arrival *arrival)
{
    struct pbuf *pbuf = arrival->pbuf;
    uint16_t type = arrival->type;

    if (arrival->error) {
        host->lost.copies++;
        host->port.counters.out_dropped++;
        pbuf_free(pbuf);
        return;
    }
    NETIF_SET_CHECKSUM_CTRL(&host->netif, arrival->checked
                                              ? SUMS_MADE | SUMS_OF_ALL
                                              : SUMS_MADE | SUMS_OF_ALL | SUMS_UNKNOWN);
    pbuf->if_idx = netif_get_index(&host->netif);
    pbuf->flags |= arrival->flags;
    if (type == ETHTYPE_IP)
        ip4_input(pbuf, &host->netif);
    else if (type == ETHTYPE_IPV6)
        ip6_input(pbuf, &host->netif);
    else
        etharp_input(pbuf, &host->netif);
}

/* The batch's copies are made: what has arrived is lwIP's, and its answers go on their way. */
static void batch_ended(struct batch_end *end)
{
    struct host_port *host = (struct host_port *)((char *)end - offsetof(struct host_port, end));
    struct arrival *next = host->first;

    host->first = NULL;
    host->last = &host->first;
    while (next) {
        struct arrival *arrival = next;

        next = arrival->next;
        give(host, arrival);
    }
    host_gather_send(&host->gather);
    /* Ports that are called after this one may rely on these copies as well. */
    host_gather_release(&host->gather);
}

static void checks_set(uint16_t checks)
{
    for (struct host_port *host = first_host; host; host = host->next)
        NETIF_SET_CHECKSUM_CTRL(&host->netif, SUMS_MADE | checks);
}

void host_ports_poll(void)
{
    checks_set(0); /* what we send to ourselves gets no sums */
    netif_poll_all();
    checks_set(SUMS_OF_ALL | SUMS_UNKNOWN);
}

static err_t send_frame(struct netif *netif, struct pbuf *frame)
{
    struct host_port *host = netif->state;

    batch_at_end(&host->end);
    if (!host_gather_add(&host->gather, frame))
        return ERR_OK;
    host->lost.refused++;
    return ERR_BUF;
}

static err_t interface_init(struct netif *netif)
{
    const struct host_port *host = netif->state;

    netif->name[0] = 'b';
    netif->name[1] = 'r';
    netif->hwaddr_len = ETH_HWADDR_LEN;
    memcpy(netif->hwaddr, host->port.mac, ETH_HWADDR_LEN);
    netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET |
                   NETIF_FLAG_MLD6 | NETIF_FLAG_LINK_UP;
    netif->output = etharp_output;
    netif->output_ip6 = ethip6_output;
    netif->linkoutput = send_frame;
    NETIF_SET_CHECKSUM_CTRL(netif, SUMS_MADE | SUMS_OF_ALL | SUMS_UNKNOWN);
    return ERR_OK;
}

static void interface_start(struct host_port *host, unsigned int mtu)
{
    struct netif *netif = &host->netif;

    netif_add(netif, NULL, NULL, NULL, host, interface_init, NULL);
    netif->mtu = (u16_t)mtu;
    netif->mtu6 = (u16_t)mtu;
    netif_set_hostname(netif, HOST_NAME);
    netif_set_ip6_autoconfig_enabled(netif, 1);
    if (!netif_default)
        netif_set_default(netif);
    netif_set_up(netif);
    netif_create_ip6_linklocal_address(netif, 1);
}

int host_port_attach(struct net_switch *net_switch, const char *bridge, const uint8_t mac[6],
                     unsigned int mtu)
{
    struct host_port *host;
    int error;

    if (mtu < MTU_LEAST || mtu > MTU_MOST || host_port_netif(bridge))
        return -EINVAL;
    host = calloc(1, sizeof(*host));
    if (!host)
        return -ENOMEM;
    snprintf(host->port.name, sizeof(host->port.name), "host");
    snprintf(host->bridge, sizeof(host->bridge), "%s", bridge);
    host->port.operations = &operations;
    host->port.guarded = true;
    host->port.takes = PORT_TAKES_ALL;
    host->port.mtu = IP_MOST;
    memcpy(host->port.mac, mac, sizeof(host->port.mac));
    host->gather.port = &host->port;
    host->end.end = batch_ended;
    host->last = &host->first;
    error = switch_attach(net_switch, &host->port);
    if (error) {
        free(host);
        return error;
    }
    host->next = first_host;
    first_host = host;
    interface_start(host, mtu);
    return 0;
}

void host_port_detach(struct netif *netif)
{
    struct host_port *host = netif->state, **at = &first_host;

    while (*at != host)
        at = &(*at)->next;
    *at = host->next;
    dhcp_stop(netif);
    dhcp_cleanup(netif);
    netif_remove(netif);
    host_gather_send(&host->gather);
    host_gather_release(&host->gather);
    batch_forget(&host->end);
    while (host->first) {
        struct arrival *arrival = host->first;

        host->first = arrival->next;
        pbuf_free(arrival->pbuf);
    }
    switch_detach(&host->port);
    free(host);
}

struct netif *host_port_netif(const char *bridge)
{
    for (struct host_port *host = first_host; host; host = host->next)
        if (!strcmp(host->bridge, bridge))
            return &host->netif;
    return NULL;
}

static const struct host_port *host_of(const struct netif *netif)
{
    const struct host_port *host = first_host;

    while (host && &host->netif != netif)
        host = host->next;
    return host;
}

const char *host_port_bridge(const struct netif *netif)
{
    const struct host_port *host = host_of(netif);

    return host ? host->bridge : "lo";
}

bool host_port_counters(const struct netif *netif, struct port_counters *counters,
                        struct host_port_lost *lost)
{
    const struct host_port *host = host_of(netif);

    if (!host)
        return false;
    *counters = host->port.counters;
    *lost = host->lost;
    return true;
}
