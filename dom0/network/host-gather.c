/*
 * Gathering what lwIP sends.  See host-gather.h.
 */
#include "network/host-gather.h"
#include "network/batch.h"
#include "network/switch.h"
#include "pv-kernel/frames.h"

#include <errno.h>
#include <string.h>

#include "lwip/inet_chksum.h"
#include "lwip/pbuf.h"
#include "lwip/prot/ethernet.h"
#include "lwip/prot/ip.h"
#include "lwip/prot/ip4.h"
#include "lwip/prot/ip6.h"
#include "lwip/prot/tcp.h"

#define PLAIN_HEADER_BYTES 74u /* of a frame that is not TCP: IPv4's header may be so long */
/* An IP packet's most is 65535, but a request of a frontend's has 16 bits for all of a packet, link
 * header and tag included. */
#define IP_BYTES_MAX (65535u - 18u)
/* For the switch's own use besides: a tag takes one more. */
#define SCRATCH_WANTED 4u

/* A frame of lwIP's, its headers understood. */
struct frame {
    struct pbuf *pbuf;
    const uint8_t *bytes; /* the first pbuf's */
    uint16_t header_bytes;
    uint16_t tcp_at; /* where TCP begins; 0: it is something else */
    bool is_ip6;
    uint32_t payload_bytes;
    uint32_t sequence;
    uint8_t tcp_flags;
};

static uint16_t get16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static void put16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static uint32_t get32(const uint8_t *at)
{
    return (uint32_t)get16(at) << 16 | get16(at + 2);
}

/* Where TCP begins; 0: it is not a whole TCP segment. */
static uint16_t tcp_begins(const uint8_t *bytes, uint32_t length, bool *is_ip6)
{
    const uint8_t *ip = bytes + SIZEOF_ETH_HDR;
    uint16_t type, header;

    if (length < SIZEOF_ETH_HDR + IP_HLEN + TCP_HLEN)
        return 0;
    type = get16(bytes + 12);
    *is_ip6 = type == ETHTYPE_IPV6;
    if (*is_ip6)
        return length >= SIZEOF_ETH_HDR + IP6_HLEN + TCP_HLEN && ip[6] == IP6_NEXTH_TCP
                   ? SIZEOF_ETH_HDR + IP6_HLEN
                   : 0;
    header = (uint16_t)((ip[0] & 0xf) * 4);
    if (type != ETHTYPE_IP || ip[9] != IP_PROTO_TCP || get16(ip + 6) & (IP_MF | IP_OFFMASK) ||
        header < IP_HLEN || length < (uint32_t)SIZEOF_ETH_HDR + header + TCP_HLEN)
        return 0;
    return (uint16_t)(SIZEOF_ETH_HDR + header);
}

static void understand(struct frame *frame, struct pbuf *pbuf)
{
    uint16_t tcp_at, end;

    *frame = (struct frame){ .pbuf = pbuf, .bytes = pbuf->payload };
    frame->header_bytes = (uint16_t)LWIP_MIN(pbuf->len, PLAIN_HEADER_BYTES);
    tcp_at = tcp_begins(frame->bytes, pbuf->len, &frame->is_ip6);
    end = tcp_at ? (uint16_t)(tcp_at + (frame->bytes[tcp_at + 12] >> 4) * 4) : 0;
    if (tcp_at && end >= tcp_at + TCP_HLEN && end <= pbuf->len && end <= GATHER_HEADER_MAX) {
        frame->tcp_at = tcp_at;
        frame->header_bytes = end;
        frame->sequence = get32(frame->bytes + tcp_at + 4);
        frame->tcp_flags = frame->bytes[tcp_at + 13];
    }
    frame->payload_bytes = pbuf->tot_len - frame->header_bytes;
}

/* Adds a stretch of memory, in pieces that cross no page; false: there is no room. */
static bool piece_add(struct host_gather *gather, const uint8_t *at, uint32_t bytes)
{
    while (bytes) {
        struct packet_piece *last =
            gather->piece_count ? &gather->pieces[gather->piece_count - 1] : NULL;
        uint32_t in_page = (uint32_t)(PAGE_SIZE - ((uintptr_t)at & (PAGE_SIZE - 1)));
        uint32_t part = LWIP_MIN(bytes, in_page);

        if (last && in_page < PAGE_SIZE && (const uint8_t *)last->local + last->length == at)
            last->length += part;
        else if (gather->piece_count < PACKET_PIECES_MAX - 1)
            gather->pieces[gather->piece_count++] =
                (struct packet_piece){ .local = at, .length = part };
        else
            return false;
        at += part;
        bytes -= part;
    }
    return true;
}

