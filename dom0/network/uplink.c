/*
 * An uplink.  See uplink.h.
 */
#include "network/uplink.h"
#include "network/batch.h"
#include "network/fallback.h"
#include "pv-kernel/frames.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGES       1024u
#define FRAMES      512u
#define PAGES_LARGE 17u /* of a packet of PACKET_BYTES_MAX */
/* Kept for senders who do not wait: dom0's own stack. */
#define PAGES_SPARE  128u
#define FRAMES_SPARE 64u
#define QUANTUM      (PACKET_BYTES_MAX + 1u)
/* A frame on the wire (IEEE 802.3): padded to the least, and around it preamble, check sequence and
 * the gap to the next. */
#define FRAME_BYTES_LEAST  60u
#define FRAME_BYTES_AROUND 24u

struct uplink_frame {
    struct net_transmit transmit; /* first */
    void *pages[PAGES_LARGE];
    int error; /* of the copies into it */
};

struct uplink {
    struct switch_port port; /* first */
    struct net_device *device;
    struct turns turns;
    void *pages[PAGES]; /* free ones */
    unsigned int page_count;
    struct uplink_frame *free_frames; /* through transmit.next */
    unsigned int frame_count;
    struct net_transmit *queue_first, **queue_last; /* copied, not the NIC's yet */
    struct batch_end end;
};

static unsigned int pages_of(uint32_t bytes)
{
    return (unsigned int)((bytes + PAGE_SIZE - 1) / PAGE_SIZE);
}

static void frame_free(struct uplink *uplink, struct uplink_frame *frame)
{
    for (unsigned int i = 0; i < pages_of(frame->transmit.bytes); i++)
        uplink->pages[uplink->page_count++] = frame->pages[i];
    frame->transmit.next = (struct net_transmit *)uplink->free_frames;
    uplink->free_frames = frame;
    uplink->frame_count++;
}

static void sent(struct net_transmit *transmit, int error)
{
    struct uplink *uplink = transmit->owner;

    if (error)
        uplink->port.counters.out_dropped++;
    frame_free(uplink, (struct uplink_frame *)transmit);
    turns_more(&uplink->turns);
}

static struct uplink_frame *frame_take(struct uplink *uplink, uint32_t bytes)
{
    struct uplink_frame *frame = uplink->free_frames;

    if (!frame || uplink->page_count < pages_of(bytes))
        return NULL;
    uplink->free_frames = (struct uplink_frame *)frame->transmit.next;
    uplink->frame_count--;
    frame->error = 0;
    frame->transmit.bytes = bytes;
    frame->transmit.buffer_count = pages_of(bytes);
    frame->transmit.next = NULL;
    for (unsigned int i = 0; i < pages_of(bytes); i++)
        frame->pages[i] = uplink->pages[--uplink->page_count];
    return frame;
}

static void frame_fill(struct uplink_frame *frame, const struct packet *packet)
{
    for (uint32_t at = 0, i = 0; at < packet->bytes; at += (uint32_t)PAGE_SIZE, i++) {
        uint32_t left = packet->bytes - at, part = left < PAGE_SIZE ? left : (uint32_t)PAGE_SIZE;

        batch_copy_to_local(frame->pages[i], packet, at, part, &frame->error);
        frame->transmit.buffers[i] =
            (struct net_buffer){ .machine = frames_virt_to_machine(frame->pages[i]),
                                 .bytes = part };
    }
}

static uint32_t frame_wire_bytes(uint32_t bytes)
{
    return (bytes < FRAME_BYTES_LEAST ? FRAME_BYTES_LEAST : bytes) + FRAME_BYTES_AROUND;
}

/* What it costs the wire. */
static uint32_t wire_bytes(const struct packet *packet)
{
    uint32_t whole = packet_segments(packet) - 1; /* and the last one, with what is left */
    uint32_t segment = (uint32_t)packet->offload.header_bytes + packet->offload.segment_bytes;

    return whole * frame_wire_bytes(segment) +
           frame_wire_bytes(packet->bytes - whole * packet->offload.segment_bytes);
}

/* A card that does not cut large packets gets them cut (fallback.h): is there room for all of it?
 */
static bool has_room(const struct uplink *uplink, const struct packet *packet)
{
    uint32_t frames = 1, pages = pages_of(packet->bytes);
    uint16_t cuts = packet->offload.segmentation == PACKET_TCP4 ? PORT_TAKES_TCP4 : PORT_TAKES_TCP6;

    if (packet->offload.segmentation != PACKET_WHOLE && !(uplink->port.takes & cuts)) {
        frames = packet_segments(packet); /* not above FALLBACK_SEGMENTS_MAX: offload_is_possible */
        pages = frames * pages_of(packet->offload.header_bytes + packet->offload.segment_bytes);
    }
    return uplink->page_count >= PAGES_SPARE + pages &&
           uplink->frame_count >= FRAMES_SPARE + frames - 1;
}

