/*
 * Network devices: the one interface between NIC drivers and who uses NICs.
 *
 * A driver registers a device per NIC.  One user opens it and is told of every packet that arrives,
 * from the driver's task; what a packet's pieces point to is the user's until he is told that the
 * batch is over, then the driver gives it to the NIC again.  Packets to be sent are named by
 * machine address and belong to the NIC until their `done` is called, from the driver's task, in
 * any order.
 *
 * A driver never sleeps in what it is called for.  A NIC that does not answer is reset by its own
 * task: what was to be sent ends with -EIO, nobody else notices.
 */
#ifndef DEVICES_NET_DEVICE_H
#define DEVICES_NET_DEVICE_H

#include "devices/packet.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NET_BUFFERS_MAX   24u
#define NET_MULTICAST_MAX 64u

/* Machine memory within one page. */
struct net_buffer {
    uint64_t machine;
    uint32_t bytes;
};

struct net_transmit {
    struct packet_offload offload; /* only what the device's features name */
    unsigned int buffer_count;     /* at most the device's buffers_max */
    struct net_buffer buffers[NET_BUFFERS_MAX];
    uint32_t bytes; /* of all buffers: at least PACKET_BYTES_LEAST; the driver pads */
    /* Where the first buffer is in dom0's own memory; NULL: not known.  Packets to be cut need it,
     * with all of the headers in that buffer: there the driver may write what its NIC wants. */
    void *header;
    /* Called once, from the driver's task; error is 0 or -errno. */
    void (*done)(struct net_transmit *transmit, int error);
    void *owner;               /* the user's */
    struct net_transmit *next; /* the driver's, and the user's once done */
    uint64_t driver_word;      /* the driver's */
};

/* What a NIC does by itself for packets to be sent. */
#define NET_SENDS_CHECKSUM 1u /* PACKET_CHECKSUM_PARTIAL of TCP and UDP over IPv4 and IPv6 */
#define NET_SENDS_TCP4     2u /* PACKET_TCP4 */
#define NET_SENDS_TCP6     4u /* PACKET_TCP6 */

/* What is let in besides the NIC's own address and broadcasts. */
struct net_filter {
    bool promiscuous;   /* everything */
    bool all_multicast; /* every multicast */
    unsigned int multicast_count;
    uint8_t multicast[NET_MULTICAST_MAX][6];
};

struct net_counters {
    uint64_t received_packets, received_bytes;
    uint64_t received_lost; /* the NIC had no buffer, or the packet was damaged */
    uint64_t sent_packets, sent_bytes;
    uint64_t sent_lost;
    uint64_t resets;
};

struct net_device;

struct net_user {
    /* The packet's pieces are all local; they may be read until `received_all` returns. */
    void (*received)(struct net_device *device, const struct packet *packet);
    void (*received_all)(struct net_device *device);
    /* After -EAGAIN: there is room again. */
    void (*room)(struct net_device *device);
    void (*link_changed)(struct net_device *device);
};

struct net_driver {
    /* Starts receiving packets of up to `mtu` bytes behind the link header and a VLAN tag. */
    int (*open)(struct net_device *device, unsigned int mtu);
    /*
     * Queues the packet; -EAGAIN if there is no room (room is called when there is), -EIO if the
     * NIC is dead, -EINVAL if it cannot send such a packet.  The NIC may sit on it until kick.
     */
    int (*submit)(struct net_device *device, struct net_transmit *transmit);
    /* Tells the NIC of all that was submitted since the last kick: one doorbell per batch. */
    void (*kick)(struct net_device *device);
    /* -EOPNOTSUPP: it cannot filter, and lets everything in. */
    int (*filter)(struct net_device *device, const struct net_filter *filter);
};

struct net_device {
    char name[16];  /* eth0, eth1 ... in the order of PCI places */
    char model[32]; /* virtio-net, 82574L ... */
    char place[16]; /* 0000:00:04.0 */
    uint8_t mac[6];
    unsigned int mtu_max;     /* 1500 to 9216 */
    unsigned int buffers_max; /* of a packet to be sent */
    uint32_t features;        /* NET_SENDS_* */
    bool link;                /* there is a cable, and somebody at its other end */
    unsigned int speed_mbit;  /* 0: not known */
    struct net_counters counters;
    const struct net_driver *driver;
    void *driver_state;
    const struct net_user *user; /* NULL: nobody has opened it */
    void *user_state;
    struct net_device *next;
};

/* The first device, then ->next: in order of registration. */
struct net_device *net_devices_first(void);
struct net_device *net_device_find(const char *name);

/* -EBUSY: somebody has it; -EINVAL: mtu is above mtu_max; -ENOMEM; -EIO. */
int net_device_open(struct net_device *device, const struct net_user *user, void *user_state,
                    unsigned int mtu);
int net_device_submit(struct net_device *device, struct net_transmit *transmit);
void net_device_kick(struct net_device *device);
int net_device_filter(struct net_device *device, const struct net_filter *filter);

/* For drivers: gives the device its name and makes it known. */
int net_device_register(struct net_device *device);
/* A NIC that does not start has its number all the same, which it is said to be. */
unsigned int net_device_skip(void);

#endif
