/*
 * Slots of a virtqueue.  See virtio-slots.h.
 */
#include "devices/virtio-slots.h"
#include "pv-kernel/frames.h"
#include <errno.h>
#include <string.h>

_Static_assert(VIRTIO_TABLE * sizeof(struct virtq_descriptor) * 2 == PAGE_SIZE, "half a page");

static int tables_make(struct virtio_slots *slots)
{
    for (unsigned int slot = 0; slot < slots->count; slot += 2) {
        char *page = frames_alloc(0);

        if (!page)
            return -ENOMEM;
        slots->tables[slot] = (struct virtq_descriptor *)page;
        if (slot + 1 < VIRTQUEUE_MAX)
            slots->tables[slot + 1] = (struct virtq_descriptor *)(page + PAGE_SIZE / 2);
    }
    return 0;
}

int virtio_slots_make(struct virtio_slots *slots, struct virtqueue *queue, bool indirect,
                      unsigned int most)
{
    unsigned int count = indirect ? queue->size : queue->size / VIRTIO_CHAIN;

    *slots = (struct virtio_slots){ .queue = queue, .count = count < most ? count : most };
    if (!slots->count)
        return -ENODEV;
    return indirect ? tables_make(slots) : 0;
}

void virtio_slots_free(struct virtio_slots *slots)
{
    for (unsigned int slot = 0; slot < slots->count; slot += 2)
        if (slots->tables[slot])
            frames_free(slots->tables[slot], 0);
    memset(slots->tables, 0, sizeof(slots->tables));
}

unsigned int virtio_slots_pieces(const struct virtio_slots *slots)
{
    return slots->tables[0] ? VIRTIO_TABLE : VIRTIO_CHAIN;
}

struct virtio_chain virtio_chain_begin(const struct virtio_slots *slots, unsigned int slot)
{
    uint16_t first = (uint16_t)(slot * VIRTIO_CHAIN);

    if (slots->tables[slot])
        return (struct virtio_chain){ slots->tables[slot], 0, 0 };
    return (struct virtio_chain){ slots->queue->descriptors + first, first, 0 };
}

void virtio_chain_add(struct virtio_chain *chain, uint64_t address, uint32_t length, bool write)
{
    volatile struct virtq_descriptor *d = &chain->descriptors[chain->count++];

    d->address = address;
    d->length = length;
    d->flags = write ? VIRTQ_NEXT | VIRTQ_WRITE : VIRTQ_NEXT;
    d->next = (uint16_t)(chain->first + chain->count);
}

void virtio_chain_end(struct virtio_slots *slots, unsigned int slot, struct virtio_chain *chain)
{
    volatile struct virtq_descriptor *last = &chain->descriptors[chain->count - 1];

    last->flags &= (uint16_t)~VIRTQ_NEXT;
    if (slots->tables[slot]) {
        volatile struct virtq_descriptor *d = &slots->queue->descriptors[slot];

        d->address = frames_virt_to_machine(slots->tables[slot]);
        d->length = chain->count * (uint32_t)sizeof(*d);
        d->flags = VIRTQ_INDIRECT;
    }
    virtio_slot_again(slots, slot);
}

void virtio_slot_again(struct virtio_slots *slots, unsigned int slot)
{
    virtqueue_add(slots->queue, (uint16_t)(slots->tables[slot] ? slot : slot * VIRTIO_CHAIN));
}

unsigned int virtio_slot_of(const struct virtio_slots *slots, uint16_t head)
{
    unsigned int slot = head;

    if (!slots->tables[0])
        slot = head % VIRTIO_CHAIN ? slots->count : head / VIRTIO_CHAIN;
    return slot < slots->count ? slot : slots->count;
}