/* Adds the frame's payload, or nothing if there is no room for all of it. */
static bool payload_add(struct host_gather *gather, const struct frame *frame)
{
    unsigned int count = gather->piece_count;
    uint32_t last_length = count ? gather->pieces[count - 1].length : 0;
    uint16_t skip = frame->header_bytes;

    if (gather->held_count == GATHER_FRAMES_MAX)
        return false;
    for (struct pbuf *at = frame->pbuf; at; at = at->next) {
        if (!piece_add(gather, (const uint8_t *)at->payload + skip, (uint32_t)at->len - skip)) {
            gather->piece_count = count;
            if (count)
                gather->pieces[count - 1].length = last_length;
            return false;
        }
        skip = 0;
    }
    if (frame->payload_bytes) {
        pbuf_ref(frame->pbuf);
        gather->held[gather->held_count++] = frame->pbuf;
    }
    gather->payload_bytes += frame->payload_bytes;
    gather->next_sequence = frame->sequence + frame->payload_bytes;
    return true;
}

/* Headers are a few words long: eight bytes at least, the last eight of them twice if need be. */
static uint64_t get64(const uint8_t *at)
{
    uint64_t word;

    memcpy(&word, at, sizeof(word));
    return word;
}

/* What may differ between segments of one packet, as 0; all else as ones. */
static void fixed_bits(uint8_t *fixed, const struct frame *frame)
{
    uint8_t *ip = fixed + SIZEOF_ETH_HDR, *tcp = fixed + frame->tcp_at;

    memset(fixed, 0xff, frame->header_bytes);
    if (frame->is_ip6) {
        put16(ip + 4, 0);
    } else {
        put16(ip + 2, 0); /* length */
        put16(ip + 4, 0); /* identification */
        put16(ip + 10, 0);
    }
    put16(tcp + 4, 0);
    put16(tcp + 6, 0);
    tcp[13] = (uint8_t)~TCP_PSH;
    put16(tcp + 16, 0);
}

static bool headers_agree(const struct host_gather *gather, const struct frame *frame)
{
    const uint8_t *one = gather->header, *other = frame->bytes, *fixed = gather->fixed;
    unsigned int last = frame->header_bytes - 8u;
    uint64_t differ;

    if (gather->header_bytes != frame->header_bytes || gather->tcp_at != frame->tcp_at)
        return false;
    differ = (get64(one + last) ^ get64(other + last)) & get64(fixed + last);
    for (unsigned int at = 0; at < last; at += 8)
        differ |= (get64(one + at) ^ get64(other + at)) & get64(fixed + at);
    return !differ;
}

static bool may_be_gathered(const struct frame *frame)
{
    return frame->tcp_at && frame->payload_bytes &&
           (frame->tcp_flags & (uint8_t)~TCP_PSH) == TCP_ACK;
}

static bool append(struct host_gather *gather, const struct frame *frame)
{
    if (!gather->header_bytes || gather->full || !may_be_gathered(frame) ||
        frame->sequence != gather->next_sequence || frame->payload_bytes > gather->segment_bytes ||
        gather->header_bytes - SIZEOF_ETH_HDR + gather->payload_bytes + frame->payload_bytes >
            IP_BYTES_MAX ||
        !headers_agree(gather, frame) || !payload_add(gather, frame))
        return false;
    gather->header[frame->tcp_at + 13] |= frame->tcp_flags; /* the last one's PSH is for all */
    gather->full = frame->payload_bytes < gather->segment_bytes;
    return true;
}

static int begin(struct host_gather *gather, const struct frame *frame)
{
    if (gather->held_count == GATHER_FRAMES_MAX)
        host_gather_release(gather);
    gather->piece_count = 0;
    gather->payload_bytes = 0;
    if (!payload_add(gather, frame))
        return -EMSGSIZE;
    memcpy(gather->header, frame->bytes, frame->header_bytes);
    gather->header_bytes = frame->header_bytes;
    gather->tcp_at = frame->tcp_at;
    gather->is_ip6 = frame->is_ip6;
    gather->segment_bytes = (uint16_t)frame->payload_bytes;
    gather->full = !may_be_gathered(frame);
    if (!gather->full)
        fixed_bits(gather->fixed, frame);
    return 0;
}

