/*
 * A test guest for network cards: as initial domain with dom0's drivers it opens eth0 and does what
 * frames tell it.  tests/system/test_nic.py is at the other end of the cable.
 *
 * Frames of type ORDER are for us: how they look is written at struct order below, and in Python.
 * All others go back where they came from, addresses swapped, with their offloads as they arrived.
 */
#include "devices/devices.h"
#include "devices/net-device.h"
#include "devices/pci.h"
#include "libc/libc.h"
#include "pv-kernel/event-ports.h"
#include "pv-kernel/frames.h"
#include "pv-kernel/kernel.h"
#include "tasks/console-input.h"
#include "tasks/task.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ORDER_TYPE 0x88b5u
#define LINK_BYTES 14u
#define PAGES      4096u
#define SLOTS      512u

enum { ORDER_STATUS = 1, ORDER_FILTER = 2, ORDER_SEND = 3, ORDER_BREAK = 4 };

struct order {
    uint8_t op, reserved;
    uint16_t sequence;
    union {
        struct {
            uint8_t promiscuous, all_multicast;
            uint16_t count;
            uint8_t multicast[NET_MULTICAST_MAX][6];
        } __attribute__((packed)) filter;
        /* `count` packets: the template, then payload_bytes of a pattern, in buffers of at most
         * piece_bytes behind the first, which holds the template and first_payload bytes more. */
        struct {
            struct packet_offload offload;
            uint16_t piece_bytes, count, template_bytes, first_payload;
            uint32_t payload_bytes;
            uint8_t template[256];
        } __attribute__((packed)) send;
    };
} __attribute__((packed));

struct status {
    uint8_t op, link;
    uint16_t sequence, mtu_max, link_changes, last_pieces;
    uint32_t features, interrupts, dropped, refused, failed, rooms;
    struct packet_offload last_offload;
    struct net_counters counters;
    char model[32];
} __attribute__((packed));

struct slot {
    struct net_transmit transmit;
    uint8_t *pages[NET_BUFFERS_MAX];
    unsigned int page_count;
};

static struct net_device *nic;
static struct status status;
static struct slot slots[SLOTS];
static struct net_transmit *free_slots, *waiting, **last_waiting = &waiting;
static uint8_t *free_pages[PAGES];
static unsigned int free_page_count;

/* Counts interrupts: handlers that drivers set go through here (the linker is told so). */

void __real_event_port_set_handler(evtchn_port_t port, event_handler_t handler, void *arg);
void __wrap_event_port_set_handler(evtchn_port_t port, event_handler_t handler, void *arg);

static struct {
    event_handler_t handler;
    void *arg;
} handlers[4096];
static bool drivers_start;

static void counting_handler(evtchn_port_t port, void *arg)
{
    (void)arg;
    status.interrupts++;
    handlers[port].handler(port, handlers[port].arg);
}

void __wrap_event_port_set_handler(evtchn_port_t port, event_handler_t handler, void *arg)
{
    handlers[port].handler = handler;
    handlers[port].arg = arg;
    __real_event_port_set_handler(port, drivers_start ? counting_handler : handler, arg);
}

/* Packets to be sent: a slot each, and pages. */

static void slot_free(struct slot *slot)
{
    while (slot->page_count)
        free_pages[free_page_count++] = slot->pages[--slot->page_count];
    slot->transmit.next = free_slots;
    free_slots = &slot->transmit;
}

static void sent(struct net_transmit *transmit, int error)
{
    status.failed += error != 0;
    slot_free(transmit->owner);
}

static struct slot *slot_take(void)
{
    struct slot *slot = free_slots ? free_slots->owner : NULL;

    if (!slot) {
        status.dropped++;
        return NULL;
    }
    free_slots = slot->transmit.next;
    slot->transmit = (struct net_transmit){ .done = sent, .owner = slot };
    return slot;
}

