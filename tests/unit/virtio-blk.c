/*
 * The virtio disk driver with a disk that does not answer, or asks to be reset: what had no answer
 * ends with an error, the disk starts anew or is dead, and nobody waits for ever.  The device,
 * the tasks and the clock are fakes.
 *
 * Sources: dom0/devices/virtio-blk.c dom0/devices/block-device.c dom0/devices/block-sleep.c
 * Sources: dom0/devices/disk-commands.c dom0/devices/disk-controller.c dom0/devices/disk-cut.c
 * Sources: dom0/tasks/turns.c dom0/devices/pci-names.c dom0/devices/disk-names.c
 * Sources: dom0/devices/virtio-slots.c
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "devices/block-device.h"
#include "devices/virtio-blk.h"
#include "devices/virtio-pci.h"
#include "pv-kernel/clock.h"
#include "pv-kernel/event-ports.h"
#include "pv-kernel/frames.h"
#include "tasks/task.h"
#include "tasks/wait-queue.h"

#define SECOND 1000000000ULL

static struct pci_device second = { .vendor = 0x1af4, .device = 0x1042, .slot = 9 };
static struct pci_device pci = { .vendor = 0x1af4, .device = 0x1042 };
static struct virtio_common_registers common;
static uint8_t config[64] __attribute__((aligned(8))) = { 100 };
static struct virtq_descriptor descriptors[256];
static uint16_t given[64], finished[64];
static unsigned int given_count, finished_count, resets;
static bool answers, needs_reset, resets_work;
static uint64_t offered = 1ULL << 9 | 1ULL << 13 | 1ULL << 14;
static uint64_t now;

static void (*disk_task)(void *);
static void *disk_task_arg;
static event_handler_t disk_interrupt;
static jmp_buf idle;
static unsigned int depth;

struct pci_device *pci_devices_first(void)
{
    return &pci;
}

int pci_bind_msix(struct pci_device *device, unsigned int entry, uint32_t *port)
{
    (void)device;
    (void)entry;
    *port = 5;
    return 0;
}

static bool first_is_gone; /* the second disk is vdb nevertheless */

int virtio_open(struct virtio_device *device, struct pci_device *of)
{
    if (first_is_gone && of == &pci)
        return -ENODEV;
    *device = (struct virtio_device){ .pci = of, .common = &common, .config = config };
    return 0;
}

int virtio_negotiate(struct virtio_device *device, uint64_t wanted, uint64_t *agreed)
{
    (void)device;
    *agreed = wanted & offered;
    return 0;
}

int virtio_queue_setup(struct virtio_device *device, struct virtqueue *queue, uint16_t number,
                       uint16_t vector)
{
    (void)device;
    (void)number;
    (void)vector;
    queue->size = 256;
    queue->descriptors = descriptors;
    given_count = finished_count = 0;
    return 0;
}

void virtio_ready(struct virtio_device *device)
{
    (void)device;
    needs_reset = false;
}

void virtio_fail(struct virtio_device *device)
{
    (void)device;
}

bool virtio_needs_reset(const struct virtio_device *device)
{
    (void)device;
    return needs_reset;
}

int virtio_reset(struct virtio_device *device)
{
    (void)device;
    resets++;
    given_count = 0;
    return resets_work ? 0 : -EIO;
}

void virtqueue_add(struct virtqueue *queue, uint16_t head)
{
    (void)queue;
    given[given_count++] = head;
}

void virtqueue_publish(struct virtqueue *queue)
{
    (void)queue;
}

void virtqueue_ring(struct virtqueue *queue)
{
    (void)queue;
}

bool virtqueue_take(struct virtqueue *queue, uint16_t *head)
{
    (void)queue;
    if (!finished_count)
        return false;
    *head = finished[--finished_count];
    return true;
}

void virtqueue_interrupts_off(struct virtqueue *queue)
{
    (void)queue;
}

bool virtqueue_interrupts_on(struct virtqueue *queue)
{
    (void)queue;
    return finished_count;
}

/* The device finishes all it was given: the status byte is the chain's last piece. */
struct header {
    uint32_t type, reserved;
    uint64_t sector;
};
static struct header last_header;
static unsigned int last_pieces;
static uint8_t status_answered;
static char range_bytes[16];

static void chain_runs(const struct virtq_descriptor *table, uint16_t at)
{
    const struct virtq_descriptor *d = &table[at];

    last_header = *(const struct header *)d->address;
    for (last_pieces = 0; d->flags & VIRTQ_NEXT; last_pieces++) {
        d = &table[d->next];
        if (last_header.type >= 11 && d->length == sizeof(range_bytes))
            memcpy(range_bytes, (const void *)d->address, sizeof(range_bytes));
        if (last_header.type == 8 && d->length == 20)
            memcpy((void *)d->address, "a serial/1", 11);
    }
    last_pieces--;
    *(uint8_t *)d->address = status_answered;
}

