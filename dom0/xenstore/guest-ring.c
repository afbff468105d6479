/*
 * Guests' rings, served fairly: each that rang gets a bounded number of messages, then the
 * next one, so a guest that floods its ring delays others by one turn.
 */
#include "xenstore/guest-ring.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "pv-kernel/event-ports.h"
#include "pv-kernel/foreign-frames.h"
#include "tasks/ready-queue.h"
#include "tasks/task.h"
#include "tasks/wait-queue.h"
#include "xenstore/connection.h"
#include "xenstore/domain.h"
#include "xenstore/ring-copy.h"

#define MESSAGES_A_TURN 16u

struct guest_ring {
    struct ready_entry rang;
    struct store_domain *domain;
    struct ring_ends ends;
    evtchn_port_t port;
    bool broken; /* the guest broke the protocol: not served any more */
};

static struct ready_queue rang = READY_QUEUE_INIT(rang);
static struct wait_queue work = WAIT_QUEUE_INIT;
static volatile bool check_wanted;

static void ring_ready(void *argument)
{
    struct guest_ring *ring = argument;

    ready_queue_add(&rang, &ring->rang);
    wait_queue_wake_one(&work);
}

static void on_event(evtchn_port_t port, void *argument)
{
    (void)port;
    ring_ready(argument);
}

void guest_rings_check(void)
{
    check_wanted = true;
    wait_queue_wake_one(&work);
}

int guest_ring_connect(struct store_domain *domain)
{
    struct guest_ring *ring = calloc(1, sizeof(*ring));
    void *page;

    if (!ring)
        return -ENOMEM;
    ring->domain = domain;
    int error = foreign_frames_map((domid_t)domain->domid, &domain->gfn, 1, true, &page);

    if (error) {
        free(ring);
        return error;
    }
    ring_ends_start(&ring->ends, page);
    ring->ends.page->server_features = XENSTORE_SERVER_FEATURE_RECONNECTION;
    error = event_port_bind_interdomain((domid_t)domain->domid, domain->port, &ring->port);
    if (error) {
        foreign_frames_unmap(page, 1);
        free(ring);
        return error;
    }
    domain->transport = ring;
    domain->connection->output_ready = ring_ready;
    domain->connection->output_argument = ring;
    event_port_set_guest_handler(ring->port, on_event, ring);
    ring_ready(ring);
    return 0;
}

void guest_ring_disconnect(struct store_domain *domain)
{
    struct guest_ring *ring = domain->transport;

    event_port_close(ring->port);
    ready_queue_remove(&rang, &ring->rang);
    domain->connection->output_ready = NULL;
    domain->transport = NULL;
    foreign_frames_unmap(ring->ends.page, 1);
    free(ring);
}

/* The guest asks for a fresh start (its kernel was replaced). */
static void ring_reconnect(struct guest_ring *ring)
{
    struct xenstore_domain_interface *page = ring->ends.page;

    connection_reset(ring->domain->connection);
    page->req_cons = page->req_prod = 0;
    page->rsp_cons = page->rsp_prod = 0;
    ring_ends_start(&ring->ends, page);
    __atomic_store_n(&page->connection, XENSTORE_CONNECTED, __ATOMIC_RELEASE);
}

static int ring_send(struct guest_ring *ring, bool *moved)
{
    const void *data;
    size_t size, put;

    while ((size = connection_output(ring->domain->connection, &data))) {
        int error = ring_put(&ring->ends, data, size, &put);

        if (error || !put)
            return error;
        connection_sent(ring->domain->connection, put);
        *moved = true;
    }
    return 0;
}

/* Takes what came; *more tells that the turn ended before the ring was empty. */
static int ring_receive(struct guest_ring *ring, bool *moved, bool *more)
{
    struct connection *connection = ring->domain->connection;

    for (unsigned int i = 0; i < 2 * MESSAGES_A_TURN; i++) { /* header and payload each */
        void *buffer;
        size_t wanted = connection_want(connection, &buffer), taken;

        if (!wanted)
            return 0;
        int error = ring_take(&ring->ends, buffer, wanted, &taken);

        if (error || !taken)
            return error;
        *moved = true;
        error = connection_filled(connection, taken);
        if (error)
            return error;
    }
    *more = true;
    return 0;
}

static void ring_serve(struct guest_ring *ring)
{
    bool moved = false, more = false;

    event_port_reopen(ring->port); /* what comes from here on rings again */
    if (__atomic_load_n(&ring->ends.page->connection, __ATOMIC_ACQUIRE) == XENSTORE_RECONNECT)
        ring_reconnect(ring);
    int error = ring_send(ring, &moved);

    if (!error)
        error = ring_receive(ring, &moved, &more);
    if (!error)
        error = ring_send(ring, &moved);
    if (error) {
        ring->broken = true;
        printf("xenstore: domain %u broke the protocol and is not served any more\n",
               (unsigned int)ring->domain->domid);
    }
    if (moved)
        event_port_notify(ring->port);
    if (more)
        ring_ready(ring);
}

void guest_rings_serve(bool (*check)(void *argument), void *argument)
{
    for (;;) {
        bool masked = events_mask_save();

        while (!check_wanted && !rang.first)
            wait_queue_wait(&work);
        events_mask_restore(masked);
        if (check_wanted) {
            check_wanted = false;
            if (check(argument))
                check_wanted = true;
        }
        struct guest_ring *ring = (struct guest_ring *)ready_queue_take(&rang);

        if (ring && !ring->broken)
            ring_serve(ring);
        task_yield();
    }
}
