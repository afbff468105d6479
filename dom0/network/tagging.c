/*
 * VLAN tags.  See tagging.h.
 */
#include "network/tagging.h"
#include "network/batch.h"
#include <string.h>

#define TYPE_AT 12u
#define TAG_0   0x81u
#define TAG_1   0x00u

uint16_t tagging_vlan(const struct packet *packet)
{
    const uint8_t *header = packet->pieces[0].local;

    if (packet->pieces[0].length < TYPE_AT + VLAN_TAG_BYTES || header[TYPE_AT] != TAG_0 ||
        header[TYPE_AT + 1] != TAG_1)
        return 0;
    return (uint16_t)((header[TYPE_AT + 2] & 0x0f) << 8 | header[TYPE_AT + 3]);
}

/* The packet with `room` bytes more between addresses and type, or so many fewer. */
static uint8_t *head_move(struct packet *to, const struct packet *packet, int room)
{
    const struct packet_piece *first = &packet->pieces[0];
    uint32_t head = first->length, kept_from = room < 0 ? TYPE_AT - (uint32_t)room : TYPE_AT;
    uint8_t *memory;

    if (head > BATCH_SCRATCH_BYTES - VLAN_TAG_BYTES)
        head = BATCH_SCRATCH_BYTES - VLAN_TAG_BYTES;
    if (packet->piece_count == PACKET_PIECES_MAX || head < kept_from)
        return NULL;
    if ((int)head + room < (int)PACKET_BYTES_LEAST)
        return NULL; /* a tag, and no type behind it */
    memory = batch_scratch();
    if (!memory)
        return NULL;
    memcpy(memory, first->local, TYPE_AT);
    memcpy(memory + kept_from + room, (const uint8_t *)first->local + kept_from, head - kept_from);
    *to = *packet;
    to->bytes += (uint32_t)room;
    to->offload.checksum_start = (uint16_t)(to->offload.checksum_start + room);
    to->offload.header_bytes = (uint16_t)(to->offload.header_bytes + room);
    to->pieces[0].local = memory;
    to->pieces[0].length = head + (uint32_t)room;
    if (head == first->length)
        return memory;
    memmove(&to->pieces[2], &to->pieces[1], (packet->piece_count - 1) * sizeof(to->pieces[0]));
    to->pieces[1] = *first;
    to->pieces[1].local = (const uint8_t *)first->local + head;
    to->pieces[1].length = first->length - head;
    to->piece_count++;
    return memory;
}

bool tagging_insert(struct packet *to, const struct packet *packet, uint16_t vlan)
{
    uint8_t *memory = head_move(to, packet, (int)VLAN_TAG_BYTES);

    if (!memory)
        return false;
    memory[TYPE_AT] = TAG_0;
    memory[TYPE_AT + 1] = TAG_1;
    memory[TYPE_AT + 2] = (uint8_t)(vlan >> 8);
    memory[TYPE_AT + 3] = (uint8_t)vlan;
    return true;
}

bool tagging_remove(struct packet *to, const struct packet *packet)
{
    return head_move(to, packet, -(int)VLAN_TAG_BYTES) != NULL;
}
