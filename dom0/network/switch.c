/*
 * The switch.  See switch.h.
 *
 * Addresses are found through one hash table: what was learnt, and the own address of each guarded
 * port, which nothing that is learnt can move.
 */
#include "network/switch.h"
#include "libc/libc.h"
#include "network/batch.h"
#include "network/fallback.h"
#include "network/headers.h"
#include "network/tagging.h"
#include "pv-kernel/clock.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS_LOG2 10
#define BUCKETS      (1u << BUCKETS_LOG2)

struct station {
    struct station *next;
    uint64_t address; /* 48 bits, and the VLAN above them */
    struct switch_port *port;
    uint64_t seen; /* when, by clock_monotonic_ns */
};

struct net_switch {
    struct switch_port *first;
    uint64_t hash_start, hash_factor; /* secrets: who chooses addresses chooses no bucket */
    struct station *buckets[BUCKETS];
};

struct net_switch *switch_create(void)
{
    struct net_switch *net_switch = calloc(1, sizeof(*net_switch));

    if (!net_switch)
        return NULL;
    net_switch->hash_start = random_bits();
    net_switch->hash_factor = random_bits() | 1; /* odd: nothing is lost */
    return net_switch;
}

void switch_destroy(struct net_switch *net_switch)
{
    free(net_switch);
}

struct switch_port *switch_ports_first(struct net_switch *net_switch)
{
    return net_switch->first;
}

static uint64_t address_of(const uint8_t mac[6], uint16_t vlan)
{
    uint64_t address = vlan;

    for (int i = 0; i < 6; i++)
        address = address << 8 | mac[i];
    return address;
}

/* A multiplicative hash: two addresses are in one bucket at most twice as often as by chance
 * (Dietzfelbinger and others, 1997). */
static struct station **bucket_of(struct net_switch *net_switch, uint64_t address)
{
    uint64_t hash = (address ^ net_switch->hash_start) * net_switch->hash_factor;

    return &net_switch->buckets[hash >> (64 - BUCKETS_LOG2)];
}

static struct station *station_find(struct net_switch *net_switch, uint64_t address)
{
    struct station *station = *bucket_of(net_switch, address);

    while (station && station->address != address)
        station = station->next;
    return station;
}

static struct station *station_add(struct net_switch *net_switch, uint64_t address,
                                   struct switch_port *port)
{
    struct station **bucket = bucket_of(net_switch, address);
    struct station *station = malloc(sizeof(*station));

    if (!station)
        return NULL;
    *station = (struct station){ .next = *bucket, .address = address, .port = port };
    *bucket = station;
    port->learnt++;
    return station;
}

static bool is_old(const struct station *station, uint64_t now)
{
    return !station->port->guarded && now - station->seen > SWITCH_AGE_NS;
}

static void station_remove(struct station **at)
{
    struct station *station = *at;

    station->port->learnt--;
    *at = station->next;
    free(station);
}

/* Forgets the port's stations, or, without a port, those not seen for long. */
static void stations_sweep(struct net_switch *net_switch, const struct switch_port *port)
{
    uint64_t now = clock_monotonic_ns();

    for (unsigned int i = 0; i < BUCKETS; i++) {
        struct station **at = &net_switch->buckets[i];

        while (*at)
            if (port ? (*at)->port == port : is_old(*at, now))
                station_remove(at);
            else
                at = &(*at)->next;
    }
}

void switch_age(struct net_switch *net_switch)
{
    stations_sweep(net_switch, NULL);
}

/* Whether a packet for the one could be for the other. */
static bool is_same_station(const struct switch_port *a, const struct switch_port *b)
{
    return a->guarded && b->guarded && !memcmp(a->mac, b->mac, sizeof(a->mac)) &&
           (!a->vlan || !b->vlan || a->vlan == b->vlan);
}

int switch_attach(struct net_switch *net_switch, struct switch_port *port)
{
    for (const struct switch_port *other = net_switch->first; other; other = other->next)
        if (is_same_station(port, other))
            return -EADDRINUSE;
    port->learnt = 0;
    if (port->guarded && !station_add(net_switch, address_of(port->mac, port->vlan), port))
        return -ENOMEM;
    port->net_switch = net_switch;
    port->next = net_switch->first;
    net_switch->first = port;
    return 0;
}

void switch_detach(struct switch_port *port)
{
    struct switch_port **at = &port->net_switch->first;

    while (*at != port)
        at = &(*at)->next;
    *at = port->next;
    stations_sweep(port->net_switch, port);
    port->net_switch = NULL;
}