static bool admit(struct switch_port *port, const struct packet *packet, struct turn *turn)
{
    struct uplink *uplink = (struct uplink *)port;
    uint32_t cost = wire_bytes(packet);

    if (!turns_take(&uplink->turns, turn, cost))
        return false;
    if (has_room(uplink, packet))
        return true;
    turns_none_left(&uplink->turns, turn, cost);
    return false;
}

static void output(struct switch_port *port, const struct packet *packet)
{
    struct uplink *uplink = (struct uplink *)port;
    struct uplink_frame *frame = frame_take(uplink, packet->bytes);

    if (!frame) {
        port->counters.out_dropped++;
        return;
    }
    frame_fill(frame, packet);
    frame->transmit.offload = packet->offload;
    frame->transmit.header = frame->pages[0];
    *uplink->queue_last = &frame->transmit;
    uplink->queue_last = &frame->transmit.next;
    batch_at_end(&uplink->end);
}

static int submit(struct uplink *uplink, struct net_transmit *transmit)
{
    int error = ((struct uplink_frame *)transmit)->error;

    if (!error)
        error = net_device_submit(uplink->device, transmit);
    if (error && error != -EAGAIN)
        sent(transmit, error);
    return error;
}

/* The copies are made: hands over as much as the NIC has room for, one doorbell for all. */
static void queue_submit(struct uplink *uplink)
{
    bool submitted = false;

    while (uplink->queue_first) {
        struct net_transmit *transmit = uplink->queue_first, *next = transmit->next;
        int error;

        transmit->next = NULL;
        error = submit(uplink, transmit);
        if (error == -EAGAIN) {
            transmit->next = next;
            break;
        }
        submitted |= !error;
        uplink->queue_first = next;
        if (!next)
            uplink->queue_last = &uplink->queue_first;
    }
    if (submitted)
        net_device_kick(uplink->device);
}

static void copies_made(struct batch_end *end)
{
    queue_submit((struct uplink *)((char *)end - offsetof(struct uplink, end)));
}

static const struct switch_port_operations operations = { .admit = admit, .output = output };

static void received(struct net_device *device, const struct packet *packet)
{
    struct uplink *uplink = device->user_state;

    switch_input(&uplink->port, packet, NULL);
}

static void received_all(struct net_device *device)
{
    (void)device;
    batch_end();
}

static void room(struct net_device *device)
{
    queue_submit(device->user_state);
}

static void link_changed(struct net_device *device)
{
    printf("%s: link %s\n", device->name, device->link ? "up" : "down");
}

static const struct net_user user = {
    .received = received, .received_all = received_all, .room = room, .link_changed = link_changed
};

static int memory_get(struct uplink *uplink)
{
    while (uplink->page_count < PAGES) {
        void *page = frames_alloc(0);

        if (!page)
            return -ENOMEM;
        uplink->pages[uplink->page_count++] = page;
    }
    for (unsigned int i = 0; i < FRAMES; i++) {
        struct uplink_frame *frame = calloc(1, sizeof(*frame));

        if (!frame)
            return -ENOMEM;
        frame->transmit.done = sent;
        frame->transmit.owner = uplink;
        frame_free(uplink, frame);
    }
    return 0;
}

static void memory_release(struct uplink *uplink)
{
    while (uplink->page_count)
        frames_free(uplink->pages[--uplink->page_count], 0);
    while (uplink->free_frames) {
        struct uplink_frame *frame = uplink->free_frames;

        uplink->free_frames = (struct uplink_frame *)frame->transmit.next;
        free(frame);
    }
    free(uplink);
}

static uint16_t takes_of(const struct net_device *device)
{
    uint16_t takes = 0;

    if (device->features & NET_SENDS_CHECKSUM)
        takes |= PORT_TAKES_CHECKSUM4 | PORT_TAKES_CHECKSUM6;
    if (device->features & NET_SENDS_TCP4)
        takes |= PORT_TAKES_TCP4;
    if (device->features & NET_SENDS_TCP6)
        takes |= PORT_TAKES_TCP6;
    return takes;
}

int uplink_create(struct net_device *device, struct net_switch *net_switch, unsigned int mtu,
                  struct uplink **created)
{
    static const struct net_filter all = { .promiscuous = true, .all_multicast = true };
    struct uplink *uplink = calloc(1, sizeof(*uplink));
    int error;

    if (!uplink)
        return -ENOMEM;
    uplink->device = device;
    uplink->turns.quantum = QUANTUM;
    uplink->queue_last = &uplink->queue_first;
    uplink->end.end = copies_made;
    uplink->port.operations = &operations;
    uplink->port.takes = takes_of(device);
    uplink->port.mtu = mtu;
    snprintf(uplink->port.name, sizeof(uplink->port.name), "%s", device->name);
    error = memory_get(uplink);
    if (!error)
        error = switch_attach(net_switch, &uplink->port);
    if (error) {
        memory_release(uplink);
        return error;
    }
    error = net_device_open(device, &user, uplink, mtu);
    if (error) {
        switch_detach(&uplink->port);
        memory_release(uplink);
        return error;
    }
    net_device_filter(device, &all);
    *created = uplink;
    return 0;
}
