/*
 * What tests/unit/intel-nic.c needs of the machine: Intel's three cards as their manuals describe
 * them, as far as the driver uses them, on registers that are memory.  A card works when it is told
 * to (card_sends, card_receives), and comes out of its reset while the driver sleeps.
 */
#ifndef TESTS_UNIT_FAKE_INTEL_H
#define TESTS_UNIT_FAKE_INTEL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "devices/intel-parts.h"
#include "devices/pci-lines.h"
#include "pv-kernel/event-ports.h"
#include "pv-kernel/frames.h"
#include "tasks/task.h"

#define CARDS      3u
#define FRAME_MAX  10000u
#define FRAMES_MAX 64u

struct card {
    struct pci_device pci;
    uint32_t receive_block, transmit_block;
    bool advanced;
    uint8_t registers[0x20000] __attribute__((aligned(4096)));
    /* What came out of its cable. */
    uint8_t frames[FRAMES_MAX][FRAME_MAX];
    uint32_t frame_bytes[FRAMES_MAX];
    unsigned int frame_count;
    uint32_t context[4];
    bool resets_work;
    void (*task)(void *arg);
    void *task_arg;
    void (*line)(void *arg);
    event_handler_t message;
    void *handler_arg;
    unsigned int resets;
};

static struct card cards[CARDS] = {
    { .pci = { .vendor = 0x8086, .device = 0x100e, .slot = 3, .interrupt_line = 11 },
      .receive_block = 0x2800,
      .transmit_block = 0x3800,
      .resets_work = true },
    { .pci = { .vendor = 0x8086, .device = 0x10d3, .slot = 4, .subsystem = 0xa01f },
      .receive_block = 0x2800,
      .transmit_block = 0x3800,
      .resets_work = true },
    { .pci = { .vendor = 0x8086, .device = 0x10c9, .slot = 5 },
      .receive_block = 0xc000,
      .transmit_block = 0xe000,
      .advanced = true,
      .resets_work = true },
};
static struct card *card; /* the one of the test */
static uint64_t now, until;
static jmp_buf idle;

static volatile uint32_t *reg(struct card *of, uint32_t offset)
{
    return (volatile uint32_t *)(of->registers + offset);
}

static void card_comes_up(struct card *of)
{
    memset(of->registers, 0, sizeof(of->registers));
    *reg(of, 0x5400) = 0x00fa5002;
    *reg(of, 0x5404) = 0x80000000 | 0x0300 | of->pci.slot;
    *reg(of, 0x0008) = 0x82; /* a link, 1000 Mbit/s */
    of->resets++;
}

static void cards_run(void)
{
    for (unsigned int i = 0; i < CARDS; i++)
        if (*reg(&cards[i], 0) & 1u << 26 && cards[i].resets_work)
            card_comes_up(&cards[i]);
}

/* The transmit side, from the manuals' chapters on TCP segmentation and checksums. */

