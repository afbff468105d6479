/*
 * A disk by hand: its rings and its conversation, for guests that mean to get one of them wrong, or
 * that end in the middle.  One to four queues, with rings of one to four pages.
 */
#ifndef HOSTILE_RAW_VBD_H
#define HOSTILE_RAW_VBD_H

#include "hypercall-abi/guest-stubs.h"
#include "hypercall-abi/rings/block.h"
#include "hypercall-abi/rings/ring.h"
#include "hypercall-abi/rings/xenbus.h"
#include "hypercall-abi/sched.h"
#include "pv-kernel/clock.h"
#include "pv-kernel/own-grants.h"
#include "tests/hostile/own-store.h"

#define QUEUES      4u
#define ORDERS      3u
#define RING_PAGES  4u
#define SLOTS_MAX   128u
#define SLOT_WORDS  28u
#define PATIENCE_NS 60000000000ULL /* while nothing at all is answered */

union raw_slot {
    struct blkif_request request;
    struct blkif_request_discard discard;
    struct blkif_request_indirect indirect;
    struct blkif_response response;
    uint32_t words[SLOT_WORDS];
};
struct raw_ring {
    struct ring_header header;
    union raw_slot slots[];
};

struct queue {
    volatile struct raw_ring *ring;
    void *pages[RING_PAGES]; /* all used by the ring lie behind each other */
    grant_ref_t refs[RING_PAGES];
    evtchn_port_t port;
    uint32_t produced, taken;
    bool asked[SLOTS_MAX]; /* by the request's number */
};

static struct queue queues[QUEUES];
static unsigned int queue_count = 1, slots = 32, order;
static char front[] = "device/vbd/51712", back[100];
static uint64_t sectors;
static unsigned long cases, errors, bad;

static inline void complain(const char *what, uint64_t value)
{
    if (bad++ < 10)
        kprintf("bad: %s (%lx, case %lu)\n", what, value, cases);
}

/* The store. */

static inline void say(const char *node, const char *value)
{
    char path[80];

    ksnprintf(path, sizeof(path), "%s/%s", front, node);
    store_write(0, path, value, 0);
}

static inline void say_number(const char *node, uint32_t value)
{
    char text[16];

    ksnprintf(text, sizeof(text), "%u", value);
    say(node, text);
}

static inline uint32_t back_state(void)
{
    char path[120];

    ksnprintf(path, sizeof(path), "%s/state", back);
    return store_read(0, path) ? number(answer) : XENBUS_UNKNOWN;
}

/* Changes with every answer on any of our rings. */
static inline uint32_t answered(void)
{
    uint32_t sum = 0;

    for (unsigned int i = 0; i < QUEUES; i++)
        sum += queues[i].ring->header.rsp_prod;
    return sum;
}

/* For what a slow disk may keep waiting: patience ends when nothing was answered for so long. */
struct patience {
    uint64_t until;
    uint32_t answered;
};

static inline bool is_patient(struct patience *patience)
{
    uint64_t now = clock_monotonic_ns();
    uint32_t sum = answered();

    if (!patience->until || sum != patience->answered)
        *patience = (struct patience){ now + PATIENCE_NS, sum };
    return now < patience->until;
}

static inline bool wait_state(uint32_t wanted, uint32_t or_wanted)
{
    struct patience patience = { 0 };

    while (is_patient(&patience)) {
        uint32_t state = back_state();

        if (state == wanted || state == or_wanted)
            return true;
        hypercall_sched_op(SCHEDOP_yield, 0);
    }
    return false;
}

/* Connecting. */

static inline void ring_clear(struct queue *queue)
{
    memset((void *)(uintptr_t)queue->ring, 0, RING_PAGES * PAGE_SIZE);
    queue->ring->header.req_event = queue->ring->header.rsp_event = 1;
    queue->produced = queue->taken = 0;
    memset(queue->asked, 0, sizeof(queue->asked));
}

static inline void queue_nodes(unsigned int number, const char *prefix)
{
    struct queue *queue = &queues[number];
    char node[40];

    for (unsigned int i = 0; i < 1u << order; i++) {
        if (order)
            ksnprintf(node, sizeof(node), "%sring-ref%u", prefix, i);
        else
            ksnprintf(node, sizeof(node), "%sring-ref", prefix);
        say_number(node, queue->refs[i]);
    }
    ksnprintf(node, sizeof(node), "%sevent-channel", prefix);
    say_number(node, queue->port);
}

static inline void nodes_write(void)
{
    char prefix[16];

    say_number("ring-page-order", order);
    say_number("multi-queue-num-queues", queue_count);
    say("protocol", "x86_64-abi");
    for (unsigned int i = 0; i < queue_count; i++) {
        ksnprintf(prefix, sizeof(prefix), "queue-%u/", i);
        queue_nodes(i, queue_count == 1 ? "" : prefix);
    }
}

