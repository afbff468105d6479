/*
 * An NVMe controller with two namespaces at the level of its registers and rings: what the driver
 * tells it must be as NVM Express 1.4 has it, and it does what it is told.
 */
#ifndef FAKE_NVME_H
#define FAKE_NVME_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "devices/nvme-parts.h"
#include "devices/nvme.h"
#include "pv-kernel/clock.h"
#include "pv-kernel/event-ports.h"
#include "pv-kernel/frames.h"
#include "tasks/task.h"
#include "tasks/wait-queue.h"

#define SECOND     1000000000ULL
#define NAMESPACES 2u
#define BYTES      (1u << 20) /* of each */

static uint8_t registers[0x2000] __attribute__((aligned(4096)));
static uint8_t medium[NAMESPACES][BYTES];
static unsigned int block_shift[NAMESPACES] = { 9, 12 };
static uint64_t size_bytes[NAMESPACES] = { BYTES, BYTES };
static uint8_t namespace_metadata, protection;
static bool takes_sgl, hangs, enabled, says_failed, is_gone;
static uint8_t mdts = 3; /* 32 KiB */
static uint64_t now;
static unsigned int commands_run, flushes, fuas, zeroed, trimmed, disables;
static uint64_t longest;
static int bad_block = -1;

/* Rings as the controller knows them; 0 is the admin pair. */
static struct {
    struct nvme_command *commands;
    struct nvme_completion *completions;
    uint32_t entries, head, tail, completion_entries;
    bool phase;
} rings[8];

static uint32_t reg(unsigned int offset)
{
    uint32_t value;

    memcpy(&value, registers + offset, 4);
    return value;
}

static void reg_set(unsigned int offset, uint32_t value)
{
    memcpy(registers + offset, &value, 4);
}

static uint64_t reg64(unsigned int offset)
{
    return reg(offset) | (uint64_t)reg(offset + 4) << 32;
}

static void answer(unsigned int ring, uint16_t id, uint16_t status, uint32_t result)
{
    struct nvme_completion *at = &rings[ring].completions[rings[ring].tail];

    at->result = result;
    at->id = id;
    at->status = (uint16_t)(status << 1 | rings[ring].phase);
    if (++rings[ring].tail == rings[ring].completion_entries) {
        rings[ring].tail = 0;
        rings[ring].phase = !rings[ring].phase;
    }
}

static void identify(const struct nvme_command *c)
{
    uint8_t *page = (uint8_t *)c->prp[0];
    uint32_t n = c->namespace_id - 1;

    memset(page, 0, 4096);
    if (c->word10 == 2) {
        for (uint32_t i = 0; i < NAMESPACES; i++)
            ((uint32_t *)page)[i] = i + 1;
        return;
    }
    if (c->word10 == 1) {
        memset(page + 4, ' ', 60);
        memcpy(page + 4, "  S/1", 5);
        memcpy(page + 24, "A model", 7);
        page[77] = mdts;
        page[520] = 12;
        page[525] = 1;
        page[536] = takes_sgl;
        return;
    }
    assert_true(n < NAMESPACES);
    *(uint64_t *)page = size_bytes[n] >> block_shift[n];
    page[25] = 1;
    page[26] = 1;
    page[29] = protection;
    page[128 + 4] = namespace_metadata;
    page[128 + 6] = (uint8_t)block_shift[n];
}

static uint16_t administered(const struct nvme_command *c, uint32_t *result)
{
    unsigned int number = c->word10 & 0xffff;

    switch (c->opcode) {
    case 6:
        identify(c);
        return 0;
    case 9:
        assert_int_equal(number, 7);
        *result = 1 << 16 | 2; /* three rings of commands, two of completions */
        return 0;
    case 5:
        assert_in_range(number, 1, 2);
        assert_int_equal(c->word11, 3);
        rings[number].completions = (struct nvme_completion *)c->prp[0];
        rings[number].completion_entries = (c->word10 >> 16) + 1;
        rings[number].tail = 0;
        rings[number].phase = true;
        return 0;
    case 1:
        assert_int_equal(c->word11, 1 | number << 16);
        rings[number].commands = (struct nvme_command *)c->prp[0];
        rings[number].entries = (c->word10 >> 16) + 1;
        rings[number].head = 0;
        return 0;
    }
    return 1;
}