static uint16_t ones_sum(const uint8_t *at, uint32_t bytes, uint32_t sum)
{
    for (uint32_t i = 0; i < bytes; i++)
        sum += i & 1 ? at[i] : (uint32_t)at[i] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

static uint32_t get16(const uint8_t *at)
{
    return (uint32_t)at[0] << 8 | at[1];
}

static void put16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

/* What a packet's context says, of either kind. */
struct told {
    uint32_t ip, transport, field, header, segment;
    bool is_4, is_tcp;
};

static struct told context_read(const struct card *of)
{
    const uint32_t *words = of->context;
    struct told told = { .segment = words[3] >> 16 };

    if (of->advanced) {
        assert_int_equal(words[2] & 0x20f00000, 0x20200000);
        told.ip = words[0] >> 9 & 127;
        told.transport = told.ip + (words[0] & 511);
        told.is_4 = words[2] & 1u << 10;
        told.is_tcp = words[2] & 1u << 11;
        told.field = told.transport + (told.is_tcp ? 16 : 6);
        told.header = told.transport + (words[3] >> 8 & 255);
    } else {
        assert_int_equal(words[2] & 0x20f00000, 0x20000000);
        told.ip = words[0] & 255;
        told.transport = words[1] & 255;
        told.field = words[1] >> 8 & 255;
        told.is_tcp = words[2] & 1u << 24;
        told.is_4 = words[2] & 1u << 25;
        told.header = words[3] >> 8 & 255;
    }
    return told;
}

static void emit(struct card *of, const uint8_t *frame, uint32_t bytes)
{
    assert_in_range(bytes, 17, FRAME_MAX); /* shorter ones the cards do not stand */
    memcpy(of->frames[of->frame_count % FRAMES_MAX], frame, bytes);
    of->frame_bytes[of->frame_count++ % FRAMES_MAX] = bytes;
}

static void sum_insert(uint8_t *frame, uint32_t bytes, const struct told *told)
{
    put16(frame + told->field,
          0xffff ^ ones_sum(frame + told->transport, bytes - told->transport, 0));
}

/* Segment after segment: IP's length, number and sum, TCP's number, flags and sum are made here. */
static void segments_emit(struct card *of, const uint8_t *frame, uint32_t bytes,
                          const struct told *told)
{
    static uint8_t one[FRAME_MAX];
    uint32_t number = 0;

    assert_true(told->is_tcp && told->segment);
    for (uint32_t at = told->header; at < bytes; at += told->segment, number++) {
        uint32_t part = bytes - at < told->segment ? bytes - at : told->segment, sequence;
        uint32_t total = told->header + part;
        uint8_t *ip = one + told->ip, *tcp = one + told->transport;

        memcpy(one, frame, told->header);
        memcpy(one + told->header, frame + at, part);
        memcpy(&sequence, tcp + 4, 4);
        sequence = __builtin_bswap32(__builtin_bswap32(sequence) + at - told->header);
        memcpy(tcp + 4, &sequence, 4);
        if (at + part < bytes)
            tcp[13] &= (uint8_t)~9;
        if (told->is_4) {
            put16(ip + 2, total - told->ip);
            put16(ip + 4, get16(ip + 4) + number);
            put16(ip + 10, 0xffff ^ ones_sum(ip, told->transport - told->ip, 0));
        } else {
            put16(ip + 4, total - told->ip - 40);
        }
        put16(one + told->field, ones_sum(one + told->field, 2, total - told->transport));
        sum_insert(one, total, told);
        emit(of, one, total);
    }
}

static void packet_emit(struct card *of, uint8_t *frame, uint32_t bytes, const uint32_t *words)
{
    bool cuts = words[2] & (of->advanced ? 1u << 31 : 1u << 26);
    struct told told;

    if (!(words[3] & 0x200)) {
        emit(of, frame, bytes);
        return;
    }
    told = context_read(of);
    if (of->advanced)
        assert_int_equal(words[3] >> 14, cuts ? bytes - told.header : bytes);
    if (cuts) {
        assert_int_equal(!!(words[3] & 0x100), told.is_4);
        segments_emit(of, frame, bytes, &told);
        return;
    }
    sum_insert(frame, bytes, &told);
    emit(of, frame, bytes);
}

/* The card sends all that it was given. */
static void card_sends(struct card *of)
{
    static uint8_t frame[PACKET_BYTES_MAX + 100];
    static uint32_t bytes;
    volatile uint32_t *head = reg(of, of->transmit_block + 0x10);
    uint32_t *ring;

    memcpy(&ring, (void *)reg(of, of->transmit_block), sizeof(ring));
    for (; *head != *reg(of, of->transmit_block + 0x18); *head = (*head + 1) % 256) {
        uint32_t *words = ring + *head * 4UL, kind = words[2] >> 20 & 15;
        uint8_t *from;

        assert_true(words[2] & 1u << 29);
        if (kind == (of->advanced ? 2u : 0u)) {
            memcpy(of->context, words, sizeof(of->context));
            continue;
        }
        assert_int_equal(kind, of->advanced ? 3 : 1);
        memcpy(&from, words, sizeof(from));
        assert_true(((uintptr_t)from & 4095) + (words[2] & 0xffff) <= 4096);
        memcpy(frame + bytes, from, words[2] & 0xffff);
        bytes += words[2] & 0xffff;
        if (!(words[2] & 1u << 24))
            continue;
        packet_emit(of, frame, bytes, words);
        bytes = 0;
        if (words[2] & 1u << 27)
            words[3] |= 1;
    }
}

/* The receive side: one descriptor as the card writes it back; false: the ring is empty. */
static bool card_writes(struct card *of, const void *data, uint32_t bytes, uint32_t said_bytes,
                        uint32_t status)
{
    volatile uint32_t *head = reg(of, of->receive_block + 0x10);
    uint32_t *words;
    uint8_t *to;

    if (*head == *reg(of, of->receive_block + 0x18))
        return false;
    memcpy(&words, (void *)reg(of, of->receive_block), sizeof(words));
    words += *head * 4UL;
    memcpy(&to, words, sizeof(to));
    assert_int_equal((uintptr_t)to & 4095, 0);
    memcpy(to, data, bytes);
    words[0] = words[1] = 0xdeadbeef; /* the address is not kept in all formats */
    words[of->advanced ? 3 : 2] = said_bytes;
    words[of->advanced ? 2 : 3] = status;
    *head = (*head + 1) % 256;
    return true;
}

/* A frame, in as many descriptors as it takes; `last` is said in the last. */
static bool card_receives(struct card *of, const uint8_t *frame, uint32_t bytes, uint32_t last)
{
    uint32_t at = 0, part;

    for (; bytes - at > 4096; at += 4096)
        if (!card_writes(of, frame + at, 4096, 4096, 1))
            return false;
    part = bytes - at;
    return card_writes(of, frame + at, part, part, last | 3);
}

/* PCI, memory, tasks, time. */

struct pci_device *pci_devices_first(void)
{
    return &cards[0].pci;
}

static struct card *card_of(const struct pci_device *device)
{
    return (struct card *)((uintptr_t)device - offsetof(struct card, pci));
}

int pci_map_bar(const struct pci_device *device, unsigned int bar, void **va)
{
    assert_int_equal(bar, 0);
    *va = card_of(device)->registers;
    return 0;
}

void pci_enable(struct pci_device *device)
{
    (void)device;
}

void pci_disable(struct pci_device *device)
{
    device->bus = 0xff; /* seen by the test */
}

int pci_bind_msix(struct pci_device *device, unsigned int entry, uint32_t *port)
{
    assert_int_equal(entry, 0);
    assert_true(device->slot > 3);
    *port = device->slot;
    return 0;
}

int pci_bind_line(struct pci_device *device, pci_line_handler handler, void *arg)
{
    assert_int_equal(device->slot, 3);
    card_of(device)->line = handler;
    card_of(device)->handler_arg = arg;
    return 0;
}

void event_port_set_handler(evtchn_port_t port, event_handler_t handler, void *arg)
{
    cards[port - 3].message = handler;
    cards[port - 3].handler_arg = arg;
}

void *frames_alloc(unsigned int order)
{
    void *page = aligned_alloc(4096, 4096UL << order);

    memset(page, 0, 4096UL << order);
    return page;
}

uint64_t frames_virt_to_machine(const void *va)
{
    return (uint64_t)va;
}

static struct card *starting;

struct task *task_spawn(const char *name, void (*fn)(void *), void *arg, size_t stack_bytes)
{
    (void)name;
    (void)stack_bytes;
    starting->task = fn;
    starting->task_arg = arg;
    return (struct task *)1;
}

void task_yield(void)
{
}

void task_sleep_ns(uint64_t ns)
{
    now += ns;
    cards_run();
}

static void card_task_runs(uint64_t time)
{
    until = time;
    if (!setjmp(idle))
        card->task(card->task_arg);
}

/* The card calls; `causes` are in ICR. */
static void interrupt(uint32_t causes)
{
    *reg(card, 0xc0) = causes;
    if (card->line)
        card->line(card->handler_arg);
    else
        card->message(card->pci.slot, card->handler_arg);
    *reg(card, 0xc0) = 0;
    card_task_runs(now);
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
    return 0;
}

void wait_queue_wake_all(struct wait_queue *q)
{
    (void)q;
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
