/*
 * Bridges: switches with names, as users know them; the first NIC is the uplink of xenbr0.
 */
#ifndef NETWORK_BRIDGES_H
#define NETWORK_BRIDGES_H

#include "network/switch.h"

#define BRIDGE_DEFAULT "xenbr0"
#define BRIDGES_MAX    64u

struct bridge {
    char name[16];
    struct net_switch *net_switch;
    char uplink[16];    /* the NIC's name; empty: none */
    unsigned int users; /* interfaces that name it, connected or not */
    struct bridge *next;
};

struct bridge *bridges_first(void);
struct bridge *bridge_find(const char *name);
/* -EEXIST, -EINVAL: not a usable name, -ENOSPC: too many, -ENOMEM. */
int bridge_create(const char *name, struct bridge **created);
/* -EBUSY: it has ports, or interfaces that name it. */
int bridge_delete(struct bridge *bridge);
/* Gives it a NIC nobody has.  -EBUSY: the bridge has one, or the NIC one of them. */
int bridge_set_uplink(struct bridge *bridge, const char *nic);

/* Makes xenbr0 with the first NIC, if there is one; needs devices.  0 or -errno. */
int bridges_start(void);

#endif