/* With so many queues and rings of so many pages, from a backend that has left. */
static inline bool raw_connect(unsigned int queues_wanted, unsigned int order_wanted)
{
    queue_count = queues_wanted;
    order = order_wanted;
    slots = 32u << order;
    for (unsigned int i = 0; i < queue_count; i++)
        ring_clear(&queues[i]);
    say_number("state", XENBUS_INITIALISING);
    if (!wait_state(XENBUS_INIT_WAIT, XENBUS_INIT_WAIT))
        return false;
    nodes_write();
    say_number("state", XENBUS_INITIALISED);
    if (!wait_state(XENBUS_CONNECTED, XENBUS_CONNECTED))
        return false;
    say_number("state", XENBUS_CONNECTED);
    return true;
}

/*
 * The backend has no ring of ours any more.  It may still be at something we said before, so that
 * its state alone says nothing; but what it closes after it was seen closing is closed.
 */
static inline bool raw_leave(void)
{
    do { /* once more if it had only come to wait for us */
        say_number("state", XENBUS_CLOSING);
        if (!wait_state(XENBUS_CLOSING, XENBUS_CLOSING))
            return false;
        say_number("state", XENBUS_CLOSED);
        if (!wait_state(XENBUS_CLOSED, XENBUS_INIT_WAIT))
            return false;
    } while (number(answer) == XENBUS_INIT_WAIT);
    return true;
}

static inline void queues_make(void)
{
    for (unsigned int q = 0; q < QUEUES; q++) {
        char *pages = frames_alloc(2);

        queues[q].ring = (volatile struct raw_ring *)pages;
        event_port_alloc_unbound(DOMID_SELF, 0, &queues[q].port);
        event_port_set_handler(queues[q].port, ignore, NULL);
        for (unsigned int i = 0; i < RING_PAGES; i++) {
            queues[q].pages[i] = pages + i * PAGE_SIZE;
            grant_access_give(0, frames_virt_to_mfn(pages + i * PAGE_SIZE), false,
                              &queues[q].refs[i]);
        }
    }
}

static inline void raw_open(unsigned int queues_wanted, unsigned int order_wanted)
{
    char path[120];

    store_start();
    queues_make();
    ksnprintf(path, sizeof(path), "%s/backend", front);
    store_read(0, path);
    ksnprintf(back, sizeof(back), "%s", answer);
    if (!wait_state(XENBUS_INIT_WAIT, XENBUS_INIT_WAIT) ||
        !raw_connect(queues_wanted, order_wanted))
        complain("it cannot be connected", back_state());
    ksnprintf(path, sizeof(path), "%s/sectors", back);
    store_read(0, path);
    sectors = number(answer);
}

/* Requests. */

/* A number that no request has: answers come in any order. */
static inline uint32_t number_free(const struct queue *queue)
{
    uint32_t id = 0;

    while (queue->asked[id])
        id++;
    return id;
}

static inline uint32_t raw_room(const struct queue *queue)
{
    return slots - (queue->produced - queue->taken);
}

/* There is room; all but its number is as it was. */
static inline volatile union raw_slot *slot_next(struct queue *queue)
{
    volatile union raw_slot *slot = &queue->ring->slots[queue->produced++ % slots];
    uint32_t id = number_free(queue);

    slot->request.id = id; /* at the same place in all kinds of requests */
    queue->asked[id] = true;
    return slot;
}

static inline void push(struct queue *queue)
{
    __sync_synchronize(); /* slots before the index; partner: the backend's load order */
    queue->ring->header.req_prod = queue->produced;
    event_port_notify(queue->port);
}

static inline void answers_take(struct queue *queue)
{
    for (; queue->taken != queue->ring->header.rsp_prod; queue->taken++) {
        volatile struct blkif_response *response =
            &queue->ring->slots[queue->taken % slots].response;
        uint64_t id = response->id;

        if (queue->taken == queue->produced) {
            complain("more answers than requests", queue->ring->header.rsp_prod);
            return;
        }
        if (id >= slots || !queue->asked[id])
            complain("an answer for another request", id);
        else
            queue->asked[id] = false;
        if (response->status > 0 || response->status < BLKIF_RSP_EOPNOTSUPP)
            complain("no such status", (uint16_t)response->status);
        errors += response->status < 0;
    }
}

/* All that was asked is answered. */
static inline void answers_wait(struct queue *queue)
{
    struct patience patience = { 0 };

    queue->ring->header.rsp_event = queue->produced;
    while (queue->taken != queue->produced && !bad) {
        answers_take(queue);
        if (!is_patient(&patience))
            complain("no answer", queue->produced - queue->taken);
        hypercall_sched_op(SCHEDOP_yield, 0);
    }
}

#endif