/*
 * Who has this address in this VLAN.  A guarded port without a VLAN takes part in all of them: its
 * address is its own there, too, whoever else was learnt with it.
 */
static struct station *station_of(struct net_switch *net_switch, const uint8_t mac[6],
                                  uint16_t vlan)
{
    struct station *station = station_find(net_switch, address_of(mac, vlan)), *trunk;

    if (!vlan || (station && station->port->guarded))
        return station;
    trunk = station_find(net_switch, address_of(mac, 0));
    return trunk && trunk->port->guarded ? trunk : station;
}

/* False: the address is another's, who is known for sure. */
static bool learn(struct switch_port *from, const uint8_t mac[6], uint16_t vlan)
{
    struct station *station = station_of(from->net_switch, mac, vlan);

    if (!station) {
        if (from->learnt >= SWITCH_ADDRESSES_A_PORT)
            return true;
        station = station_add(from->net_switch, address_of(mac, vlan), from);
        if (!station)
            return true;
    } else if (station->port != from) {
        if (station->port->guarded)
            return false;
        if (from->learnt >= SWITCH_ADDRESSES_A_PORT)
            return true;
        station->port->learnt--;
        station->port = from;
        from->learnt++;
    }
    station->seen = clock_monotonic_ns();
    return true;
}

/* Addresses a bridge keeps to itself: pause frames, spanning tree, LLDP (IEEE 802.1Q, 8.6.3). */
static bool is_reserved(const uint8_t mac[6])
{
    static const uint8_t reserved[5] = { 0x01, 0x80, 0xc2, 0x00, 0x00 };

    return !memcmp(mac, reserved, sizeof(reserved)) && mac[5] < 0x10;
}

static bool is_usable_source(const uint8_t mac[6])
{
    static const uint8_t none[6];

    return !(mac[0] & 1) && memcmp(mac, none, sizeof(none)) != 0;
}

static int drop(struct switch_port *port)
{
    port->counters.in_dropped++;
    return 0;
}

static int spoofed(struct switch_port *port)
{
    port->counters.spoofed++;
    return drop(port);
}

/* A packet on its way, and what becomes of it where tags differ: the same for all such ports. */
struct delivery {
    struct switch_port *from;
    const struct packet *packet;
    struct packet changed;
    enum { CHANGED_NOT_YET, CHANGED, CHANGED_FAILED } state;
};

static const struct packet *changed_packet(struct delivery *delivery)
{
    uint16_t vlan = delivery->from->vlan;

    if (delivery->state == CHANGED_NOT_YET)
        delivery->state = (vlan ? tagging_insert(&delivery->changed, delivery->packet, vlan)
                                : tagging_remove(&delivery->changed, delivery->packet))
                              ? CHANGED
                              : CHANGED_FAILED;
    return delivery->state == CHANGED ? &delivery->changed : NULL;
}

static bool can_take(const struct switch_port *to, const struct packet *packet)
{
    struct headers headers;

    if (to->takes == PORT_TAKES_ALL || packet->offload.checksum != PACKET_CHECKSUM_PARTIAL)
        return true;
    if (packet->offload.segmentation == PACKET_TCP4)
        return to->takes & PORT_TAKES_TCP4;
    if (packet->offload.segmentation == PACKET_TCP6)
        return to->takes & PORT_TAKES_TCP6;
    headers_read(packet, &headers);
    return to->takes & (headers.version == 6 ? PORT_TAKES_CHECKSUM6 : PORT_TAKES_CHECKSUM4);
}

/* The longest frame that becomes of the packet, whoever cuts it. */
static uint32_t frame_bytes(const struct packet *packet)
{
    uint32_t segment = (uint32_t)packet->offload.header_bytes + packet->offload.segment_bytes;

    if (packet->offload.segmentation == PACKET_WHOLE || packet->bytes < segment)
        return packet->bytes;
    return segment;
}

static bool is_too_long(const struct switch_port *to, const struct packet *packet)
{
    return frame_bytes(packet) >
           to->mtu + PACKET_BYTES_LEAST + (tagging_vlan(packet) ? VLAN_TAG_BYTES : 0);
}

static void output(void *argument, const struct packet *packet)
{
    struct switch_port *to = argument;

    to->counters.out_packets++;
    to->counters.out_bytes += packet->bytes;
    to->operations->output(to, packet);
}