/* Moves a piece of data; how much there is left. */
static uint64_t moved(uint8_t opcode, uint8_t *at, uint64_t address, uint64_t bytes)
{
    if (opcode == 2)
        memcpy((void *)address, at, bytes);
    else
        memcpy(at, (const void *)address, bytes);
    return bytes;
}

static void by_pages(const struct nvme_command *c, uint8_t *at, uint64_t bytes)
{
    uint64_t first = 4096 - c->prp[0] % 4096, done;
    const uint64_t *list = bytes > first + 4096 ? (const uint64_t *)c->prp[1] : &c->prp[1];

    done = moved(c->opcode, at, c->prp[0], bytes < first ? bytes : first);
    while (done < bytes) {
        assert_int_equal(*list % 4096, 0);
        done += moved(c->opcode, at + done, *list++, bytes - done < 4096 ? bytes - done : 4096);
    }
}

static void by_pieces(const struct nvme_command *c, uint8_t *at, uint64_t bytes)
{
    const struct nvme_sgl *list = &c->sgl;
    uint32_t count = 1;
    uint64_t done = 0;

    assert_int_equal(c->flags, 0x40);
    if (c->sgl.type == 0x30) {
        list = (const struct nvme_sgl *)c->sgl.address;
        count = c->sgl.length / 16;
        assert_in_range(count, 2, 256);
    }
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(list[i].type, 0);
        done += moved(c->opcode, at + done, list[i].address, list[i].length);
    }
    assert_int_equal(done, bytes);
}

static uint16_t transferred(const struct nvme_command *c, uint32_t n)
{
    uint64_t first = c->word10 | (uint64_t)c->word11 << 32;
    uint64_t bytes = ((c->word12 & 0xffff) + 1ULL) << block_shift[n], at = first << block_shift[n];

    if (at + bytes > size_bytes[n])
        return 0x80;
    if (bad_block >= (int)first && bad_block < (int)(first + (bytes >> block_shift[n])))
        return 0x281; /* unrecovered read error */
    fuas += c->word12 >> 30 & 1;
    if (c->opcode == 8) {
        zeroed++;
        memset(medium[n] + at, 0, bytes);
        return 0;
    }
    longest = bytes > longest ? bytes : longest;
    assert_true(bytes <= 4096u << mdts);
    if (takes_sgl)
        by_pieces(c, medium[n] + at, bytes);
    else
        by_pages(c, medium[n] + at, bytes);
    return 0;
}

static uint16_t executed(const struct nvme_command *c)
{
    uint32_t n = c->namespace_id - 1;

    assert_true(n < NAMESPACES);
    commands_run++;
    switch (c->opcode) {
    case 0:
        flushes++;
        return 0;
    case 9: {
        const uint32_t *range = (const uint32_t *)c->prp[0];

        assert_int_equal(c->word10, 0);
        assert_int_equal(c->word11, 4);
        assert_true((uint64_t)range[2] + range[1] <= size_bytes[n] >> block_shift[n]);
        trimmed += range[1];
        return 0;
    }
    case 1:
    case 2:
    case 8:
        return transferred(c, n);
    }
    return 1;
}

static event_handler_t message;
static void *known[16]; /* controllers: they are never given back */
static unsigned int known_count;
static void *message_arg;

static void ring_runs(unsigned int number)
{
    uint32_t tail = reg(0x1000 + 8 * number);
    bool any = false;

    while (rings[number].commands && rings[number].head != tail) {
        struct nvme_command c = rings[number].commands[rings[number].head];
        uint32_t result = 0;
        uint16_t status = number ? executed(&c) : administered(&c, &result);

        rings[number].head = (rings[number].head + 1) % rings[number].entries;
        answer(number, c.id, status, result);
        any = true;
    }
    if (any && number && message)
        message(7, message_arg);
}

