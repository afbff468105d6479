/*
 * From lwIP's frames to the switch's packets.  Consecutive segments of one TCP connection become
 * one large packet, which whoever needs to cuts again (a NIC, a guest never): so what dom0 sends to
 * a guest costs one walk through the switch for 64 KiB, not for 1448 bytes.
 *
 *     lwIP  [h|1448] [h|1448] [h|1448] [h|200]   equal headers but for length, sequence number,
 *             |  \_____  \______\_________\      identification and checksums
 *           [ h |1448   1448    1448     200 ]   -> switch_input
 *
 * What is gathered goes on its way when something comes that does not fit behind it, and at the
 * batch's end.  The headers are copied, the payload is not: the frames are held until the batch's
 * copies are made.  Checksums of TCP are left to who needs them, so their field gets the pseudo
 * header's sum.
 */
#ifndef NETWORK_HOST_GATHER_H
#define NETWORK_HOST_GATHER_H

#include "devices/packet.h"
#include <stdbool.h>
#include <stdint.h>

#define GATHER_HEADER_MAX 128u /* link header, IP, and TCP with its options */
#define GATHER_FRAMES_MAX 128u

struct pbuf;
struct switch_port;

struct host_gather {
    struct switch_port *port; /* whose packets these are */
    /* What is being gathered; header_bytes 0: nothing. */
    uint8_t header[GATHER_HEADER_MAX];
    uint8_t fixed[GATHER_HEADER_MAX]; /* its bits that all segments have in common */
    uint16_t header_bytes;
    uint16_t tcp_at; /* where TCP begins; 0: it is something else */
    bool is_ip6;
    uint16_t segment_bytes; /* payload of each but the last */
    uint32_t payload_bytes;
    uint32_t next_sequence;
    bool full; /* nothing may follow */
    unsigned int piece_count;
    struct packet_piece pieces[PACKET_PIECES_MAX - 1]; /* of the payload */
    /* Frames that pieces point into, of this packet and of those sent since the last copies. */
    unsigned int held_count;
    struct pbuf *held[GATHER_FRAMES_MAX];
};

/* Takes a frame of lwIP's, its link header filled in: 0, or -EMSGSIZE, and then it is dropped. */
int host_gather_add(struct host_gather *gather, struct pbuf *frame);
/* Hands what is there to the switch. */
void host_gather_send(struct host_gather *gather);
/* Makes the batch's copies and lets go of the frames. */
void host_gather_release(struct host_gather *gather);

#endif