/* One more buffer in a page of its own, `at` bytes behind its start. */
static uint8_t *buffer_add(struct slot *slot, uint32_t at, uint32_t bytes)
{
    struct net_transmit *transmit = &slot->transmit;
    uint8_t *page;

    if (!free_page_count || slot->page_count == nic->buffers_max)
        return NULL;
    page = free_pages[--free_page_count];
    slot->pages[slot->page_count++] = page;
    transmit->buffers[transmit->buffer_count++] =
        (struct net_buffer){ .machine = frames_virt_to_machine(page) + at, .bytes = bytes };
    transmit->bytes += bytes;
    if (!transmit->header)
        transmit->header = page + at;
    return page + at;
}

static void slot_send(struct slot *slot)
{
    int error = waiting ? -EAGAIN : net_device_submit(nic, &slot->transmit);

    if (error == -EAGAIN) {
        slot->transmit.next = NULL;
        *last_waiting = &slot->transmit;
        last_waiting = &slot->transmit.next;
    } else if (error) {
        status.refused++;
        slot_free(slot);
    }
}

static void room(struct net_device *device)
{
    status.rooms++;
    while (waiting) {
        struct net_transmit *transmit = waiting, *next = transmit->next;
        int error = net_device_submit(device, transmit);

        if (error == -EAGAIN)
            break;
        waiting = next;
        if (!waiting)
            last_waiting = &waiting;
        if (error) {
            status.refused++;
            slot_free(transmit->owner);
        }
    }
    net_device_kick(device);
}

/* Back where it came from. */

static void addresses_swap(uint8_t *frame)
{
    memcpy(frame, frame + 6, 6);
    memcpy(frame + 6, nic->mac, 6);
}

static void echo(const struct packet *packet)
{
    struct slot *slot = slot_take();

    if (!slot)
        return;
    slot->transmit.offload = packet->offload;
    for (unsigned int i = 0; i < packet->piece_count; i++) {
        const struct packet_piece *piece = &packet->pieces[i];
        uint32_t at = (uintptr_t)piece->local & (PAGE_SIZE - 1);
        uint8_t *to = buffer_add(slot, at, piece->length);

        if (!to) {
            status.dropped++;
            slot_free(slot);
            return;
        }
        memcpy(to, piece->local, piece->length);
    }
    addresses_swap(slot->transmit.header);
    slot_send(slot);
}

/* Orders. */

static void answer(const struct packet *packet, const void *body, uint32_t bytes)
{
    struct slot *slot = slot_take();
    uint8_t *to = slot ? buffer_add(slot, 0, LINK_BYTES + bytes) : NULL;

    if (!to)
        return;
    memcpy(to, packet->pieces[0].local, LINK_BYTES);
    memcpy(to + LINK_BYTES, body, bytes);
    addresses_swap(to);
    slot_send(slot);
}

static void status_answer(const struct packet *packet, const struct order *order)
{
    status.op = order->op | 0x80u;
    status.sequence = order->sequence;
    status.link = nic->link;
    status.mtu_max = (uint16_t)nic->mtu_max;
    status.features = nic->features;
    status.counters = nic->counters;
    memcpy(status.model, nic->model, sizeof(status.model));
    answer(packet, &status, sizeof(status));
}

static void filter_order(const struct order *order)
{
    static struct net_filter filter;

    filter.promiscuous = order->filter.promiscuous;
    filter.all_multicast = order->filter.all_multicast;
    filter.multicast_count = order->filter.count;
    memcpy(filter.multicast, order->filter.multicast, sizeof(filter.multicast));
    if (net_device_filter(nic, &filter))
        status.refused++;
}

static uint32_t pattern_put(uint8_t *to, uint32_t from, uint32_t bytes)
{
    for (uint32_t i = 0; i < bytes; i++, from++)
        to[i] = (uint8_t)(from * 31 + (from >> 8));
    return from;
}

