/*
 * What tests/unit/virtio-net.c needs of the machine: a virtio network card whose registers are
 * memory and whose queues are the driver's real ones; tasks, clock and PCI.
 */
#ifndef TESTS_UNIT_FAKE_VIRTIO_NET_H
#define TESTS_UNIT_FAKE_VIRTIO_NET_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "devices/net-device.h"
#include "devices/virtio-net-queues.h"
#include "devices/virtio-net.h"
#include "pv-kernel/clock.h"
#include "pv-kernel/event-ports.h"
#include "pv-kernel/frames.h"
#include "tasks/task.h"
#include "tasks/wait-queue.h"

#define SECOND    1000000000ULL
#define QUEUES    5 /* two pairs, control */
#define CONTROL   (QUEUES - 1)
#define FEATURES  0x4799abu /* all that the driver knows, but no event indices */
#define RING_SIZE 64

/* The registers as the PCI capabilities place them: common at 0, configuration at 256, doorbells.
 */
static uint8_t registers[4096] __attribute__((aligned(4096)));
static struct pci_device pci = { .vendor = 0x1af4, .device = 0x1041, .slot = 3 };
static struct virtqueue *queues[QUEUES];
static uint16_t taken[QUEUES]; /* of what the driver made available */
static uint16_t ring_size = RING_SIZE;
static unsigned int yields;
static bool answers_control;
static unsigned int control_commands;
static uint64_t now, until;
static void (*nic_task)(void *);
static void *nic_task_arg;
static jmp_buf idle;

/* PCI and memory. */

struct pci_device *pci_devices_first(void)
{
    return &pci;
}

unsigned int pci_find_capability(const struct pci_device *device, uint8_t id, unsigned int from)
{
    (void)device;
    (void)id;
    return from < 0x40 ? 0x40 : from < 0x70 ? from + 0x10 : 0;
}

/* Capabilities at 0x40 (common), 0x50 (doorbells), 0x60 (none), 0x70 (configuration). */
uint32_t pci_read(const struct pci_device *device, unsigned int offset, unsigned int bytes)
{
    static const uint32_t offsets[] = { 0, 1024, 0, 256 }, types[] = { 1, 2, 9, 4 };
    unsigned int capability = (offset - 0x40) / 16;

    (void)device;
    (void)bytes;
    switch (offset % 16) {
    case 3:
        return types[capability];
    case 8:
        return offsets[capability];
    default:
        return 0; /* BAR 0, doorbell multiplier 0 */
    }
}

int pci_map_bar(const struct pci_device *device, unsigned int bar, void **va)
{
    (void)device;
    (void)bar;
    *va = registers;
    return 0;
}

void pci_enable(struct pci_device *device)
{
    (void)device;
}

void pci_disable(struct pci_device *device)
{
    (void)device;
}

int pci_bind_msix(struct pci_device *device, unsigned int entry, uint32_t *port)
{
    (void)device;
    *port = entry + 1;
    return 0;
}

int __real_virtio_queue_setup(struct virtio_device *device, struct virtqueue *queue,
                              uint16_t number, uint16_t vector);
int __wrap_virtio_queue_setup(struct virtio_device *device, struct virtqueue *queue,
                              uint16_t number, uint16_t vector);

int __wrap_virtio_queue_setup(struct virtio_device *device, struct virtqueue *queue,
                              uint16_t number, uint16_t vector)
{
    assert_in_range(number, 0, QUEUES - 1);
    device->common->queue_size = ring_size;
    queues[number] = queue;
    taken[number] = 0;
    return __real_virtio_queue_setup(device, queue, number, vector);
}

void *frames_alloc(unsigned int order)
{
    void *page = aligned_alloc(4096, 4096UL << order);

    memset(page, 0, 4096UL << order);
    return page;
}

void frames_free(void *va, unsigned int order)
{
    (void)order;
    free(va);
}

uint64_t frames_virt_to_machine(const void *va)
{
    return (uint64_t)va;
}

/* The card. */

static volatile struct virtio_common_registers *common(void)
{
    return (volatile struct virtio_common_registers *)registers;
}

static void finish(unsigned int queue, uint32_t id, uint32_t length)
{
    volatile struct virtq_used *ring = (volatile struct virtq_used *)(queues[queue]->used + 2);

    ring[queues[queue]->used[1] % RING_SIZE] = (struct virtq_used){ id, length };
    queues[queue]->used[1]++;
}

/* The next chain that the driver made available; -1: there is none. */
static int next_given(unsigned int queue)
{
    if (taken[queue] == queues[queue]->available[1])
        return -1;
    return queues[queue]->available[2 + taken[queue]++ % RING_SIZE];
}

static void answer_control(void)
{
    int head = answers_control && queues[CONTROL] ? next_given(CONTROL) : -1;

    if (head < 0)
        return;
    control_commands++;
    *(uint8_t *)queues[CONTROL]->descriptors[1].address = 0;
    finish(CONTROL, (uint32_t)head, 1);
}

/* Writes a frame behind this header into as many pages as it takes, `room` bytes in each. */
static void receive(struct virtio_net_header header, const uint8_t *frame, uint32_t bytes,
                    uint32_t room)
{
    uint32_t at = sizeof(header), done = 0;
    unsigned int pages = (unsigned int)((bytes + at + room - 1) / room);

    header.buffers = header.buffers ? header.buffers : (uint16_t)pages;
    while (done < bytes) {
        int head = next_given(0);
        uint8_t *page = (uint8_t *)queues[0]->descriptors[head].address;
        uint32_t part = bytes - done < room - at ? bytes - done : room - at;

        assert_true(head >= 0);
        if (at)
            memcpy(page, &header, sizeof(header));
        memcpy(page + at, frame + done, part);
        finish(0, (uint32_t)head, at + part);
        done += part;
        at = 0;
    }
}

/* Tasks and time. */

static void nic_task_runs(uint64_t time)
{
    until = time;
    if (!setjmp(idle))
        nic_task(nic_task_arg);
}

void wait_queue_wait(struct wait_queue *q)
{
    (void)q;
    longjmp(idle, 1);
}

int wait_queue_wait_until(struct wait_queue *q, uint64_t deadline_ns)
{
    (void)q;
    if (deadline_ns > until)
        longjmp(idle, 1);
    now = now < deadline_ns ? deadline_ns : now;
    return -ETIMEDOUT;
}

void wait_queue_wake_all(struct wait_queue *q)
{
    (void)q;
}

struct task *task_spawn(const char *name, void (*fn)(void *), void *arg, size_t stack_bytes)
{
    (void)name;
    (void)stack_bytes;
    nic_task = fn;
    nic_task_arg = arg;
    return (struct task *)1;
}

void task_yield(void)
{
    yields++;
}

void task_sleep_ns(uint64_t ns)
{
    now += ns;
    answer_control();
}

static struct {
    event_handler_t handler;
    void *arg;
} interrupts[16];

void event_port_set_handler(evtchn_port_t port, event_handler_t handler, void *arg)
{
    interrupts[port].handler = handler;
    interrupts[port].arg = arg;
}

static void interrupt(unsigned int vector)
{
    interrupts[vector + 1].handler(vector + 1, interrupts[vector + 1].arg);
    nic_task_runs(now);
}

bool events_mask_save(void)
{
    return false;
}

void events_mask_restore(bool was_masked)
{
    (void)was_masked;
}

uint64_t clock_monotonic_ns(void)
{
    return now;
}

#endif
