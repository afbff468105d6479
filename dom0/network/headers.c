/*
 * Headers.  See headers.h.  Numbers: RFC 791 (IPv4), 8200 (IPv6), 9293 (TCP), 768 (UDP).
 */
#include "network/headers.h"
#include "network/checksum.h"
#include "network/tagging.h"
#include <string.h>

#define TYPE_AT   12u
#define TYPE_IPV4 0x0800u
#define TYPE_IPV6 0x86ddu
#define TYPE_VLAN 0x8100u

#define IPV4_LEAST     20u
#define IPV6_BYTES     40u
#define EXTENSIONS_MAX 8u

enum { NEXT_HOP_BY_HOP = 0, NEXT_ROUTING = 43, NEXT_FRAGMENT = 44, NEXT_DESTINATION = 60 };

static unsigned int read16(const uint8_t *at)
{
    return (unsigned int)at[0] << 8 | at[1];
}

static void ipv4_read(const uint8_t *frame, uint32_t length, struct headers *h)
{
    const uint8_t *ip = frame + h->ip_at;
    uint32_t bytes;

    if (length < h->ip_at + IPV4_LEAST || ip[0] >> 4 != 4)
        return;
    bytes = (ip[0] & 15u) * 4u;
    if (bytes < IPV4_LEAST || length < h->ip_at + bytes)
        return;
    h->version = 4;
    h->protocol = ip[9];
    h->fragment = read16(ip + 6) & 0x3fff; /* more fragments, or not the first */
    h->transport_at = (uint16_t)(h->ip_at + bytes);
}

static void ipv6_read(const uint8_t *frame, uint32_t length, struct headers *h)
{
    const uint8_t *ip = frame + h->ip_at;
    uint32_t at = h->ip_at + IPV6_BYTES;
    uint8_t next;

    if (length < at || ip[0] >> 4 != 6)
        return;
    h->version = 6;
    next = ip[6];
    for (unsigned int i = 0; i < EXTENSIONS_MAX; i++) {
        if (next != NEXT_HOP_BY_HOP && next != NEXT_ROUTING && next != NEXT_DESTINATION &&
            next != NEXT_FRAGMENT) {
            h->protocol = next;
            h->transport_at = (uint16_t)at;
            return;
        }
        if (length < at + 8)
            return;
        h->fragment |= next == NEXT_FRAGMENT && read16(frame + at + 2) & 0xfff9;
        next = frame[at];
        at += read16(frame + at) % 256 * 8 * (next != NEXT_FRAGMENT) + 8;
    }
}

static void transport_read(const uint8_t *frame, uint32_t length, struct headers *h)
{
    uint32_t at = h->transport_at, bytes = 0;

    if (!at || h->fragment)
        return;
    if (h->protocol == PROTOCOL_UDP)
        bytes = 8;
    else if (h->protocol == PROTOCOL_TCP && length >= at + 20)
        bytes = (uint32_t)(frame[at + 12] >> 4) * 4u;
    if (bytes >= 8 && (h->protocol != PROTOCOL_TCP || bytes >= 20) && length >= at + bytes)
        h->payload_at = (uint16_t)(at + bytes);
}

void headers_read(const struct packet *packet, struct headers *h)
{
    const uint8_t *frame = packet->pieces[0].local;
    uint32_t length = packet->pieces[0].length;
    unsigned int type;

    *h = (struct headers){ .ip_at = TYPE_AT + 2 };
    if (length < TYPE_AT + 2)
        return;
    type = read16(frame + TYPE_AT);
    if (type == TYPE_VLAN && length >= TYPE_AT + 2 + VLAN_TAG_BYTES) {
        type = read16(frame + TYPE_AT + VLAN_TAG_BYTES);
        h->ip_at += VLAN_TAG_BYTES;
    }
    if (type == TYPE_IPV4)
        ipv4_read(frame, length, h);
    else if (type == TYPE_IPV6)
        ipv6_read(frame, length, h);
    transport_read(frame, length, h);
}

/* Mixes one word in; any function that spreads neighbours over all bits does. */
static uint32_t mix(uint32_t hash, const uint8_t *at)
{
    uint32_t word;

    memcpy(&word, at, sizeof(word));
    return (hash ^ word) * 0x9e3779b1u;
}

uint32_t headers_flow(const struct packet *packet)
{
    const uint8_t *frame = packet->pieces[0].local;
    struct headers h;
    uint32_t hash = 0, first, words;

    headers_read(packet, &h);
    if (!h.version)
        return 0;
    first = h.ip_at + (h.version == 4 ? 12u : 8u);
    words = h.version == 4 ? 2 : 8;
    for (uint32_t i = 0; i < words; i++)
        hash = mix(hash, frame + first + 4 * i);
    if (h.payload_at)
        hash = mix(hash, frame + h.transport_at);
    return hash ^ hash >> 16;
}

bool headers_checksum_partial(struct packet *packet)
{
    struct headers h;

    headers_read(packet, &h);
    if (!h.payload_at)
        return false;
    packet->offload.checksum = PACKET_CHECKSUM_PARTIAL;
    packet->offload.checksum_start = h.transport_at;
    packet->offload.checksum_offset = h.protocol == PROTOCOL_TCP ? 16 : 6;
    packet->offload.header_bytes = h.payload_at;
    return true;
}

uint32_t headers_pseudo_sum(const uint8_t *frame, const struct headers *h, uint32_t bytes)
{
    uint8_t end[8] = { (uint8_t)(bytes >> 24),
                       (uint8_t)(bytes >> 16),
                       (uint8_t)(bytes >> 8),
                       (uint8_t)bytes,
                       0,
                       0,
                       0,
                       h->protocol };
    uint32_t sum = checksum_add(0, end, sizeof(end));

    return h->version == 4 ? checksum_add(sum, frame + h->ip_at + 12, 8)
                           : checksum_add(sum, frame + h->ip_at + 8, 32);
}