static void device_runs(void)
{
    while (answers && given_count) {
        uint16_t head = given[--given_count];

        if (descriptors[head].flags & VIRTQ_INDIRECT)
            chain_runs((const struct virtq_descriptor *)descriptors[head].address, 0);
        else
            chain_runs(descriptors, head);
        finished[finished_count++] = head;
    }
    if (finished_count && disk_task)
        disk_interrupt(5, disk_task_arg);
}

/* The disk's task, until it would wait for longer than `until`. */
static uint64_t until;

static void disk_task_runs(uint64_t time)
{
    until = time;
    depth++;
    if (!setjmp(idle))
        disk_task(disk_task_arg);
    depth--;
}

void wait_queue_wait(struct wait_queue *q)
{
    (void)q;
    if (depth)
        longjmp(idle, 1);
    device_runs(); /* dom0 itself waits for the disk */
    disk_task_runs(now + 200 * SECOND);
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
    disk_task = fn;
    disk_task_arg = arg;
    return (struct task *)1;
}

void task_sleep_ns(uint64_t ns)
{
    now += ns;
    device_runs();
}

void event_port_set_handler(evtchn_port_t port, event_handler_t handler, void *arg)
{
    (void)port;
    (void)arg;
    disk_interrupt = handler;
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

void *frames_alloc(unsigned int order)
{
    return aligned_alloc(4096, 4096UL << order);
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

int partitions_scan(struct block_device *disk)
{
    (void)disk;
    return 0;
}

/* A user with many requests. */
static struct block_request requests[64];
static unsigned int ended, failed, called;

static void request_done(struct block_request *request, int error)
{
    (void)request;
    ended++;
    failed += error == -EIO;
}

static void come(struct turn *turn)
{
    (void)turn;
    called++;
}

static struct turn turn = { .come = come };

static unsigned int submit_some(unsigned int n)
{
    struct block_device *disk = block_devices_first();
    unsigned int taken = 0;

    for (int error = 0; taken < n && !error; taken += !error) {
        requests[taken] = (struct block_request){ .operation = BLOCK_FLUSH, .done = request_done };
        error = block_device_submit(disk, &requests[taken], &turn);
    }
    block_device_kick(disk);
    return taken;
}

static int setup(void **state)
{
    (void)state;
    answers = resets_work = true;
    needs_reset = false;
    status_answered = 0;
    if (!disk_task) {
        *(uint32_t *)(config + 36) = 1000; /* sectors of one discard, of its alignment, of zeroes */
        *(uint32_t *)(config + 44) = 8;
        *(uint32_t *)(config + 48) = 2000;
        virtio_blk_start();
    }
    ended = failed = called = resets = 0;
    turn.waits = false;
    memset(&block_devices_first()->turns, 0, sizeof(struct turns));
    return 0;
}

static void an_answering_disk_is_left_alone(void **state)
{
    (void)state;
    assert_int_equal(submit_some(3), 3);
    device_runs();
    disk_task_runs(now + 100 * SECOND);
    assert_int_equal(ended, 3);
    assert_int_equal(failed + resets, 0);
}

static void a_hanging_disk_is_reset(void **state)
{
    uint64_t start = now;

    (void)state;
    answers = false;
    assert_int_equal(submit_some(40), 14);
    disk_task_runs(start + 20 * SECOND);
    assert_int_equal(ended, 0);
    disk_task_runs(start + 40 * SECOND);
    assert_int_equal(resets, 1);
    assert_int_equal(failed, 14);
    assert_true(called > 0); /* there is room again */
    answers = true;
    turns_leave(&block_devices_first()->turns, &turn);
    assert_int_equal(submit_some(2), 2);
    device_runs();
    disk_task_runs(now + SECOND);
    assert_int_equal(ended, 16);
    assert_int_equal(failed, 14);
}

static void a_disk_that_asks_for_it_is_reset(void **state)
{
    (void)state;
    answers = false;
    assert_int_equal(submit_some(1), 1);
    needs_reset = true;
    disk_task_runs(now + 3 * SECOND);
    assert_int_equal(resets, 1);
    assert_false(needs_reset);
    assert_int_equal(ended, 0); /* nobody's fault: it is asked again */
    answers = true;
    device_runs();
    disk_task_runs(now + SECOND);
    assert_int_equal(ended, 1);
    assert_int_equal(failed, 0);
}

static void it_says_what_it_is(void **state)
{
    const struct block_device *disk = block_devices_first();

    (void)state;
    assert_string_equal(disk->id, "virtio-a_serial_1");
    assert_int_equal(disk->limits.discard_sectors, 1000);
    assert_int_equal(disk->limits.discard_granularity, 4096);
    assert_int_equal(disk->limits.zeroes_sectors, 2000);
}

static void ranges_are_told(void **state)
{
    static struct block_request request = { .operation = BLOCK_DISCARD, .done = request_done };
    struct {
        uint64_t sector;
        uint32_t sectors, flags;
    } range;

    (void)state;
    request.sector = 7;
    request.sectors = 20;
    assert_int_equal(block_device_submit(block_devices_first(), &request, &turn), 0);
    block_device_kick(block_devices_first());
    device_runs();
    disk_task_runs(now + SECOND);
    memcpy(&range, range_bytes, sizeof(range));
    assert_int_equal(last_header.type, 11);
    assert_int_equal(range.sector, 7);
    assert_int_equal(range.sectors, 20);
    assert_int_equal(range.flags, 0);
    assert_int_equal(ended, 1);
}

static int last_error;

static void remember_error(struct block_request *request, int error)
{
    (void)request;
    last_error = error;
}

static void what_it_answers_is_told(void **state)
{
    static const struct {
        uint8_t status;
        int error;
    } answered[] = { { 1, -EIO }, { 2, -EOPNOTSUPP }, { 255, -EIO }, { 0, 0 } };
    struct block_request request = { .operation = BLOCK_FLUSH, .done = remember_error };

    (void)state;
    for (unsigned int i = 0; i < 4; i++) {
        status_answered = answered[i].status;
        last_error = 1;
        assert_int_equal(block_device_submit(block_devices_first(), &request, &turn), 0);
        block_device_kick(block_devices_first());
        device_runs();
        disk_task_runs(now + SECOND);
        assert_int_equal(last_error, answered[i].error);
    }
}

/* A device that names chains it was not given, or one twice, is not believed. */
static void wild_heads_are_passed_over(void **state)
{
    static const uint16_t wild[] = { 1, 17, 252, 14 * 18, 65535 };

    (void)state;
    answers = false;
    assert_int_equal(submit_some(1), 1);
    for (unsigned int i = 0; i < sizeof(wild) / sizeof(wild[0]); i++)
        finished[finished_count++] = (uint16_t)(given[0] + wild[i]);
    disk_interrupt(5, disk_task_arg);
    disk_task_runs(now);
    assert_int_equal(ended, 0);
    answers = true;
    device_runs();
    finished[finished_count] = finished[finished_count - 1];
    finished_count++;
    disk_task_runs(now + SECOND);
    assert_int_equal(ended, 1);
}

/* Before the disk has told: with indirect descriptors there are more slots, and longer commands. */
static void tables_hold_more(void **state)
{
    static char memory[200][8192] __attribute__((aligned(4096)));
    static struct block_segment pieces[200];
    struct block_request request = {
        .operation = BLOCK_READ, .done = remember_error, .segments = pieces, .segment_count = 120
    };
    struct block_device *disk;

    (void)state;
    *(uint64_t *)config = 100000;
    offered |= 1ULL << VIRTIO_F_INDIRECT;
    first_is_gone = true;
    pci.next = &second;
    virtio_blk_start();
    disk = block_devices_first()->next;
    assert_string_equal(disk->name, "vdb");
    assert_int_equal(disk->limits.segments, 126);
    for (unsigned int i = 0; i < 120; i++)
        pieces[i] = (struct block_segment){ (uint64_t)memory[i], 512 };
    assert_int_equal(block_device_submit(disk, &request, &turn), 0);
    block_device_kick(disk);
    last_error = 1;
    device_runs();
    disk_task_runs(now + SECOND);
    assert_int_equal(last_error, 0);
    assert_int_equal(last_pieces, 120);
    assert_int_equal(last_header.type, 0);
}

static void a_disk_beyond_help_is_dead(void **state)
{
    (void)state;
    answers = false;
    for (unsigned int i = 0; i < 10 && submit_some(1); i++)
        disk_task_runs(now + 40 * SECOND);
    assert_in_range(resets, 2, 5);
    assert_int_equal(failed, resets);
    assert_int_equal(block_device_submit(block_devices_first(), &requests[0], &turn), -EIO);
    assert_int_equal(block_device_flush(block_devices_first()), -EIO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(an_answering_disk_is_left_alone, setup),
        cmocka_unit_test_setup(a_hanging_disk_is_reset, setup),
        cmocka_unit_test_setup(a_disk_that_asks_for_it_is_reset, setup),
        cmocka_unit_test_setup(it_says_what_it_is, setup),
        cmocka_unit_test_setup(ranges_are_told, setup),
        cmocka_unit_test_setup(what_it_answers_is_told, setup),
        cmocka_unit_test_setup(wild_heads_are_passed_over, setup),
        cmocka_unit_test_setup(a_disk_beyond_help_is_dead, setup),
        cmocka_unit_test_setup(tables_hold_more, setup),
    };

    return cmocka_run_group_tests_name("virtio-blk", tests, NULL, NULL);
}
