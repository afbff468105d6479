/*
 * Queues: made when the backend is there, ended when it goes, and given back as it lets go.
 *
 * All references and pages of a queue are got when it is made, so the data path never lacks any.
 * Nothing of it is used for anything else before all of it is ours again: a backend that holds on
 * costs a queue's memory (some 2 MiB), and no more until the interface is made anew.
 */
#include "split-drivers/net/front/front.h"
#include "pv-kernel/event-ports.h"
#include "pv-kernel/frames.h"
#include "pv-kernel/own-grants.h"
#include <errno.h>
#include <stdlib.h>

static int ring_create(struct front *front, volatile void **ring, grant_ref_t *ref)
{
    void *page = frames_alloc(0);
    int error;

    if (!page)
        return -ENOMEM;
    error = grant_access_give(front->domid, frames_virt_to_mfn(page), false, ref);
    if (error)
        frames_free(page, 0);
    else
        *ring = page;
    return error;
}

static int rings_create(struct front_queue *queue)
{
    volatile void *ring;
    int error = ring_create(queue->front, &ring, &queue->tx_ref);

    if (error)
        return error;
    queue->tx = ring;
    error = ring_create(queue->front, &ring, &queue->rx_ref);
    if (!error)
        queue->rx = ring;
    return error;
}

/* A reference each for what is sent and what is received into; 0 is none. */
static int slots_create(struct front_queue *queue)
{
    int error = 0;

    for (unsigned int i = 0; i < FRONT_SLOTS && !error; i++) {
        queue->pages[i].page = frames_alloc(0);
        error = queue->pages[i].page ? grant_reference_take(&queue->pages[i].ref) : -ENOMEM;
        if (!error)
            error = grant_reference_take(&queue->sending[i].ref);
    }
    return error;
}

static int ports_create(struct front_queue *queue, bool split)
{
    domid_t domid = queue->front->domid;
    int error = event_port_alloc_unbound(DOMID_SELF, domid, &queue->tx_port);

    if (error)
        return error;
    queue->rx_port = queue->tx_port;
    return split ? event_port_alloc_unbound(DOMID_SELF, domid, &queue->rx_port) : 0;
}

int queue_create(struct front *front, bool split, struct front_queue **created)
{
    struct front_queue *queue = calloc(1, sizeof(*queue));
    int error;

    if (!queue)
        return -ENOMEM;
    queue->front = front;
    error = rings_create(queue);
    if (!error)
        error = slots_create(queue);
    if (!error)
        error = ports_create(queue, split);
    if (error) {
        queue_end(queue);
        return error;
    }
    transmit_start(queue);
    receive_start(queue);
    event_port_set_guest_handler(queue->tx_port, front_event, front);
    if (queue->rx_port != queue->tx_port)
        event_port_set_guest_handler(queue->rx_port, front_event, front);
    *created = queue;
    return 0;
}

static bool ring_free(volatile void *ring, grant_ref_t ref)
{
    if (ring && grant_access_end(ref))
        return false;
    if (ring)
        frames_free((void *)(uintptr_t)ring, 0);
    return true;
}

/* Each one's page and references, once the backend has nothing of them any more; the rings may go
 * later, and often do: the backend maps those, and has not heard yet that we close. */
static void slots_free(struct front_queue *queue)
{
    for (unsigned int i = 0; i < FRONT_SLOTS; i++) {
        if (queue->sending[i].ref)
            grant_reference_return(queue->sending[i].ref);
        if (queue->pages[i].ref)
            grant_reference_return(queue->pages[i].ref);
        if (queue->pages[i].page)
            frames_free(queue->pages[i].page, 0);
        queue->sending[i].ref = queue->pages[i].ref = 0;
        queue->pages[i].page = NULL;
    }
}

/* True: the backend has nothing of it any more, and it is gone. */
static bool queue_free(struct front_queue *queue)
{
    bool all = transmit_end(queue);

    all &= receive_end(queue);
    if (all)
        slots_free(queue);
    if (ring_free(queue->tx, queue->tx_ref))
        queue->tx = NULL;
    if (ring_free(queue->rx, queue->rx_ref))
        queue->rx = NULL;
    if (!all || queue->tx || queue->rx)
        return false;
    free(queue);
    return true;
}

void queue_end(struct front_queue *queue)
{
    struct front *front = queue->front;

    if (queue->rx_port && queue->rx_port != queue->tx_port)
        event_port_close(queue->rx_port);
    if (queue->tx_port)
        event_port_close(queue->tx_port);
    if (queue_free(queue))
        return;
    queue->next = front->ending;
    front->ending = queue;
    nic_work_watch(&front->work);
}

bool queues_ending(struct front *front)
{
    struct front_queue *list = front->ending;

    front->ending = NULL;
    while (list) {
        struct front_queue *queue = list;

        list = queue->next;
        if (queue_free(queue))
            continue;
        queue->next = front->ending;
        front->ending = queue;
    }
    return front->ending;
}

void queues_end(struct front *front)
{
    while (front->queue_count) {
        struct front_queue *queue = front->queues[--front->queue_count];

        front->queues[front->queue_count] = NULL;
        queue_end(queue);
    }
}
