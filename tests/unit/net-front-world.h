/*
 * A frontend's interface without a hypervisor, for tests/unit/net-front.c and -noise.c: grants,
 * ports and frames of the test's own, and its task, which runs until the test has no more to do.
 *
 * The backend is the test: it knows the rings, and what it holds it may write.
 */
#ifndef TESTS_UNIT_NET_FRONT_WORLD_H
#define TESTS_UNIT_NET_FRONT_WORLD_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "network/batch.h"
#include "pv-kernel/clock.h"
#include "pv-kernel/event-ports.h"
#include "pv-kernel/frames.h"
#include "pv-kernel/own-grants.h"
#include "split-drivers/net/front/front.h"
#include "tasks/task.h"

#define BACKEND    3u
#define REFS_FIRST 8u
#define REFS       2200u

/* Grants. */

static struct {
    bool taken, open, read_only;
    unsigned int held; /* how often the backend maps it or copies */
    uint8_t *page;
} grants[REFS];
static unsigned int next_ref, grants_taken, grants_most = REFS, grants_open;
static unsigned int shared_like[1u << 16]; /* open grants, by some bits of their page's number */

int grant_reference_take(grant_ref_t *ref)
{
    if (grants_taken >= grants_most)
        return -ENOSPC;
    do
        *ref = REFS_FIRST + next_ref++ % (REFS - REFS_FIRST);
    while (grants[*ref].taken);
    grants[*ref].taken = true;
    grants_taken++;
    return 0;
}

void grant_reference_return(grant_ref_t ref)
{
    assert_true(grants[ref].taken && !grants[ref].open && !grants[ref].held);
    grants[ref].taken = false;
    grants_taken--;
}

void grant_reference_open(grant_ref_t ref, domid_t domid, uint64_t mfn, bool read_only)
{
    assert_int_equal(domid, BACKEND);
    assert_true(grants[ref].taken && !grants[ref].open);
    grants[ref].open = true;
    grants[ref].read_only = read_only;
    grants[ref].page = (uint8_t *)(mfn << PAGE_SHIFT);
    grants_open++;
    shared_like[(uint16_t)mfn]++;
}

int grant_reference_close(grant_ref_t ref)
{
    assert_true(grants[ref].open);
    if (grants[ref].held)
        return -EBUSY;
    grants[ref].open = false;
    grants_open--;
    shared_like[(uint16_t)((uintptr_t)grants[ref].page >> PAGE_SHIFT)]--;
    return 0;
}

int grant_access_give(domid_t domid, uint64_t mfn, bool read_only, grant_ref_t *ref)
{
    int error = grant_reference_take(ref);

    if (!error)
        grant_reference_open(*ref, domid, mfn, read_only);
    return error;
}

int grant_access_end(grant_ref_t ref)
{
    int error = grant_reference_close(ref);

    if (!error)
        grant_reference_return(ref);
    return error;
}

/* Can the backend see this page? */
static bool is_shared(const void *page)
{
    for (unsigned int ref = REFS_FIRST;
         shared_like[(uint16_t)((uintptr_t)page >> PAGE_SHIFT)] && ref < REFS; ref++)
        if (grants[ref].open && grants[ref].page == page)
            return true;
    return false;
}

/* Frames. */

static long frames_taken, frames_most = 100000;

uint64_t frames_virt_to_mfn(const void *va)
{
    return (uint64_t)va >> PAGE_SHIFT;
}

void *frames_alloc(unsigned int order)
{
    void *memory;

    if (frames_taken >= frames_most)
        return NULL;
    memory = aligned_alloc(PAGE_SIZE, PAGE_SIZE << order);
    memset(memory, 0, PAGE_SIZE << order);
    frames_taken++;
    return memory;
}

void frames_free(void *va, unsigned int order)
{
    assert_int_equal(order, 0);
    assert_false(is_shared(va));
    frames_taken--;
    free(va);
}

/* Nobody tags packets here. */
void *batch_scratch(void)
{
    return NULL;
}

/* Ports. */

static unsigned int ports_open, ports_most = 100, notified;

int event_port_alloc_unbound(domid_t domid, domid_t remote, evtchn_port_t *port)
{
    assert_int_equal(domid, DOMID_SELF);
    assert_int_equal(remote, BACKEND);
    if (ports_open == ports_most)
        return -ENOSPC;
    *port = 10 + ports_open++;
    return 0;
}

int event_port_close(evtchn_port_t port)
{
    assert_true(port >= 10);
    ports_open--;
    return 0;
}

void event_port_set_guest_handler(evtchn_port_t port, event_handler_t handler, void *arg)
{
    assert_true(port >= 10 && handler == front_event && arg);
}

void event_port_reopen(evtchn_port_t port)
{
    assert_true(port >= 10);
}

int event_port_notify(evtchn_port_t port)
{
    assert_true(port >= 10);
    notified++;
    return 0;
}

/* The task: while it has nothing to do, and when it yields, the test goes on. */

static void (*task_function)(void *);
static jmp_buf task_left;
static bool (*world_goes_on)(void); /* false: that was all */
static unsigned int wakes;

static void world_turn(void)
{
    if (!world_goes_on || !world_goes_on())
        longjmp(task_left, 1);
}

struct task *task_spawn(const char *name, void (*fn)(void *), void *arg, size_t stack_bytes)
{
    (void)name;
    (void)stack_bytes;
    task_function = fn;
    return arg;
}

void task_yield(void)
{
    if (world_goes_on)
        world_turn();
}

void nic_work_wake(struct nic_work *work)
{
    work->woken = true;
    wakes++;
}

