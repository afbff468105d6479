/*
 * The block backend's data path against a hostile frontend: what it takes from the ring, refuses,
 * maps, hands to the disk and answers.  The ring is ordinary memory, grants and disk are fakes.
 *
 * Sources: split-drivers/block/back/intake.c split-drivers/block/back/map-segments.c
 * split-drivers/block/back/execute.c split-drivers/block/back/complete.c
 */
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
#include "split-drivers/block/back/vbd.h"
#include "pv-kernel/event-ports.h"

#define BAD_REF 666u

/* A page of its own, so that who reads it can be watched. */
static union {
    struct vbd_ring ring;
    char page[4096];
} shared __attribute__((aligned(4096)));
static struct block_device device;
static struct vbd *vbd;
static struct block_request *at_disk[64];
static unsigned int at_disk_count, kicks, notifications, acquire_calls, held, disk_room;

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

void block_device_kick(struct block_device *d)
{
    (void)d;
    kicks++;
}

static int setup(void **state)
{
    (void)state;
    memset(&shared, 0xee, sizeof(shared));
    memset(&shared.ring.header, 0, sizeof(shared.ring.header));
    shared.ring.header.rsp_event = 1;
    device = (struct block_device){ .sectors = 1000, .limits = { .sector_size = 512 } };
    vbd = calloc(1, sizeof(*vbd));
    vbd->backend.domid = 5;
    vbd->device = &device;
    vbd->writable = true;
    vbd->ring = &shared.ring;
    vbd->port = 9;
    vbd->backend.state = BACKEND_CONNECTED;
    for (unsigned int i = 0; i < VBD_SLOTS; i++) {
        vbd->requests[i].vbd = vbd;
        vbd->requests[i].next = vbd->free_requests;
        vbd->free_requests = &vbd->requests[i];
    }
    vbd->mapped_last = &vbd->mapped_first;
    vbd->done_last = &vbd->done_first;
    at_disk_count = kicks = notifications = acquire_calls = held = 0;
    disk_room = 64;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    assert_int_equal(held, 0);
    free(vbd);
    return 0;
}

static struct blkif_request *push(uint8_t operation, uint64_t sector, unsigned int segments)
{
    struct blkif_request *r = &shared.ring.slots[shared.ring.header.req_prod++ % VBD_SLOTS].request;

    memset(r, 0, sizeof(*r));
    r->operation = operation;
    r->nr_segments = (uint8_t)segments;
    r->id = 0x1000 + shared.ring.header.req_prod;
    r->sector_number = sector;
    for (unsigned int i = 0; i < segments && i < BLKIF_MAX_SEGMENTS_PER_REQUEST; i++)
        r->seg[i] = (struct blkif_request_segment){ .gref = 100 + i, .last_sect = 7 };
    return r;
}

static void round_trip(int disk_error)
{
    struct vbd_request *list = intake_take(vbd);

    if (list) {
        *vbd->mapped_last = map_segments(vbd, list);
        while (*vbd->mapped_last)
            vbd->mapped_last = &(*vbd->mapped_last)->next;
    }
    execute_submit(vbd);
    for (unsigned int i = 0; i < at_disk_count; i++)
        at_disk[i]->done(at_disk[i], disk_error);
    at_disk_count = 0;
    complete_answer(vbd);
}

static int16_t answer_of(unsigned int index)
{
    return shared.ring.slots[index % VBD_SLOTS].response.status;
}

static void test_batch(void **state)
{
    (void)state;
    for (int i = 0; i < 32; i++)
        push(BLKIF_OP_READ, (uint64_t)i * 8, 11)->sector_number = 0;
    round_trip(0);
    assert_int_equal(acquire_calls, 1);
    assert_int_equal(kicks, 1);
    assert_int_equal(notifications, 1);
    assert_int_equal(shared.ring.header.rsp_prod, 32);
    for (unsigned int i = 0; i < 32; i++)
        assert_int_equal(answer_of(i), BLKIF_RSP_OKAY);
}