static void send_one(const struct order *order)
{
    struct slot *slot = slot_take();
    uint32_t done = 0, total = order->send.payload_bytes, part = order->send.first_payload;
    uint8_t *to = slot ? buffer_add(slot, 0, order->send.template_bytes + part) : NULL;

    if (!to)
        return;
    slot->transmit.offload = order->send.offload;
    memcpy(to, order->send.template, order->send.template_bytes);
    done = pattern_put(to + order->send.template_bytes, 0, part);
    while (done < total) {
        part = total - done < order->send.piece_bytes ? total - done : order->send.piece_bytes;
        to = buffer_add(slot, (uint32_t)PAGE_SIZE - part, part);
        if (!to) {
            status.dropped++;
            slot_free(slot);
            return;
        }
        done = pattern_put(to, done, part);
    }
    slot_send(slot);
}

/* A virtio device does not stand buffers without a byte; the others stop when told to. */
static void break_it(void)
{
    struct slot *slot = slot_take();

    if (strcmp(nic->model, "virtio-net") != 0) {
        for (struct pci_device *pci = pci_devices_first(); pci; pci = pci->next) {
            void *registers;

            if (pci->class_code == 2 && !pci_map_bar(pci, 0, &registers))
                ((volatile uint32_t *)registers)[0x400 / 4] &= ~2u; /* TCTL.EN */
        }
    }
    if (slot && buffer_add(slot, 0, 60) && buffer_add(slot, 0, 60)) {
        if (strcmp(nic->model, "virtio-net") == 0)
            slot->transmit.buffers[1].bytes = 0;
        slot_send(slot);
    }
}

static void obey(const struct packet *packet, const struct order *order)
{
    switch (order->op) {
    case ORDER_FILTER:
        filter_order(order);
        break;
    case ORDER_SEND:
        for (unsigned int i = 0; i < order->send.count; i++)
            send_one(order);
        return;
    case ORDER_BREAK:
        break_it();
        return;
    }
    status_answer(packet, order);
}

static void received(struct net_device *device, const struct packet *packet)
{
    const uint8_t *frame = packet->pieces[0].local;

    (void)device;
    if ((frame[12] << 8 | frame[13]) == ORDER_TYPE) {
        static struct order order;
        uint32_t bytes = packet->pieces[0].length - LINK_BYTES;

        memcpy(&order, frame + LINK_BYTES, bytes < sizeof(order) ? bytes : sizeof(order));
        obey(packet, &order);
        return;
    }
    status.last_offload = packet->offload;
    status.last_pieces = (uint16_t)packet->piece_count;
    echo(packet);
}

static void received_all(struct net_device *device)
{
    net_device_kick(device);
}

static void link_changed(struct net_device *device)
{
    status.link_changes++;
    printf("nic: link %s, %u Mbit/s\n", device->link ? "up" : "down", device->speed_mbit);
}

static const struct net_user user = {
    .received = received, .received_all = received_all, .room = room, .link_changed = link_changed
};

static void must(int error, const char *what)
{
    if (error)
        kernel_panic("%s: %s", what, strerror(-error));
}

void guest_main(struct start_info *si)
{
    const char *mtu = strstr((const char *)si->cmd_line, "mtu=");

    tasks_start();
    console_input_start();
    libc_start();
    drivers_start = true;
    must(devices_start(), "devices");
    drivers_start = false;
    for (unsigned int i = 0; i < SLOTS; i++) {
        slots[i].transmit.owner = &slots[i];
        slot_free(&slots[i]);
    }
    while (free_page_count < PAGES)
        if (!(free_pages[free_page_count++] = frames_alloc(0)))
            kernel_panic("no memory");
    nic = net_device_find("eth0");
    if (!nic)
        kernel_panic("there is no eth0");
    must(net_device_open(nic, &user, NULL, mtu ? (unsigned int)atoi(mtu + 4) : 1500), "eth0");
    printf("nic: %s %s at %s, %02x:%02x:%02x:%02x:%02x:%02x, link %s\n", nic->name, nic->model,
           nic->place, nic->mac[0], nic->mac[1], nic->mac[2], nic->mac[3], nic->mac[4], nic->mac[5],
           nic->link ? "up" : "down");
    for (;;)
        task_sleep_ns(3600ULL * 1000000000);
}
