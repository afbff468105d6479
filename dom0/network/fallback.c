/*
 * The fallback.  See fallback.h.
 *
 * The packet is copied to where it can be read in one go; each segment is a header of its own and
 * a part of that copy.  Headers are taken from a few places in turn: when they have all been used,
 * the copies that read them are made, and they are free again.
 */
#include "network/fallback.h"
#include "network/batch.h"
#include "network/checksum.h"
#include "network/headers.h"
#include "pv-kernel/frames.h"
#include <string.h>

#define HEADERS_AT_ONCE 32u
#define HEADER_BYTES    256u

static uint8_t whole[(PACKET_BYTES_MAX + PAGE_SIZE - 1) & PAGE_MASK] __attribute__((aligned(4096)));
static uint8_t segment_headers[HEADERS_AT_ONCE][HEADER_BYTES] __attribute__((aligned(256)));

bool offload_is_possible(const struct packet *packet)
{
    const struct packet_offload *offload = &packet->offload;
    struct headers h;

    if (offload->checksum == PACKET_CHECKSUM_PARTIAL &&
        (uint32_t)offload->checksum_start + offload->checksum_offset + 2 > packet->pieces[0].length)
        return false;
    if (offload->segmentation == PACKET_WHOLE)
        return true;
    headers_read(packet, &h);
    return offload->checksum == PACKET_CHECKSUM_PARTIAL &&
           h.version == (offload->segmentation == PACKET_TCP4 ? 4 : 6) &&
           h.protocol == PROTOCOL_TCP && h.payload_at && h.payload_at < packet->bytes &&
           offload->checksum_start == h.transport_at && offload->checksum_offset == 16 &&
           offload->header_bytes == h.payload_at && h.payload_at <= HEADER_BYTES &&
           offload->segment_bytes &&
           (packet->bytes - h.payload_at - 1) / offload->segment_bytes < FALLBACK_SEGMENTS_MAX;
}

static void write16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void sum_put(uint8_t *at, uint32_t sum, bool is_udp)
{
    uint16_t end = checksum_end(sum);

    if (is_udp && !end)
        end = 0xffff; /* zero says that there is none (RFC 768) */
    memcpy(at, &end, sizeof(end));
}

/* A local packet of a header and the bytes from `data` on, which may cross pages. */
static void packet_make(struct packet *to, const uint8_t *header, uint32_t header_bytes,
                        const uint8_t *data, uint32_t bytes)
{
    to->bytes = header_bytes + bytes;
    to->offload = (struct packet_offload){ .checksum = PACKET_CHECKSUM_VALID };
    to->pieces[0] = (struct packet_piece){ .local = header, .length = header_bytes };
    to->piece_count = 1;
    while (bytes) {
        uint32_t part = (uint32_t)(PAGE_SIZE - ((uintptr_t)data & (PAGE_SIZE - 1)));

        part = part < bytes ? part : bytes;
        to->pieces[to->piece_count++] = (struct packet_piece){ .local = data, .length = part };
        data += part;
        bytes -= part;
    }
}

struct cutting {
    struct headers headers;
    uint32_t header_bytes, segment_bytes, payload; /* payload: of the whole packet */
    unsigned int used;                             /* of segment_headers */
};

static uint8_t *header_take(struct cutting *cutting)
{
    if (cutting->used == HEADERS_AT_ONCE) {
        batch_copy_now();
        cutting->used = 0;
    }
    return memcpy(segment_headers[cutting->used++], whole, cutting->header_bytes);
}

static void ip_fit(uint8_t *header, const struct headers *h, uint32_t frame_bytes,
                   unsigned int index)
{
    uint8_t *ip = header + h->ip_at;
    uint32_t sum;

    if (h->version == 6) {
        write16(ip + 4, frame_bytes - h->ip_at - 40);
        return;
    }
    write16(ip + 2, frame_bytes - h->ip_at);
    write16(ip + 4, ((uint32_t)ip[4] << 8 | ip[5]) + index);
    memset(ip + 10, 0, 2);
    sum = checksum_add(0, ip, h->transport_at - h->ip_at);
    sum_put(ip + 10, sum, false);
}

#define TCP_FIN 0x01u
#define TCP_PSH 0x08u
#define TCP_CWR 0x80u

/* Flags: the end is only the last one's; that the window was reduced is only the first one's. */
static void tcp_fit(uint8_t *tcp, uint32_t at, bool last)
{
    uint32_t sequence;

    memcpy(&sequence, tcp + 4, sizeof(sequence));
    sequence = __builtin_bswap32(__builtin_bswap32(sequence) + at);
    memcpy(tcp + 4, &sequence, sizeof(sequence));
    if (!last)
        tcp[13] &= (uint8_t) ~(TCP_FIN | TCP_PSH);
    if (at)
        tcp[13] &= (uint8_t)~TCP_CWR;
}

static void segment_make(struct packet *to, struct cutting *cutting, uint32_t at)
{
    const struct headers *h = &cutting->headers;
    uint32_t left = cutting->payload - at, header_bytes = cutting->header_bytes;
    uint32_t bytes = left < cutting->segment_bytes ? left : cutting->segment_bytes;
    uint8_t *header = header_take(cutting), *tcp = header + h->transport_at;
    uint32_t sum;

    ip_fit(header, h, header_bytes + bytes, at / cutting->segment_bytes);
    tcp_fit(tcp, at, bytes == left);
    memset(tcp + 16, 0, 2);
    sum = headers_pseudo_sum(header, h, header_bytes - h->transport_at + bytes);
    sum = checksum_add(sum, tcp, header_bytes - h->transport_at);
    sum = checksum_add(sum, whole + header_bytes + at, bytes);
    sum_put(tcp + 16, sum, false);
    packet_make(to, header, header_bytes, whole + header_bytes + at, bytes);
}

static void checksum_make(struct packet *to, const struct packet *packet)
{
    uint32_t start = packet->offload.checksum_start;
    uint32_t sum = checksum_add(0, whole + start, packet->bytes - start);
    uint32_t head = packet->bytes < PAGE_SIZE ? packet->bytes : (uint32_t)PAGE_SIZE;

    sum_put(whole + start + packet->offload.checksum_offset, sum,
            packet->offload.checksum_offset == 6);
    packet_make(to, whole, head, whole + head, packet->bytes - head);
}

bool fallback_each(const struct packet *packet,
                   void (*output)(void *argument, const struct packet *packet), void *argument)
{
    struct cutting cutting;
    struct packet part;
    int error = 0;

    if (packet->bytes > PACKET_BYTES_MAX || !offload_is_possible(packet))
        return false;
    batch_copy_now(); /* what reads the memory used here */
    batch_copy_to_local(whole, packet, 0, packet->bytes, &error);
    batch_copy_now();
    if (error)
        return false;
    if (packet->offload.segmentation == PACKET_WHOLE) {
        checksum_make(&part, packet);
        output(argument, &part);
        return true;
    }
    headers_read(packet, &cutting.headers);
    cutting.header_bytes = packet->offload.header_bytes;
    cutting.segment_bytes = packet->offload.segment_bytes;
    cutting.payload = packet->bytes - cutting.header_bytes;
    cutting.used = 0;
    for (uint32_t at = 0; at < cutting.payload; at += cutting.segment_bytes) {
        segment_make(&part, &cutting, at);
        output(argument, &part);
    }
    return true;
}
