/*
 * Headers: where a packet's network and transport headers are, as far as its first piece tells.
 * Everything read is hostile; nothing beyond the first piece is read.
 */
#ifndef NETWORK_HEADERS_H
#define NETWORK_HEADERS_H

#include "devices/packet.h"

#define PROTOCOL_TCP 6u
#define PROTOCOL_UDP 17u

struct headers {
    uint8_t version;       /* of IP: 4, 6, or 0: it is none, or not whole */
    uint8_t protocol;      /* what comes behind IP's headers; 0: not known */
    bool fragment;         /* a part of a datagram: transport_at means nothing */
    uint16_t ip_at;        /* offsets from the packet's start */
    uint16_t transport_at; /* 0: there is none, or it lies beyond the first piece */
    uint16_t payload_at;   /* behind a TCP or UDP header; 0: likewise */
};

void headers_read(const struct packet *packet, struct headers *headers);

/* A number for queues to be chosen by: the same for all packets of one TCP or UDP flow. */
uint32_t headers_flow(const struct packet *packet);

/*
 * Sets the packet's offload to PARTIAL for the TCP or UDP checksum of what it carries.  False:
 * there is no such checksum to be seen.
 */
bool headers_checksum_partial(struct packet *packet);

/* The one's complement sum of IP's pseudo header for a transport part of so many bytes. */
uint32_t headers_pseudo_sum(const uint8_t *frame, const struct headers *headers, uint32_t bytes);

#endif