/* What this port is to be handed; NULL: nothing, it cannot take it. */
static const struct packet *packet_for(struct delivery *delivery, const struct switch_port *to)
{
    const struct packet *packet = delivery->packet;

    if (delivery->from->vlan != to->vlan)
        packet = changed_packet(delivery);
    return packet && !is_too_long(to, packet) ? packet : NULL;
}

static bool is_admitted(struct delivery *delivery, struct switch_port *to, struct turn *turn)
{
    const struct packet *packet;

    if (!turn || !to->operations->admit)
        return true;
    packet = packet_for(delivery, to);
    return !packet || to->operations->admit(to, packet, turn);
}

static void hand_to(struct delivery *delivery, struct switch_port *to)
{
    const struct packet *packet = packet_for(delivery, to);

    if (packet && can_take(to, packet))
        output(to, packet);
    else if (!packet || !fallback_each(packet, output, to))
        to->counters.out_dropped++;
}

static bool is_reached(const struct switch_port *from, const struct switch_port *to, uint16_t vlan)
{
    return to != from && (!to->vlan || to->vlan == vlan);
}

/*
 * Cutting a large packet for each of many ports is too much in one go.  Who cannot take it whole
 * gets the smaller ones that the sender tries when this one is not acknowledged; but the uplink,
 * of which there is one, has it cut.
 */
static bool is_for_all(const struct packet *packet, const struct switch_port *to)
{
    return packet->offload.segmentation == PACKET_WHOLE || to->operations->admit ||
           can_take(to, packet);
}

/*
 * To all, or to nobody yet: who sends to everybody waits for his turn as others do, and what is
 * tried again has not been seen by anyone.
 */
static int flood(struct delivery *delivery, uint16_t vlan, struct turn *turn)
{
    struct switch_port *first = delivery->from->net_switch->first;

    for (struct switch_port *to = first; to; to = to->next)
        if (is_reached(delivery->from, to, vlan) && !is_admitted(delivery, to, turn))
            return -EAGAIN;
    for (struct switch_port *to = first; to; to = to->next) {
        if (!is_reached(delivery->from, to, vlan))
            continue;
        if (is_for_all(delivery->packet, to))
            hand_to(delivery, to);
        else
            to->counters.out_dropped++;
    }
    return 0;
}

static int forward(struct switch_port *from, const struct packet *packet, uint16_t vlan,
                   struct turn *turn)
{
    struct delivery delivery;
    const uint8_t *to_mac = packet->pieces[0].local;
    struct station *station = NULL;

    delivery.from = from; /* the rest is large, and rarely looked at */
    delivery.packet = packet;
    delivery.state = CHANGED_NOT_YET;
    if (!(to_mac[0] & 1))
        station = station_of(from->net_switch, to_mac, vlan);
    if (!station || is_old(station, clock_monotonic_ns()))
        return flood(&delivery, vlan, turn);
    if (!is_reached(from, station->port, vlan))
        return 0; /* it has seen it already */
    if (!is_admitted(&delivery, station->port, turn))
        return -EAGAIN;
    hand_to(&delivery, station->port);
    return 0;
}

int switch_input(struct switch_port *from, const struct packet *packet, struct turn *turn)
{
    const uint8_t *header = packet->pieces[0].local;
    uint16_t vlan = tagging_vlan(packet);
    int error;

    if (!from->net_switch || packet->pieces[0].length < PACKET_BYTES_LEAST || is_reserved(header) ||
        !is_usable_source(header + 6) || (from->vlan && vlan))
        return drop(from);
    if (from->vlan)
        vlan = from->vlan;
    if (from->guarded ? memcmp(header + 6, from->mac, 6) != 0 : !learn(from, header + 6, vlan))
        return spoofed(from);
    batch_scratch_reserve(1);
    error = forward(from, packet, vlan, turn);
    if (error)
        return error;
    from->counters.in_packets++;
    from->counters.in_bytes += packet->bytes;
    return 0;
}

bool switch_address(struct net_switch *net_switch, unsigned int n, struct switch_address *address)
{
    for (unsigned int i = 0; i < BUCKETS; i++)
        for (struct station *station = net_switch->buckets[i]; station; station = station->next) {
            if (n--)
                continue;
            for (int byte = 0; byte < 6; byte++)
                address->mac[byte] = (uint8_t)(station->address >> (40 - 8 * byte));
            address->vlan = (uint16_t)(station->address >> 48);
            address->port = station->port;
            address->age_ns = station->port->guarded ? 0 : clock_monotonic_ns() - station->seen;
            return true;
        }
    return false;
}
