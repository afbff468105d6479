/*
 * The block frontend whole, without a hypervisor: grants, ports, frames, the store and the clock
 * are the test's own, dom0's disk layer is the real one, and tasks have stacks and take turns.
 *
 * The backend is the test: it knows the rings, and what it holds it may write.
 */
#ifndef TESTS_UNIT_BLOCK_FRONT_WORLD_H
#define TESTS_UNIT_BLOCK_FRONT_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <ucontext.h>

#include "fake-store.h"
#include "pv-kernel/clock.h"
#include "pv-kernel/event-ports.h"
#include "pv-kernel/frames.h"
#include "pv-kernel/own-grants.h"
#include "split-drivers/block/front/block-front.h"
#include "split-drivers/block/front/remote.h"
#include "tasks/task.h"

#define BACKEND_ID 3u
#define REFS_FIRST 8u
#define REFS       4096u
#define SECTORS    (16u << 11)

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
    assert_int_equal(domid, BACKEND_ID);
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

static void let_go(void)
{
    for (unsigned int ref = 0; ref < REFS; ref++)
        grants[ref].held = 0;
}

/* Frames. */

static long frames_taken, frames_most = 100000;

uint64_t frames_virt_to_mfn(const void *va)
{
    return (uint64_t)va >> PAGE_SHIFT;
}

uint64_t frames_virt_to_machine(const void *va)
{
    return (uint64_t)va;
}

void *frames_alloc(unsigned int order)
{
    void *memory;

    if (frames_taken >= frames_most)
        return NULL;
    memory = aligned_alloc(PAGE_SIZE, PAGE_SIZE << order);
    memset(memory, 0, PAGE_SIZE << order);
    frames_taken += 1l << order;
    return memory;
}

void frames_free(void *va, unsigned int order)
{
    for (unsigned int i = 0; i < 1u << order; i++)
        assert_false(is_shared((char *)va + i * PAGE_SIZE));
    frames_taken -= 1l << order;
    free(va);
}

/* Ports. */

static unsigned int ports_open, ports_most = 100, next_port, notified;

int event_port_alloc_unbound(domid_t domid, domid_t remote, evtchn_port_t *port)
{
    assert_int_equal(domid, DOMID_SELF);
    assert_int_equal(remote, BACKEND_ID);
    if (ports_open == ports_most)
        return -ENOSPC;
    *port = 10 + next_port++;
    ports_open++;
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
    assert_true(port >= 10 && handler == remote_event && arg);
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

bool events_mask_save(void)
{
    return false;
}

void events_mask_restore(bool was_masked)
{
    (void)was_masked;
}

/* Tasks: each wait is a turn of the others'; nobody is woken too late, some for nothing. */

#define TASKS       200u
#define STACK_BYTES (96u << 10)

static struct {
    ucontext_t context;
    void (*function)(void *);
    void *arg, *stack;
    bool ended;
} tasks[TASKS];
static ucontext_t scheduler;
static unsigned int task_count, task_now = TASKS;
static uint64_t now = 1;

static void task_begin(void)
{
    tasks[task_now].function(tasks[task_now].arg);
    tasks[task_now].ended = true;
    swapcontext(&tasks[task_now].context, &scheduler);
}

struct task *task_spawn(const char *name, void (*fn)(void *), void *arg, size_t stack_bytes)
{
    unsigned int i = task_count++;

    (void)name;
    (void)stack_bytes;
    assert_true(i < TASKS);
    getcontext(&tasks[i].context);
    tasks[i].function = fn;
    tasks[i].arg = arg;
    tasks[i].stack = malloc(STACK_BYTES);
    tasks[i].context.uc_stack.ss_sp = tasks[i].stack;
    tasks[i].context.uc_stack.ss_size = STACK_BYTES;
    makecontext(&tasks[i].context, task_begin, 0);
    return (struct task *)&tasks[i];
}

static void round_run(void)
{
    now += 10000000;
    for (unsigned int i = 0; i < task_count; i++) {
        task_now = i;
        if (!tasks[i].ended)
            swapcontext(&scheduler, &tasks[i].context);
        task_now = TASKS;
    }
}

static void run(unsigned int rounds)
{
    while (rounds--)
        round_run();
}

void task_yield(void)
{
    if (task_now == TASKS)
        round_run();
    else
        swapcontext(&tasks[task_now].context, &scheduler);
}

void task_sleep_ns(uint64_t ns)
{
    uint64_t until = now + ns;

    while (now < until)
        task_yield();
}

void wait_queue_wait(struct wait_queue *q)
{
    (void)q;
    task_yield();
}

int wait_queue_wait_until(struct wait_queue *q, uint64_t deadline_ns)
{
    (void)q;
    task_yield();
    return now >= deadline_ns ? -ETIMEDOUT : 0;
}

void wait_queue_wake_all(struct wait_queue *q)
{
    (void)q;
}

uint64_t clock_monotonic_ns(void)
{
    return now;
}

/* The store has news at each turn, whatever it is about. */
int xs_wait_watch(struct xs_client *client, int64_t timeout_ns, char **path, char **token)
{
    (void)client;
    (void)timeout_ns;
    task_yield();
    *path = strdup("device/vbd");
    *token = strdup("vbd");
    return 0;
}

int partitions_scan(struct block_device *disk)
{
    (void)disk;
    return 0;
}

/* The disk that is looked at. */

static struct remote *remote;
static unsigned int number = 51712;
static char front_path[64], back_path[64];

static void front_set(const char *node, const char *value)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/%s", front_path, node);
    node_set(path, value);
}

