/*
 * VLAN tags (IEEE 802.1Q): four bytes behind the two addresses, the type 0x8100 and the VLAN.
 */
#ifndef NETWORK_TAGGING_H
#define NETWORK_TAGGING_H

#include "devices/packet.h"

#define VLAN_TAG_BYTES 4u

/* The VLAN the packet's tag names; 0: it has none, or one that names none (priority only). */
uint16_t tagging_vlan(const struct packet *packet);
/*
 * The packet with a tag, or without the one it has.  Its first piece is batch_scratch memory, the
 * rest are the packet's own.  False: there is no room, or nothing is left of its link header.
 */
bool tagging_insert(struct packet *to, const struct packet *packet, uint16_t vlan);
bool tagging_remove(struct packet *to, const struct packet *packet);

#endif