/* Looks at its registers, as it does all the time. */
static void device_runs(void)
{
    bool wanted = reg(0x14) & 1;

    if (is_gone)
        memset(registers, 0xff, sizeof(registers));
    if (is_gone)
        return;
    if (wanted != enabled) {
        enabled = wanted;
        memset(rings, 0, sizeof(rings));
        memset(registers + 0x1000, 0, 0x1000);
        disables += !wanted;
        says_failed = false;
        rings[0].commands = (struct nvme_command *)reg64(0x28);
        rings[0].completions = (struct nvme_completion *)reg64(0x30);
        rings[0].entries = (reg(0x24) & 0xfff) + 1;
        rings[0].completion_entries = (reg(0x24) >> 16) + 1;
        rings[0].phase = true;
        if (wanted)
            assert_int_equal(reg(0x14), 0x460001);
    }
    reg_set(0x1c, (uint32_t)enabled | (uint32_t)says_failed << 1);
    for (unsigned int i = 0; enabled && i < (hangs ? 1 : 3); i++)
        ring_runs(i);
}

/* dom0 around it. */

static struct pci_device second = { .class_code = 1, .subclass = 8, .interface = 2, .slot = 5 };
static bool first_is_out;
static struct pci_device pci = { .class_code = 1, .subclass = 8, .interface = 2, .slot = 4 };
static void (*controller_task)(void *);
static void *controller_arg;
static jmp_buf idle;
static unsigned int depth, cuts_off;
static uint64_t until;

struct pci_device *pci_devices_first(void)
{
    return &pci;
}

void pci_enable(struct pci_device *device)
{
    (void)device;
}

void pci_disable(struct pci_device *device)
{
    (void)device;
    cuts_off++;
}

int pci_map_bar(const struct pci_device *device, unsigned int bar, void **va)
{
    assert_int_equal(bar, 0);
    if (first_is_out && device == &pci)
        return -ENODEV;
    *va = registers;
    return 0;
}

int pci_bind_msix(struct pci_device *device, unsigned int entry, uint32_t *port)
{
    (void)device;
    assert_int_equal(entry, 0);
    *port = 7;
    return 0;
}

void event_port_set_handler(evtchn_port_t port, event_handler_t handler, void *arg)
{
    (void)port;
    message = handler;
    message_arg = known[known_count++ % 16] = arg;
}

struct task *task_spawn(const char *name, void (*fn)(void *), void *arg, size_t stack_bytes)
{
    (void)name;
    (void)stack_bytes;
    controller_task = fn;
    controller_arg = arg;
    return (struct task *)1;
}

void task_sleep_ns(uint64_t ns)
{
    now += ns;
    device_runs();
}

/* The controller's task until it would wait for longer than that. */
static void task_runs(uint64_t time)
{
    until = time;
    depth++;
    if (!setjmp(idle))
        controller_task(controller_arg);
    depth--;
}

void wait_queue_wait(struct wait_queue *q)
{
    (void)q;
    if (depth)
        longjmp(idle, 1);
    device_runs(); /* dom0 itself waits for the disk */
    task_runs(now + 100 * SECOND);
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

void task_yield(void)
{
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

static void *frames[2048]; /* those of disks are never given back */

void *frames_alloc(unsigned int order)
{
    unsigned int i = 0;

    assert_int_equal(order, 0);
    while (frames[i])
        assert_true(++i < sizeof(frames) / sizeof(frames[0]));
    return frames[i] = aligned_alloc(4096, 4096);
}

void frames_free(void *va, unsigned int order)
{
    (void)order;
    for (unsigned int i = 0; i < sizeof(frames) / sizeof(frames[0]); i++)
        if (frames[i] == va)
            frames[i] = NULL;
    free(va);
}

uint64_t frames_virt_to_machine(const void *va)
{
    return (uint64_t)va;
}

int partitions_scan(struct block_device *disk)
{
    (void)disk;
    return 0;
}

#endif
