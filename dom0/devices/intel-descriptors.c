/*
 * Descriptors of the 82540EM and the 82574L: the legacy format for receiving, the extended one
 * (context and data) for sending (82574 datasheet, 7.1.4 and 7.2; 82540EM manual, 3.2 and 3.3).
 */
#include "devices/intel-parts.h"
#include <errno.h>

/* Received, word 2: length, checksum; word 3: status, errors, VLAN tag. */
#define RECEIVED_DONE        0x01u
#define RECEIVED_LAST        0x02u
#define RECEIVED_IGNORE      0x04u /* checksums were not looked at */
#define RECEIVED_TCP_CHECKED 0x20u
#define ERRORS_DAMAGED       0x9700u /* RXE, CXE, SEQ, SE, CE */
#define ERRORS_CHECKSUM      0x6000u /* IPE, TCPE */

/* Sent, word 2 of both kinds. */
#define KIND_DATA    (1u << 20)
#define DATA_LAST    (1u << 24) /* EOP */
#define DATA_FCS     (1u << 25)
#define DATA_REPORT  (1u << 27) /* RS: to be marked as done */
#define EXTENDED     (1u << 29)
#define CONTEXT_TCP  (1u << 24)
#define CONTEXT_IP4  (1u << 25)
#define SEGMENTATION (1u << 26) /* TSE, of both */
/* Data, word 3. */
#define SENT_DONE  0x01u
#define INSERT_IP  0x100u /* POPTS.IXSM */
#define INSERT_TCP 0x200u /* POPTS.TXSM: TCP's or UDP's */

#define IP_CHECKSUM_OFFSET  10u
#define TCP_CHECKSUM_OFFSET 16u
#define FIELD_MAX           255u

static void legacy_give(volatile intel_descriptor *descriptor, uint64_t machine)
{
    descriptor->address = machine;
    descriptor->words[2] = descriptor->words[3] = 0;
}

static bool legacy_is_done(const volatile intel_descriptor *descriptor)
{
    return descriptor->words[3] & RECEIVED_DONE;
}

static struct intel_received legacy_read(const volatile intel_descriptor *descriptor)
{
    uint32_t said = descriptor->words[3];

    return (struct intel_received){ .bytes = descriptor->words[2] & 0xffff,
                                    .last = said & RECEIVED_LAST,
                                    .damaged = said & ERRORS_DAMAGED,
                                    .checksum = (said & RECEIVED_TCP_CHECKED) &&
                                                !(said & (RECEIVED_IGNORE | ERRORS_CHECKSUM)) };
}

const struct intel_receive_format intel_receive_legacy = { legacy_give, legacy_is_done,
                                                           legacy_read };

static int segmentation_context(const struct net_transmit *transmit, intel_descriptor *context)
{
    const struct packet_offload *offload = &transmit->offload;
    unsigned int ip = intel_ip_offset(transmit->header);
    bool is_4 = offload->segmentation == PACKET_TCP4;

    if (offload->header_bytes > FIELD_MAX)
        return -EINVAL;
    context->words[0] = ip | (ip + IP_CHECKSUM_OFFSET) << 8;
    if (is_4)
        context->words[0] |= (uint32_t)(offload->checksum_start - 1) << 16;
    context->words[2] |=
        (transmit->bytes - offload->header_bytes) | SEGMENTATION | (is_4 ? CONTEXT_IP4 : 0);
    context->words[3] = (uint32_t)offload->header_bytes << 8 | (uint32_t)offload->segment_bytes
                                                                   << 16;
    return 0;
}

static int extended_context(const struct net_transmit *transmit, intel_descriptor *context)
{
    const struct packet_offload *offload = &transmit->offload;
    unsigned int start = offload->checksum_start, field = start + offload->checksum_offset;

    if (field > FIELD_MAX)
        return -EINVAL;
    *context = (intel_descriptor){ .words = { 0, start | field << 8, EXTENDED } };
    if (offload->checksum_offset == TCP_CHECKSUM_OFFSET)
        context->words[2] |= CONTEXT_TCP;
    return offload->segmentation == PACKET_WHOLE ? 0 : segmentation_context(transmit, context);
}

static void extended_data(volatile intel_descriptor *descriptor,
                          const struct net_transmit *transmit, const struct net_buffer *buffer,
                          uint32_t total, bool last)
{
    const struct packet_offload *offload = &transmit->offload;
    uint32_t command = buffer->bytes | KIND_DATA | EXTENDED | DATA_FCS, insert = 0;

    (void)total;
    if (last)
        command |= DATA_LAST | DATA_REPORT;
    if (offload->checksum == PACKET_CHECKSUM_PARTIAL)
        insert = INSERT_TCP;
    if (offload->segmentation != PACKET_WHOLE)
        command |= SEGMENTATION;
    if (offload->segmentation == PACKET_TCP4)
        insert |= INSERT_IP;
    descriptor->address = buffer->machine;
    descriptor->words[3] = insert;
    descriptor->words[2] = command;
}

static bool extended_is_done(const volatile intel_descriptor *descriptor)
{
    return descriptor->words[3] & SENT_DONE;
}

const struct intel_transmit_format intel_transmit_extended = { extended_context, extended_data,
                                                               extended_is_done };
