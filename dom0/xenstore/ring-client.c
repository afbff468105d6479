/*
 * A guest's client: its connection to the store is the ring page and the event channel that its
 * start_info names.  There is one, so one client at a time.
 *
 * Whoever serves the store may be wrong, or worse: indices, lengths and the form of events are
 * checked here, where they come in.  One that cannot be ends the connection: -EIO from then on.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "pv-kernel/clock.h"
#include "pv-kernel/event-ports.h"
#include "pv-kernel/frames.h"
#include "pv-kernel/kernel.h"
#include "tasks/wait-queue.h"
#include "xenstore/client.h"
#include "xenstore/ring-copy.h"
#include "xenstore/transport.h"

struct ring_client {
    struct ring_ends ends;
    evtchn_port_t port;
    struct wait_queue moved;
    volatile bool rang;
    bool used;   /* it has a client */
    bool broken; /* the other end did what cannot be */
    /* What has come of a message. */
    struct xsd_sockmsg header;
    size_t have; /* bytes of the header and of the payload */
};

static struct ring_client client;

static void on_event(evtchn_port_t port, void *argument)
{
    struct ring_client *ring = argument;

    (void)port;
    ring->rang = true;
    wait_queue_wake_all(&ring->moved);
}

static int broke(struct ring_client *ring, const char *why)
{
    if (!ring->broken)
        printf("xenstore: %s: not asked any more\n", why);
    ring->broken = true;
    return -EIO;
}

/* Sleeps until the other end has moved something since the last look; deadline 0: for ever. */
static int ring_wait(struct ring_client *ring, uint64_t deadline)
{
    bool was = events_mask_save();
    int error = 0;

    while (!ring->rang && !error) {
        if (!deadline)
            wait_queue_wait(&ring->moved);
        else
            error = wait_queue_wait_until(&ring->moved, deadline) ? -ETIMEDOUT : 0;
    }
    if (ring->rang)
        error = 0;
    ring->rang = false;
    events_mask_restore(was);
    event_port_reopen(ring->port);
    return error;
}

static int client_send(void *transport, const void *message, size_t size)
{
    struct ring_client *ring = transport;
    const char *from = message;

    while (size && !ring->broken) {
        size_t put;

        if (ring_put(&ring->ends, from, size, &put))
            return broke(ring, "an impossible index of requests");
        from += put;
        size -= put;
        if (put)
            event_port_notify(ring->port);
        else
            ring_wait(ring, 0);
    }
    return ring->broken ? -EIO : 0;
}

/* Takes what is there of the next message; *whole: all of it. */
static int message_take(struct ring_client *ring, char *payload, bool *whole)
{
    size_t taken = 0, from = ring->have;
    int error = 0;

    if (ring->have < sizeof(ring->header)) {
        error = ring_take(&ring->ends, (char *)&ring->header + ring->have,
                          sizeof(ring->header) - ring->have, &taken);
        ring->have += taken;
    }
    if (error)
        return broke(ring, "an impossible index of answers");
    *whole = false;
    if (ring->have >= sizeof(ring->header)) {
        size_t there = ring->have - sizeof(ring->header);

        if (ring->header.len > XENSTORE_PAYLOAD_MAX)
            return broke(ring, "an answer that is too long");
        if (ring_take(&ring->ends, payload + there, ring->header.len - there, &taken))
            return broke(ring, "an impossible index of answers");
        ring->have += taken;
        *whole = ring->have == sizeof(ring->header) + ring->header.len;
    }
    if (ring->have != from)
        event_port_notify(ring->port); /* there is room again */
    return 0;
}

/* Two strings that end: a path and a token. */
static bool is_event(const char *payload, size_t length)
{
    const char *path_end = memchr(payload, 0, length);

    return path_end && path_end + 1 < payload + length && !payload[length - 1];
}

static int client_receive(void *transport, struct xsd_sockmsg *header, char *payload,
                          int64_t timeout_ns)
{
    struct ring_client *ring = transport;
    uint64_t deadline = timeout_ns < 0 ? 0 : clock_monotonic_ns() + (uint64_t)timeout_ns;

    for (;;) {
        bool whole;
        int error = ring->broken ? -EIO : message_take(ring, payload, &whole);

        if (!error && whole)
            break;
        if (!error)
            error = ring_wait(ring, deadline);
        /* half a message is in `payload`, which is the caller's: it is not left there */
        if (error == -ETIMEDOUT && ring->have)
            error = 0, deadline = 0;
        if (error)
            return error;
    }
    *header = ring->header;
    ring->have = 0;
    if (header->type == XS_WATCH_EVENT && !is_event(payload, header->len))
        return broke(ring, "an event that is none");
    return 0;
}

static void client_close(void *transport)
{
    struct ring_client *ring = transport;

    ring->used = false;
}

static const struct xs_transport ring_transport = { .send = client_send,
                                                    .receive = client_receive,
                                                    .close = client_close };

/* The builder mapped the page with the rest of our memory. */
static void *store_page(void)
{
    for (uint64_t pfn = 0; start_info->store_mfn && pfn < start_info->nr_pages; pfn++)
        if (frames_pfn_to_mfn(pfn) == start_info->store_mfn)
            return (void *)(pfn << PAGE_SHIFT);
    return NULL;
}

struct xs_client *xs_open(void)
{
    struct xenstore_domain_interface *page = client.used ? NULL : store_page();

    if (!page || client.broken)
        return NULL;
    client.used = true;
    client.have = 0;
    client.port = start_info->store_evtchn;
    ring_ends_start_guest(&client.ends, page);
    event_port_set_guest_handler(client.port, on_event, &client);
    return xs_client_create(&ring_transport, &client);
}
