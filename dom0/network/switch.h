/*
 * The switch: learns behind which port an Ethernet address is, and hands each packet to the port
 * it is for, or to all others.  It knows nothing of what its ports are: NIC, guest, dom0's stack.
 *
 * A guarded port lets in packets from its own address only, and nothing is learnt there; behind an
 * open one at most SWITCH_ADDRESSES_A_PORT addresses are remembered, so no port can push out what
 * was learnt behind another.
 *
 * VLANs: a port with vlan 0 passes tags as they are.  A port with another vlan belongs to that VLAN
 * alone: what it sends is tagged, what it gets has lost that tag, and tagged packets it sends are
 * dropped.  Addresses are learnt per VLAN.
 *
 * Ports are called and packets handed on within one batch (batch.h); nothing here sleeps.
 */
#ifndef NETWORK_SWITCH_H
#define NETWORK_SWITCH_H

#include "devices/packet.h"
#include "tasks/turns.h"
#include <stdbool.h>
#include <stdint.h>

#define SWITCH_ADDRESSES_A_PORT 1024u
#define SWITCH_AGE_NS           300000000000ULL

struct net_switch;
struct switch_port;

struct switch_port_operations {
    /*
     * NULL, or: may this packet come now?  If not it is kept by its sender, whose
     * turn is called when it is time to ask again.  A sender waits in one line at a time: of the
     * ports of one switch only one may ask for turns, the uplink.
     */
    bool (*admit)(struct switch_port *port, const struct packet *packet, struct turn *turn);
    /*
     * Takes the packet, or drops it and counts that.  Its bytes may be copied at the batch's end;
     * the packet itself is gone after the call.
     */
    void (*output)(struct switch_port *port, const struct packet *packet);
};

/* What a port takes without having it done before (fallback.h). */
#define PORT_TAKES_CHECKSUM4 1u /* PACKET_CHECKSUM_PARTIAL over IPv4 */
#define PORT_TAKES_CHECKSUM6 2u
#define PORT_TAKES_TCP4      4u /* PACKET_TCP4 */
#define PORT_TAKES_TCP6      8u
#define PORT_TAKES_ALL       15u

struct port_counters {
    uint64_t in_packets, in_bytes, in_dropped;    /* what came from it into the switch */
    uint64_t out_packets, out_bytes, out_dropped; /* what it was handed */
    uint64_t spoofed;                             /* of in_dropped: from somebody else's address */
};

struct switch_port {
    char name[16]; /* eth0, vif1.0, host */
    const struct switch_port_operations *operations;
    bool guarded;
    uint8_t mac[6]; /* whose packets it lets in, if guarded */
    uint16_t vlan;  /* 0: none */
    uint16_t takes; /* PORT_TAKES_* */
    uint32_t mtu;   /* bytes behind the link header that it takes in one piece */
    struct port_counters counters;
    /* The switch's. */
    struct net_switch *net_switch;
    struct switch_port *next;
    unsigned int learnt;
};

struct net_switch *switch_create(void);
/* It has no ports any more. */
void switch_destroy(struct net_switch *net_switch);
/* A guarded port's address is known from here on.  -ENOMEM; -EADDRINUSE: it is another's. */
int switch_attach(struct net_switch *net_switch, struct switch_port *port);
/* Nothing is handed to it any more; what was learnt behind it is forgotten. */
void switch_detach(struct switch_port *port);

/* Forgets who was not seen for SWITCH_AGE_NS; to be called now and then. */
void switch_age(struct net_switch *net_switch);

struct switch_port *switch_ports_first(struct net_switch *net_switch);

/*
 * A packet comes in from a port; what its offload says is possible (fallback.h).  -EAGAIN, only if
 * there is a turn: the port it is for, or one of all it is for, has no room, and nobody has got it;
 * the turn is called when it is time to try again.
 */
int switch_input(struct switch_port *from, const struct packet *packet, struct turn *turn);

/* For showing: the n-th address learnt; false: there are not so many. */
struct switch_address {
    uint8_t mac[6];
    uint16_t vlan;
    const struct switch_port *port;
    uint64_t age_ns;
};
bool switch_address(struct net_switch *net_switch, unsigned int n, struct switch_address *address);

#endif