static void test_segments_reach_the_disk(void **state)
{
    struct blkif_request *r = push(BLKIF_OP_WRITE, 40, 2);

    (void)state;
    r->seg[0].first_sect = 3;
    r->seg[1].last_sect = 0;
    *vbd->mapped_last = map_segments(vbd, intake_take(vbd));
    execute_submit(vbd);
    assert_int_equal(at_disk_count, 1);
    assert_int_equal(at_disk[0]->operation, BLOCK_WRITE);
    assert_int_equal(at_disk[0]->sector, 40);
    assert_int_equal(at_disk[0]->segments[0].machine, (100u << 12) + 3 * 512);
    assert_int_equal(at_disk[0]->segments[0].bytes, 5 * 512);
    assert_int_equal(at_disk[0]->segments[1].bytes, 512);
    at_disk[0]->done(at_disk[0], -EIO);
    complete_answer(vbd);
    assert_int_equal(answer_of(0), BLKIF_RSP_ERROR);
}

/* Each of these must be answered with an error and never reach grants or disk. */
static void test_refusals(void **state)
{
    struct blkif_request *r;
    unsigned int n;

    (void)state;
    push(BLKIF_OP_READ, 0, 0);
    push(BLKIF_OP_READ, 0, 12);
    push(BLKIF_OP_READ, 0, 255);
    r = push(BLKIF_OP_READ, 0, 1);
    r->seg[0].first_sect = 5;
    r->seg[0].last_sect = 4;
    r = push(BLKIF_OP_READ, 0, 1);
    r->seg[0].last_sect = 8;
    push(BLKIF_OP_READ, 993, 1);
    push(BLKIF_OP_WRITE, UINT64_MAX - 3, 1);
    push(BLKIF_OP_READ, 1001, 1);
    push(BLKIF_OP_FLUSH_DISKCACHE, 0, 1);
    n = shared.ring.header.req_prod;
    push(BLKIF_OP_DISCARD, 0, 1);
    push(BLKIF_OP_INDIRECT, 0, 1);
    push(BLKIF_OP_WRITE_BARRIER, 0, 1);
    push(200, 0, 1);
    assert_null(intake_take(vbd));
    assert_int_equal(acquire_calls, 0);
    complete_answer(vbd);
    assert_int_equal(shared.ring.header.rsp_prod, n + 4);
    for (unsigned int i = 0; i < n; i++)
        assert_int_equal(answer_of(i), BLKIF_RSP_ERROR);
    for (unsigned int i = n; i < n + 4; i++)
        assert_int_equal(answer_of(i), BLKIF_RSP_EOPNOTSUPP);
}

static void test_read_only(void **state)
{
    (void)state;
    vbd->writable = false;
    push(BLKIF_OP_WRITE, 0, 1);
    push(BLKIF_OP_READ, 0, 1);
    round_trip(0);
    assert_int_equal(shared.ring.slots[0].response.status, BLKIF_RSP_ERROR);
    assert_int_equal(shared.ring.slots[1].response.status, BLKIF_RSP_OKAY);
}

static void test_bad_grant(void **state)
{
    struct blkif_request *r = push(BLKIF_OP_READ, 0, 3);

    (void)state;
    r->seg[1].gref = BAD_REF;
    push(BLKIF_OP_READ, 0, 1);
    round_trip(0);
    assert_int_equal(shared.ring.header.rsp_prod, 2);
    assert_int_equal(shared.ring.slots[1].response.status + shared.ring.slots[0].response.status,
                     BLKIF_RSP_ERROR);
}

static void test_impossible_index(void **state)
{
    (void)state;
    shared.ring.header.req_prod = 33;
    assert_null(intake_take(vbd));
    assert_true(vbd->broken);
    vbd->broken = false;
    shared.ring.header.req_prod = (uint32_t)-1;
    assert_null(intake_take(vbd));
    assert_true(vbd->broken);
    assert_false(intake_more(vbd));
}

static void test_full_disk_queue(void **state)
{
    (void)state;
    disk_room = 1;
    for (int i = 0; i < 3; i++)
        push(BLKIF_OP_READ, 0, 1);
    *vbd->mapped_last = map_segments(vbd, intake_take(vbd));
    while (*vbd->mapped_last)
        vbd->mapped_last = &(*vbd->mapped_last)->next;
    for (int i = 0; i < 3; i++) {
        execute_submit(vbd);
        assert_int_equal(at_disk_count, 1);
        at_disk[0]->done(at_disk[0], 0);
        at_disk_count = 0;
    }
    execute_submit(vbd);
    assert_int_equal(at_disk_count, 0);
    complete_answer(vbd);
    assert_int_equal(shared.ring.header.rsp_prod, 3);
}

