/*
 * Descriptors of the 82576, the advanced formats (82576 datasheet, 7.1.5 and 7.2.2).
 */
#include "devices/intel-parts.h"
#include <errno.h>

/* Received, written back: word 2: status and errors; word 3: length. */
#define RECEIVED_DONE        0x01u
#define RECEIVED_LAST        0x02u
#define RECEIVED_UDP_CHECKED 0x10u
#define RECEIVED_TCP_CHECKED 0x20u
#define ERRORS_DAMAGED       (1u << 31)
#define ERRORS_CHECKSUM      (3u << 29) /* IPE, L4E */

/* Sent, word 2. */
#define KIND_CONTEXT (2u << 20)
#define KIND_DATA    (3u << 20)
#define DATA_LAST    (1u << 24)
#define DATA_FCS     (1u << 25)
#define DATA_REPORT  (1u << 27)
#define ADVANCED     (1u << 29)
#define SEGMENTATION (1u << 31)
#define CONTEXT_IP4  (1u << 10)
#define CONTEXT_TCP  (1u << 11)
/* Data, word 3. */
#define SENT_DONE     0x01u
#define INSERT_IP     0x100u
#define INSERT_TCP    0x200u
#define PAYLOAD_SHIFT 14

#define LINK_BYTES          14u
#define IP_BYTES_MAX        511u
#define TCP_CHECKSUM_OFFSET 16u
#define UDP_CHECKSUM_OFFSET 6u

static void advanced_give(volatile intel_descriptor *descriptor, uint64_t machine)
{
    descriptor->address = machine;
    descriptor->words[2] = descriptor->words[3] = 0;
}

static bool advanced_is_done(const volatile intel_descriptor *descriptor)
{
    return descriptor->words[2] & RECEIVED_DONE;
}

static struct intel_received advanced_read(const volatile intel_descriptor *descriptor)
{
    uint32_t said = descriptor->words[2];

    return (struct intel_received){ .bytes = descriptor->words[3] & 0xffff,
                                    .last = said & RECEIVED_LAST,
                                    .damaged = said & ERRORS_DAMAGED,
                                    .checksum =
                                        (said & (RECEIVED_TCP_CHECKED | RECEIVED_UDP_CHECKED)) &&
                                        !(said & ERRORS_CHECKSUM) };
}

const struct intel_receive_format intel_receive_advanced = { advanced_give, advanced_is_done,
                                                             advanced_read };

/* The card finds TCP's or UDP's header behind the link and IP headers' lengths, and knows where its
 * checksum is. */
static int advanced_context(const struct net_transmit *transmit, intel_descriptor *context)
{
    const struct packet_offload *offload = &transmit->offload;
    unsigned int link = transmit->header ? intel_ip_offset(transmit->header) : LINK_BYTES;
    unsigned int ip = offload->checksum_start - link;
    uint32_t kind = KIND_CONTEXT | ADVANCED, segments = 0;

    if (offload->checksum_start <= link || ip > IP_BYTES_MAX ||
        (offload->checksum_offset != TCP_CHECKSUM_OFFSET &&
         offload->checksum_offset != UDP_CHECKSUM_OFFSET))
        return -EINVAL;
    if (offload->checksum_offset == TCP_CHECKSUM_OFFSET)
        kind |= CONTEXT_TCP;
    if (offload->segmentation == PACKET_TCP4)
        kind |= CONTEXT_IP4;
    if (offload->segmentation != PACKET_WHOLE) {
        if (offload->header_bytes - offload->checksum_start > 255)
            return -EINVAL;
        segments = (uint32_t)(offload->header_bytes - offload->checksum_start) << 8 |
                   (uint32_t)offload->segment_bytes << 16;
    }
    *context = (intel_descriptor){ .words = { link << 9 | ip, 0, kind, segments } };
    return 0;
}

static void advanced_data(volatile intel_descriptor *descriptor,
                          const struct net_transmit *transmit, const struct net_buffer *buffer,
                          uint32_t total, bool last)
{
    const struct packet_offload *offload = &transmit->offload;
    uint32_t command = buffer->bytes | KIND_DATA | ADVANCED | DATA_FCS, insert = 0;

    if (last)
        command |= DATA_LAST | DATA_REPORT;
    if (offload->checksum == PACKET_CHECKSUM_PARTIAL)
        insert = INSERT_TCP;
    if (offload->segmentation != PACKET_WHOLE) {
        command |= SEGMENTATION;
        total -= offload->header_bytes;
    }
    if (offload->segmentation == PACKET_TCP4)
        insert |= INSERT_IP;
    descriptor->address = buffer->machine;
    descriptor->words[3] = insert | total << PAYLOAD_SHIFT;
    descriptor->words[2] = command;
}

static bool advanced_sent_is_done(const volatile intel_descriptor *descriptor)
{
    return descriptor->words[3] & SENT_DONE;
}

const struct intel_transmit_format intel_transmit_advanced = { advanced_context, advanced_data,
                                                               advanced_sent_is_done };