int host_gather_add(struct host_gather *gather, struct pbuf *pbuf)
{
    struct frame frame;
    int error;

    understand(&frame, pbuf);
    if (append(gather, &frame))
        return 0;
    host_gather_send(gather);
    error = begin(gather, &frame);
    /* What nothing may follow need not wait. */
    if (!error && gather->full)
        host_gather_send(gather);
    return error;
}

static uint32_t sum16(const uint8_t *at, unsigned int bytes)
{
    uint32_t sum = 0;

    for (unsigned int i = 0; i < bytes; i += 2)
        sum += get16(at + i);
    return sum;
}

static uint16_t folded(uint32_t sum)
{
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

/* The sum of the pseudo header (RFC 9293, 3.1; RFC 8200, 8.1). */
static uint16_t pseudo_sum(const uint8_t *ip, bool is_ip6, uint32_t tcp_bytes)
{
    uint32_t sum = IP_PROTO_TCP + (tcp_bytes & 0xffff) + (tcp_bytes >> 16);

    return folded(sum + (is_ip6 ? sum16(ip + 8, 32) : sum16(ip + 12, 8)));
}

/* An IPv4 header's own sum is made here, once for each packet: lwIP leaves it out. */
static void finish_ip4(uint8_t *header, unsigned int header_bytes)
{
    uint8_t *ip = header + SIZEOF_ETH_HDR;
    unsigned int ip_bytes = (ip[0] & 0xfu) * 4;

    if (SIZEOF_ETH_HDR + ip_bytes > header_bytes)
        return; /* lwIP makes no such */
    put16(ip + 10, 0);
    put16(ip + 10, (uint16_t)~folded(sum16(ip, ip_bytes)));
}

/* Makes the headers those of the whole packet. */
static void finish_tcp(const struct host_gather *gather, struct packet *packet, uint8_t *header)
{
    uint8_t *ip = header + SIZEOF_ETH_HDR;
    uint32_t tcp_bytes = packet->bytes - gather->tcp_at;

    if (gather->is_ip6) {
        put16(ip + 4, tcp_bytes);
    } else {
        put16(ip + 2, packet->bytes - SIZEOF_ETH_HDR);
    }
    put16(header + gather->tcp_at + 16, pseudo_sum(ip, gather->is_ip6, tcp_bytes));
    packet->offload = (struct packet_offload){ .checksum = PACKET_CHECKSUM_PARTIAL,
                                               .checksum_start = gather->tcp_at,
                                               .checksum_offset = 16 };
    if (gather->payload_bytes <= gather->segment_bytes)
        return;
    packet->offload.segmentation = gather->is_ip6 ? PACKET_TCP6 : PACKET_TCP4;
    packet->offload.segment_bytes = gather->segment_bytes;
    packet->offload.header_bytes = gather->header_bytes;
}

void host_gather_send(struct host_gather *gather)
{
    struct packet packet = { .offload.checksum = PACKET_CHECKSUM_VALID };
    uint8_t *header;

    if (!gather->header_bytes)
        return;
    batch_scratch_reserve(SCRATCH_WANTED);
    header = batch_scratch();
    memcpy(header, gather->header, gather->header_bytes);
    packet.pieces[0] = (struct packet_piece){ .local = header, .length = gather->header_bytes };
    memcpy(packet.pieces + 1, gather->pieces, gather->piece_count * sizeof(*gather->pieces));
    packet.piece_count = 1 + gather->piece_count;
    packet.bytes = gather->header_bytes + gather->payload_bytes;
    if (gather->tcp_at)
        finish_tcp(gather, &packet, header);
    if (gather->header_bytes > SIZEOF_ETH_HDR && get16(header + 12) == ETHTYPE_IP)
        finish_ip4(header, gather->header_bytes);
    gather->header_bytes = 0;
    switch_input(gather->port, &packet, NULL);
}

void host_gather_release(struct host_gather *gather)
{
    batch_copy_now();
    for (unsigned int i = 0; i < gather->held_count; i++)
        pbuf_free(gather->held[i]);
    gather->held_count = 0;
}