static void test_response_padding(void **state)
{
    const uint8_t *bytes = (const uint8_t *)&shared.ring.slots[0].response;

    (void)state;
    memset(&shared.ring.slots[0], 0xee, sizeof(shared.ring.slots[0]));
    push(BLKIF_OP_FLUSH_DISKCACHE, 0, 0);
    round_trip(0);
    assert_int_equal(bytes[9], 0);
    for (size_t i = 12; i < sizeof(struct blkif_response); i++)
        assert_int_equal(bytes[i], 0);
}

static void test_notification_threshold(void **state)
{
    (void)state;
    shared.ring.header.rsp_event = 3;
    push(BLKIF_OP_READ, 0, 1);
    round_trip(0);
    assert_int_equal(notifications, 0);
    push(BLKIF_OP_READ, 0, 1);
    push(BLKIF_OP_READ, 0, 1);
    round_trip(0);
    assert_int_equal(notifications, 1);
    assert_false(intake_more(vbd));
    assert_int_equal(shared.ring.header.req_event, 4);
    push(BLKIF_OP_READ, 0, 1);
    assert_true(intake_more(vbd));
    round_trip(0);
}

/* Each access to the shared page faults, is counted by its word and then let through. */
static unsigned int fetches[4096 / 8];

static void page_fault(int number, siginfo_t *info, void *context)
{
    size_t offset = (size_t)((char *)info->si_addr - shared.page);

    (void)number;
    if (offset >= sizeof(shared.page))
        abort();
    fetches[offset / 8]++;
    mprotect(&shared, sizeof(shared), PROT_READ | PROT_WRITE);
    ((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] |= 0x100; /* one instruction */
}

static void step(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)info;
    mprotect(&shared, sizeof(shared), PROT_NONE);
    ((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] &= ~0x100L;
}

/* The guest may change the page between any two reads: each word of a request is read once, and
 * the producer's index once a round (XSA-155). */
static void test_everything_is_read_once(void **state)
{
    struct sigaction on_fault = { .sa_sigaction = page_fault, .sa_flags = SA_SIGINFO };
    struct sigaction on_step = { .sa_sigaction = step, .sa_flags = SA_SIGINFO };
    struct sigaction old_fault, old_step;
    size_t first = offsetof(struct vbd_ring, slots) / 8;
    size_t words = 3 * sizeof(union vbd_slot) / 8;

    (void)state;
    for (int i = 0; i < 3; i++)
        push(i == 1 ? BLKIF_OP_WRITE : BLKIF_OP_READ, 8, 11);
    memset(fetches, 0, sizeof(fetches));
    sigaction(SIGSEGV, &on_fault, &old_fault);
    sigaction(SIGTRAP, &on_step, &old_step);
    mprotect(&shared, sizeof(shared), PROT_NONE);
    struct vbd_request *list = intake_take(vbd);

    if (list)
        *vbd->mapped_last = map_segments(vbd, list);
    while (*vbd->mapped_last)
        vbd->mapped_last = &(*vbd->mapped_last)->next;
    execute_submit(vbd);
    mprotect(&shared, sizeof(shared), PROT_READ | PROT_WRITE);
    sigaction(SIGSEGV, &old_fault, NULL);
    sigaction(SIGTRAP, &old_step, NULL);
    assert_int_equal(at_disk_count, 3);
    assert_int_equal(fetches[0], 1); /* req_prod */
    for (size_t i = first; i < first + words; i++)
        assert_int_equal(fetches[i], 1);
    round_trip(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_batch, setup, teardown),
        cmocka_unit_test_setup_teardown(test_segments_reach_the_disk, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refusals, setup, teardown),
        cmocka_unit_test_setup_teardown(test_read_only, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_grant, setup, teardown),
        cmocka_unit_test_setup_teardown(test_impossible_index, setup, teardown),
        cmocka_unit_test_setup_teardown(test_full_disk_queue, setup, teardown),
        cmocka_unit_test_setup_teardown(test_response_padding, setup, teardown),
        cmocka_unit_test_setup_teardown(test_notification_threshold, setup, teardown),
        cmocka_unit_test_setup_teardown(test_everything_is_read_once, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