void nic_work_watch(struct nic_work *work)
{
    work->watched = true;
}

void nic_work_rest(struct nic_work *work)
{
    work->watched = false;
}

bool nic_work_wait(struct nic_work *work)
{
    if (!work->woken)
        world_turn();
    work->woken = false;
    return work->watched;
}

/* The interface and its user. */

static struct front front;
static unsigned long received_count, received_bytes, rooms, links;
static uint8_t received[70000];
static struct packet received_packet;

static void user_received(struct net_device *device, const struct packet *packet)
{
    const struct packet_offload *offload = &packet->offload;
    uint32_t bytes = 0;

    assert_ptr_equal(device, &front.net);
    assert_true(packet->piece_count <= PACKET_PIECES_MAX);
    assert_true(packet->bytes >= PACKET_BYTES_LEAST && packet->bytes <= PACKET_BYTES_MAX);
    for (unsigned int i = 0; i < packet->piece_count; i++) {
        const struct packet_piece *piece = &packet->pieces[i];

        assert_true(((uintptr_t)piece->local & (PAGE_SIZE - 1)) + piece->length <= PAGE_SIZE);
        assert_false(is_shared((void *)((uintptr_t)piece->local & PAGE_MASK)));
        memcpy(received + bytes, piece->local, piece->length);
        bytes += piece->length;
    }
    assert_int_equal(bytes, packet->bytes);
    if (offload->checksum == PACKET_CHECKSUM_PARTIAL)
        assert_true(offload->checksum_start >= PACKET_BYTES_LEAST &&
                    offload->checksum_start + offload->checksum_offset + 2u <= bytes);
    if (offload->segmentation != PACKET_WHOLE)
        assert_true(offload->checksum == PACKET_CHECKSUM_PARTIAL && offload->segment_bytes &&
                    offload->header_bytes <= packet->pieces[0].length &&
                    offload->header_bytes < bytes);
    received_packet = *packet;
    received_count++;
    received_bytes += bytes;
}

static void user_received_all(struct net_device *device)
{
    (void)device;
}

static void user_room(struct net_device *device)
{
    (void)device;
    rooms++;
}

static void user_link_changed(struct net_device *device)
{
    (void)device;
    links++;
}

static const struct net_user user = { .received = user_received,
                                      .received_all = user_received_all,
                                      .room = user_room,
                                      .link_changed = user_link_changed };

/* Packets to be sent, whose pages stay where they are. */
#define SENDS 400u
static struct send {
    struct net_transmit transmit;
    uint8_t *pages[FRONT_BUFFERS_MAX];
    bool under_way;
    int error;
} sends[SENDS];
static unsigned int sends_under_way;

static void user_done(struct net_transmit *transmit, int error)
{
    struct send *send = transmit->owner;

    assert_true(send->under_way);
    for (unsigned int i = 0; i < transmit->buffer_count; i++)
        assert_false(is_shared(send->pages[i]));
    send->under_way = false;
    send->error = error;
    sends_under_way--;
}

/* A packet in so many pages, of which the last has `last` bytes; what submit says. */
static int submit(struct send *send, unsigned int pages, uint32_t last,
                  const struct packet_offload *offload)
{
    int error;

    send->transmit = (struct net_transmit){ .done = user_done, .owner = send };
    if (offload)
        send->transmit.offload = *offload;
    for (unsigned int i = 0; i < pages; i++) {
        uint32_t bytes = i + 1 < pages ? PAGE_SIZE : last;

        if (!send->pages[i])
            send->pages[i] = aligned_alloc(PAGE_SIZE, PAGE_SIZE);
        memset(send->pages[i], (int)(i + 1), PAGE_SIZE);
        send->transmit.buffers[i] =
            (struct net_buffer){ .machine = (uint64_t)send->pages[i], .bytes = bytes };
        send->transmit.bytes += bytes;
    }
    send->transmit.buffer_count = pages;
    send->transmit.header = send->pages[0];
    error = net_device_submit(&front.net, &send->transmit);
    send->under_way = !error;
    sends_under_way += !error;
    return error;
}

static int world_start(unsigned int queues)
{
    int error = 0;

    memset(&front, 0, sizeof(front));
    snprintf(front.net.name, sizeof(front.net.name), "eth0");
    front.net.user = &user;
    front.net.driver = &front_driver;
    front.net.driver_state = &front;
    front.net.features = NET_SENDS_CHECKSUM | NET_SENDS_TCP4 | NET_SENDS_TCP6;
    front.net.buffers_max = FRONT_BUFFERS_MAX;
    front.domid = BACKEND;
    assert_int_equal(front_serve_start(&front), 0);
    while (front.queue_count < queues && !error) {
        error = queue_create(&front, true, &front.queues[front.queue_count]);
        front.queue_count += !error;
    }
    front.state = FRONT_CONNECTED;
    front.net.link = true;
    received_count = rooms = links = 0;
    return error;
}

/* The task runs until it has nothing to do and the test neither. */
static void run(void)
{
    if (!setjmp(task_left))
        task_function(&front);
}

/* All goes, with a backend that lets go of everything. */
static void world_end(void)
{
    for (unsigned int ref = 0; ref < REFS; ref++)
        grants[ref].held = 0;
    front.state = FRONT_CLOSED;
    queues_end(&front);
    assert_false(queues_ending(&front));
    assert_int_equal(sends_under_way, 0);
    assert_int_equal(grants_taken, 0);
    assert_int_equal(grants_open, 0);
    assert_int_equal(frames_taken, 0);
    assert_int_equal(ports_open, 0);
}

#endif
