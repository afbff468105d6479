/*
 * Packets: what NIC drivers, the switch and its ports hand each other, one Ethernet frame each,
 * without its check sequence.
 *
 * A packet is a list of pieces.  A piece lies in dom0's own memory, or in a page that a guest
 * granted us and that nobody has mapped: who wants its bytes has them copied (network/batch.h).
 * The first piece is always our own, so what was checked there stays what it was: it holds the
 * headers (link, VLAN, IP, TCP or UDP) as far as anybody looks at them, and who finds less in it
 * takes the packet for one without them.
 *
 * What is said of a packet is what virtio-net's header says (virtio 1.1, 5.1.6), and Linux's
 * sk_buff: the checksum may be left to whoever needs it on the wire, and so may cutting a large TCP
 * segment into ones that fit.
 */
#ifndef DEVICES_PACKET_H
#define DEVICES_PACKET_H

#include "hypercall-abi/types.h"
#include <stdbool.h>
#include <stdint.h>

#define PACKET_PIECES_MAX 24u
/* A large segment's IP packet is at most 65535 bytes, and has a link header with a VLAN tag. */
#define PACKET_BYTES_MAX   (65535u + 18u)
#define PACKET_BYTES_LEAST 14u

struct packet_piece {
    const void *local; /* in dom0's linear map and within one page; NULL: granted */
    uint32_t length;   /* bytes; not 0 */
    uint16_t offset;   /* granted: where in the page; offset + length is at most 4096 */
    domid_t domid;
    grant_ref_t ref;
};

enum packet_checksum {
    PACKET_CHECKSUM_THERE,   /* as it was on the wire, not looked at */
    PACKET_CHECKSUM_VALID,   /* looked at, or from a sender who cannot err: it need not be */
    PACKET_CHECKSUM_PARTIAL, /* to be computed, see below; no need to look at it either */
};

enum packet_segmentation { PACKET_WHOLE, PACKET_TCP4, PACKET_TCP6 };

struct packet_offload {
    uint8_t checksum;     /* enum packet_checksum */
    uint8_t segmentation; /* enum packet_segmentation; not PACKET_WHOLE: checksum is PARTIAL */
    /* PARTIAL: the sum from byte checksum_start of the packet to its end belongs into the two bytes
     * at checksum_start + checksum_offset, where that of the pseudo header is now. */
    uint16_t checksum_start;
    uint16_t checksum_offset;
    uint16_t segment_bytes; /* payload of a TCP segment after cutting; not 0 */
    uint16_t header_bytes;  /* before the payload, all in the first piece */
};

struct packet {
    uint32_t bytes; /* the sum of the pieces' */
    struct packet_offload offload;
    unsigned int piece_count;
    struct packet_piece pieces[PACKET_PIECES_MAX];
};

/* Frames that are made of it, by whoever cuts it. */
static inline uint32_t packet_segments(const struct packet *packet)
{
    const struct packet_offload *offload = &packet->offload;

    if (offload->segmentation == PACKET_WHOLE || packet->bytes <= offload->header_bytes)
        return 1;
    return (packet->bytes - offload->header_bytes - 1) / offload->segment_bytes + 1;
}

/* And their bytes: each has its headers. */
static inline uint32_t packet_segmented_bytes(const struct packet *packet)
{
    return packet->bytes + (packet_segments(packet) - 1) * packet->offload.header_bytes;
}

#endif
