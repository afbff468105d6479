/*
 * A world for dom0's stack on the host: a switch that keeps what it is handed, batches whose copies
 * are made as late as the real ones, a clock that stands still, memory that can be made to run out.
 *
 * For tests that link lwIP as tests/build.mk makes it: with assertions and each piece of memory
 * from malloc.
 */
#ifndef TESTS_STACK_WORLD_H
#define TESTS_STACK_WORLD_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lwip/init.h"
#include "lwip/netif.h"
#include "lwip/sys.h"
#include "lwip/timeouts.h"
#include "network/batch.h"
#include "network/host-port.h"
#include "network/host-stack.h"
#include "network/switch.h"
#include "pv-kernel/clock.h"
#include "pv-kernel/frames.h"

#define WORLD_FRAMES 512
/* What lwIP's memory holds before anything is written there; so much of it in a row, and it has
 * left the machine as it was. */
#define UNWRITTEN       0xa5
#define UNWRITTEN_BYTES 6

/* A packet as the switch got it. */
struct world_frame {
    uint8_t *bytes;
    uint32_t length;
    struct packet_offload offload;
};

static struct {
    uint64_t now, random;
    size_t allocations; /* of lwIP's that live */
    size_t fail_after;  /* so many more succeed; SIZE_MAX: all */
    struct batch_end *first, **last;
    struct packet pending[WORLD_FRAMES]; /* handed to the switch, not copied yet */
    unsigned int pending_count;
    struct world_frame sent[WORLD_FRAMES]; /* copied */
    unsigned int sent_count;
    uint8_t scratch[64][BATCH_SCRATCH_BYTES] __attribute__((aligned(BATCH_SCRATCH_BYTES)));
    unsigned int scratch_used;
    struct switch_port *port;
} world = { .fail_after = SIZE_MAX, .last = &world.first };

static const uint8_t our_mac[6] = { 0x02, 0, 0, 0, 0, 0x01 };
static const uint8_t peer_mac[6] = { 0x02, 0, 0, 0, 0, 0x02 };

u32_t sys_now(void)
{
    return (u32_t)(world.now / 1000000);
}

uint64_t clock_monotonic_ns(void)
{
    return world.now;
}

uint32_t stack_random(void)
{
    world.random = world.random * 6364136223846793005ULL + 1442695040888963407ULL;
    return (uint32_t)(world.random >> 32);
}

void *stack_malloc(size_t bytes)
{
    void *memory;

    /* Timers have a pool of their own, with room for all there are. */
    if (!world.fail_after && bytes != LWIP_MEM_ALIGN_SIZE(sizeof(struct sys_timeo)))
        return NULL;
    if (world.fail_after != SIZE_MAX && world.fail_after)
        world.fail_after--;
    world.allocations++;
    memory = malloc(bytes);
    return memory ? memset(memory, UNWRITTEN, bytes) : NULL;
}

void stack_free(void *memory)
{
    world.allocations -= memory != NULL;
    free(memory);
}

void *stack_calloc(size_t count, size_t bytes)
{
    void *memory = stack_malloc(count * bytes);

    return memory ? memset(memory, 0, count * bytes) : NULL;
}

void *frames_alloc(unsigned int order)
{
    void *memory = aligned_alloc(PAGE_SIZE, PAGE_SIZE << order);

    return memory ? memset(memory, 0, PAGE_SIZE << order) : NULL;
}

void frames_free(void *va, unsigned int order)
{
    (void)order;
    free(va);
}

void batch_copy_to_local(void *to, const struct packet *packet, uint32_t from, uint32_t bytes,
                         int *error)
{
    uint8_t *at = to;

    for (unsigned int i = 0; i < packet->piece_count && bytes; i++) {
        const struct packet_piece *piece = &packet->pieces[i];
        uint32_t part = piece->length > from ? piece->length - from : 0;

        part = part < bytes ? part : bytes;
        if (part && piece->local)
            memcpy(at, (const uint8_t *)piece->local + from, part);
        else if (part)
            *error = -EIO; /* a granted page: here it can never be read */
        from = from > piece->length ? from - piece->length : 0;
        at += part;
        bytes -= part;
    }
}

