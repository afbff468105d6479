/*
 * The block backend's data path on a ring that is ordinary memory; grants, copies and disk are
 * fakes.
 */
#ifndef BLOCK_BACK_WORLD_H
#define BLOCK_BACK_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include "libc/libc.h"
#include "pv-kernel/event-ports.h"
#include "pv-kernel/frames.h"
#include "pv-kernel/grant-copies.h"
#include "split-drivers/block/back/vbd.h"

#define BAD_REF 666u

/* A page of its own, so that who reads it can be watched. */
static union {
    struct vbd_ring ring;
    char page[VBD_RING_PAGES * 4096];
} shared __attribute__((aligned(4096)));
static struct block_device device;
static struct vbd *vbd;
static struct vbd_queue *queue;
static struct block_request *at_disk[256];
static unsigned int at_disk_count, notifications, acquire_calls, held, disk_room, copies, made;

/* Pages of the guest's that hold segments of indirect requests, by reference. */
#define LIST_REF 1000u
static struct blkif_request_segment lists[16][512] __attribute__((aligned(4096)));
static bool no_memory;

bool libc_memory_allows(size_t bytes)
{
    (void)bytes;
    made += !no_memory;
    return !no_memory;
}

uint64_t frames_virt_to_mfn(const void *va)
{
    return (uint64_t)va >> 12;
}

void grant_copies_run(struct gnttab_copy *orders, size_t n)
{
    copies++;
    for (size_t i = 0; i < n; i++) {
        uint32_t ref = orders[i].source.u.ref - LIST_REF;

        assert_int_equal(orders[i].flags, GNTCOPY_source_gref);
        assert_int_equal(orders[i].source.domid, 5);
        assert_true(orders[i].dest.offset + orders[i].len <= 4096);
        orders[i].status = ref < 16 ? GNTST_okay : GNTST_bad_gntref;
        if (ref < 16)
            memcpy((char *)(orders[i].dest.u.gmfn << 12) + orders[i].dest.offset, lists[ref],
                   orders[i].len);
    }
}

void grant_frames_acquire(struct grant_frame *frames, size_t n)
{
    acquire_calls++;
    assert_true(n <= GRANT_MAPS_BATCH);
    for (size_t i = 0; i < n; i++) {
        frames[i].error = frames[i].ref == BAD_REF ? -EINVAL : 0;
        frames[i].machine = (uint64_t)frames[i].ref << 12;
        held += !frames[i].error;
    }
}

void grant_frames_release(const struct grant_frame *frames, size_t n)
{
    for (size_t i = 0; i < n; i++)
        held -= !frames[i].error;
}

int event_port_notify(evtchn_port_t port)
{
    assert_int_equal(port, 9);
    notifications++;
    return 0;
}

void vbd_wake(struct vbd *woken)
{
    assert_ptr_equal(woken, vbd);
}

int block_device_submit(struct block_device *d, struct block_request *request, struct turn *turn)
{
    assert_ptr_equal(turn, &vbd->turn);
    assert_ptr_equal(d, &device);
    if (at_disk_count == disk_room)
        return -EAGAIN;
    at_disk[at_disk_count++] = request;
    return 0;
}

static void ring_free(void)
{
    struct vbd_list *next;

    for (struct vbd_list *list = queue ? queue->free_lists : NULL; list; list = next) {
        next = list->next;
        free(list);
    }
    if (queue)
        free(queue->requests);
    free(queue);
    queue = NULL;
}

static void ring_new(unsigned int pages)
{
    ring_free();
    queue = calloc(1, sizeof(*queue));
    queue->vbd = vbd;
    queue->ring = &shared.ring;
    queue->pages = pages;
    queue->slots = pages == 4 ? 128 : pages == 2 ? 64 : 32;
    queue->port = 9;
    queue->requests = calloc(queue->slots, sizeof(*queue->requests));
    for (unsigned int i = 0; i < queue->slots; i++) {
        queue->requests[i].queue = queue;
        queue->requests[i].next = queue->free_requests;
        queue->free_requests = &queue->requests[i];
    }
    queue->mapped_last = &queue->mapped_first;
    queue->done_last = &queue->done_first;
    vbd->queues = queue;
    vbd->queue_count = 1;
}

static int setup(void **state)
{
    (void)state;
    memset(&shared, 0xee, sizeof(shared));
    memset(&shared.ring.header, 0, sizeof(shared.ring.header));
    shared.ring.header.rsp_event = 1;
    device = (struct block_device){ .sectors = 1000,
                                    .limits = { .sector_size = 512, .discard_sectors = 100 } };
    vbd = calloc(1, sizeof(*vbd));
    vbd->backend.domid = 5;
    vbd->device = &device;
    vbd->writable = vbd->discards = true;
    vbd->backend.state = BACKEND_CONNECTED;
    ring_new(1);
    at_disk_count = notifications = acquire_calls = held = copies = made = 0;
    disk_room = 256;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    assert_int_equal(held, 0);
    ring_free();
    free(vbd);
    return 0;
}

static void taken(void)
{
    struct vbd_request *list = intake_take(queue);

    if (list)
        *queue->mapped_last = map_segments(queue, list);
    while (*queue->mapped_last)
        queue->mapped_last = &(*queue->mapped_last)->next;
}

static void disk_answers(int disk_error)
{
    for (unsigned int i = 0; i < at_disk_count; i++)
        at_disk[i]->done(at_disk[i], disk_error);
    at_disk_count = 0;
}

static void round_trip(int disk_error)
{
    taken();
    execute_submit(queue);
    disk_answers(disk_error);
    complete_answer(queue);
}

#endif