static void back_set(const char *node, const char *value)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/%s", back_path, node);
    node_set(path, value);
}

static int front_state(void)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/state", front_path);
    return node_value(path) ? atoi(node_value(path)) : 0;
}

/* As the toolstack and then the backend have it. */
static void disk_give(void)
{
    back_set("state", "2");
    back_set("online", "1");
    back_set("max-ring-page-order", "2");
    back_set("multi-queue-max-queues", "4");
    back_set("feature-max-indirect-segments", "256");
    back_set("feature-flush-cache", "1");
    back_set("feature-discard", "1");
    back_set("sector-size", "512");
    back_set("sectors", "32768");
    front_set("backend", back_path);
    front_set("backend-id", "3");
    front_set("state", "1");
}

/* Another one. */
static void disk_new(void)
{
    number += 16;
    snprintf(front_path, sizeof(front_path), "device/vbd/%u", number);
    snprintf(back_path, sizeof(back_path), "/local/domain/3/backend/vbd/1/%u", number);
    disk_give();
}

static void disk_take_away(void)
{
    xs_rm(NULL, XS_NO_TX, front_path);
    xs_rm(NULL, XS_NO_TX, back_path);
}

/* Once it has told of its rings, the backend says that it sees them. */
static void backend_connects(void)
{
    for (unsigned int i = 0; front_state() != XENBUS_INITIALISED; i++) {
        assert_true(i < 300);
        run(1);
    }
    back_set("state", "4");
    run(4);
}

static struct block_device *last_device(void)
{
    struct block_device *device = block_devices_first();

    while (device && device->next)
        device = device->next;
    return device;
}

static const char *command_line = "";

static void front_start(void *arg)
{
    (void)arg;
    assert_int_equal(block_front_start(command_line), 0);
}

/* A new disk, connected. */
static void world_start(void)
{
    static bool started;

    disk_new();
    if (!started)
        task_spawn("starts", front_start, NULL, 0);
    started = true;
    backend_connects();
    remote = (struct remote *)last_device();
    assert_non_null(remote);
    assert_int_equal(remote->number, number);
    assert_int_equal(front_state(), XENBUS_CONNECTED);
}

/* A user's requests, whose pages stay where they are. */
#define SENDS 64u
static struct send {
    struct block_request request;
    struct turn turn;
    struct block_segment segments[BLOCK_MAX_SEGMENTS];
    uint8_t *memory;
    bool under_way, no_copy;
    unsigned int ended;
    int error;
} sends[SENDS];
static unsigned int sends_under_way;

static void user_turn(struct turn *turn)
{
    (void)turn;
}

static void user_done(struct block_request *request, int error)
{
    struct send *send = request->owner;

    assert_true(send->under_way);
    for (unsigned int i = 0; i < request->segment_count; i++)
        assert_false(is_shared((void *)(send->segments[i].machine & PAGE_MASK)));
    send->under_way = false;
    send->ended++;
    send->error = error;
    sends_under_way--;
}

static int user_copy(struct block_request *request, uint64_t offset, void *buffer, size_t bytes,
                     bool to_buffer)
{
    struct send *send = request->owner;
    uint64_t at = 0;

    for (unsigned int i = 0; bytes && i < request->segment_count; at += send->segments[i++].bytes) {
        uint64_t skip = offset > at ? offset - at : 0, piece;
        char *ours = (char *)send->segments[i].machine + skip;

        if (skip >= send->segments[i].bytes)
            continue;
        piece = send->segments[i].bytes - skip < bytes ? send->segments[i].bytes - skip : bytes;
        memcpy(to_buffer ? buffer : ours, to_buffer ? ours : buffer, piece);
        buffer = (char *)buffer + piece;
        bytes -= piece;
        offset += piece;
    }
    return bytes || send->no_copy ? -EIO : 0;
}

/* So many segments, each of `bytes` at an offset in a page of its own; what submit says. */
static int submit(struct send *send, enum block_operation operation, uint64_t sector,
                  unsigned int segments, uint32_t offset, uint32_t bytes)
{
    int error;

    if (!send->memory)
        send->memory = aligned_alloc(PAGE_SIZE, BLOCK_MAX_SEGMENTS * PAGE_SIZE);
    send->turn.come = user_turn;
    send->request = (struct block_request){ .operation = operation,
                                            .sector = sector,
                                            .sectors = bytes / 512,
                                            .segment_count = segments,
                                            .segments = send->segments,
                                            .copy = user_copy,
                                            .done = user_done,
                                            .owner = send };
    for (unsigned int i = 0; i < segments; i++)
        send->segments[i] =
            (struct block_segment){ .machine = (uint64_t)send->memory + i * PAGE_SIZE + offset,
                                    .bytes = bytes };
    error = block_device_submit(&remote->disk.block, &send->request, &send->turn);
    send->under_way = !error;
    sends_under_way += !error;
    block_device_kick(&remote->disk.block);
    return error;
}

/* The disk goes, with a backend that lets go of everything. */
static void world_end(void)
{
    let_go();
    disk_take_away();
    run(700); /* with a bad one, five seconds for it to finish */
    for (unsigned int i = 0; i < SENDS; i++)
        block_device_leave(&remote->disk.block, &sends[i].turn);
    assert_int_equal(sends_under_way, 0);
    assert_int_equal(grants_taken, 0);
    assert_int_equal(grants_open, 0);
    assert_int_equal(frames_taken, 0);
    assert_int_equal(ports_open, 0);
    assert_true(remote->state == REMOTE_CLOSED || remote->state == REMOTE_WAITING);
}

#endif