/* A packet must be what packet.h says. */
static void world_check(const struct packet *packet)
{
    uint32_t bytes = 0;

    if (!packet->piece_count || packet->piece_count > PACKET_PIECES_MAX)
        abort();
    for (unsigned int i = 0; i < packet->piece_count; i++) {
        const struct packet_piece *piece = &packet->pieces[i];
        uintptr_t at = (uintptr_t)piece->local;

        if (!at || !piece->length || at / PAGE_SIZE != (at + piece->length - 1) / PAGE_SIZE)
            abort();
        bytes += piece->length;
    }
    if (bytes != packet->bytes || bytes > PACKET_BYTES_MAX || bytes < PACKET_BYTES_LEAST)
        abort();
    if (packet->offload.segmentation != PACKET_WHOLE &&
        (!packet->offload.segment_bytes ||
         packet->offload.header_bytes > packet->pieces[0].length ||
         packet->offload.checksum != PACKET_CHECKSUM_PARTIAL))
        abort();
}

/* A fuzzer might send such bytes, to have them back. */
static void world_check_written(const struct world_frame *frame)
{
#ifndef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
    unsigned int row = 0;

    for (uint32_t i = 0; i < frame->length; i++) {
        row = frame->bytes[i] == UNWRITTEN ? row + 1 : 0;
        if (row == UNWRITTEN_BYTES)
            abort();
    }
#else
    (void)frame;
#endif
}

void batch_copy_now(void)
{
    for (unsigned int i = 0; i < world.pending_count; i++) {
        const struct packet *packet = &world.pending[i];
        struct world_frame *frame = &world.sent[world.sent_count++];
        int error = 0;

        *frame = (struct world_frame){ calloc(1, packet->bytes), packet->bytes, packet->offload };
        batch_copy_to_local(frame->bytes, packet, 0, packet->bytes, &error);
        world_check_written(frame);
    }
    world.pending_count = 0;
}

static void world_forget_sent(void)
{
    for (unsigned int i = 0; i < world.sent_count; i++)
        free(world.sent[i].bytes);
    world.sent_count = 0;
}

int switch_input(struct switch_port *from, const struct packet *packet, struct turn *turn)
{
    (void)from;
    (void)turn;
    world_check(packet);
    if (world.pending_count + world.sent_count == WORLD_FRAMES) {
        batch_copy_now();
        world_forget_sent();
    }
    world.pending[world.pending_count++] = *packet;
    return 0;
}

void *batch_scratch(void)
{
    return world.scratch_used < 64 ? world.scratch[world.scratch_used++] : NULL;
}

void batch_scratch_reserve(unsigned int wanted)
{
    if (64 - world.scratch_used >= wanted)
        return;
    batch_copy_now();
    memset(world.scratch, 0xaa, sizeof(world.scratch));
    world.scratch_used = 0;
}

void batch_at_end(struct batch_end *end)
{
    if (end->listed)
        return;
    end->listed = true;
    end->next = NULL;
    *world.last = end;
    world.last = &end->next;
}

void batch_forget(struct batch_end *end)
{
    if (!end->listed)
        return;
    world.first = NULL; /* there is one port here, so one end */
    world.last = &world.first;
    end->listed = false;
}

void batch_end(void)
{
    do {
        struct batch_end *end = world.first;

        batch_copy_now();
        if (!end)
            return;
        world.first = end->next;
        if (!world.first)
            world.last = &world.first;
        end->listed = false;
        end->end(end);
    } while (world.first || world.pending_count);
}

int switch_attach(struct net_switch *net_switch, struct switch_port *port)
{
    port->net_switch = net_switch;
    world.port = port;
    return 0;
}

void switch_detach(struct switch_port *port)
{
    if (world.port == port)
        world.port = NULL;
}

/* Where there is no port: only lwIP's own loop. */
__attribute__((weak)) void host_ports_poll(void)
{
    netif_poll_all();
}

void host_stack_flush(void)
{
    host_ports_poll();
    batch_end();
}

/* Time passes, timers run. */
static inline void world_wait(uint64_t milliseconds)
{
    while (milliseconds) {
        uint64_t part = milliseconds < 50 ? milliseconds : 50;

        world.now += part * 1000000;
        milliseconds -= part;
        sys_check_timeouts();
        host_stack_flush();
    }
}

/* A frame comes in, its first piece ours, and another for the rest. */
static inline void world_deliver(const uint8_t *bytes, uint32_t length,
                                 struct packet_offload offload)
{
    uint32_t first = length < 128 ? length : 128;
    uint8_t *head = malloc(first), *rest = malloc(length - first + 1);
    struct packet packet = { .bytes = length, .offload = offload, .piece_count = 1 };

    memcpy(head, bytes, first);
    memcpy(rest, bytes + first, length - first);
    packet.pieces[0] = (struct packet_piece){ .local = head, .length = first };
    if (length > first)
        packet.pieces[packet.piece_count++] =
            (struct packet_piece){ .local = rest, .length = length - first };
    world.port->operations->output(world.port, &packet);
    free(head);
    free(rest);
    host_stack_flush();
}

#endif
