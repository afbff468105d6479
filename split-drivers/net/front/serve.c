/*
 * Serve: an interface's task, and what its user calls.  The task is woken by the backend's events
 * and then works until there is nothing left to do, a bounded number of packets between two yields;
 * while the backend holds pages of queues that have ended it also looks after those.
 */
#include "split-drivers/net/front/front.h"
#include "pv-kernel/event-ports.h"
#include "tasks/task.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define BUDGET 64u /* packets of a queue between two yields */

void front_event(evtchn_port_t port, void *arg)
{
    struct front *front = arg;

    (void)port;
    nic_work_wake(&front->work);
}

void front_break(struct front *front, const char *why)
{
    if (!front->broken)
        front->broken = why;
    nic_work_wake(&front->work);
}

void front_set_link(struct front *front, bool link)
{
    struct net_device *net = &front->net;

    if (net->link == link)
        return;
    net->link = link;
    if (net->user)
        net->user->link_changed(net);
    nic_work_wake(&front->work); /* there is room, or submitting has another error */
}

/* What its users call. */

/* A flow's packets stay in one queue, so they stay in order: by addresses and ports. */
static struct front_queue *queue_for(struct front *front, const struct net_transmit *transmit)
{
    const uint8_t *header = transmit->header;
    uint32_t words[4], mixed = 0;

    if (front->queue_count == 1 || !header || transmit->buffers[0].bytes < 22 + sizeof(words))
        return front->queues[0];
    memcpy(words, header + 22, sizeof(words));
    for (unsigned int i = 0; i < 4; i++)
        mixed = (mixed ^ words[i]) * 0x9e3779b1u;
    return front->queues[(mixed >> 16) % front->queue_count];
}

static int submit(struct net_device *net, struct net_transmit *transmit)
{
    struct front *front = net->driver_state;
    int error;

    if (front->state != FRONT_CONNECTED || front->broken)
        return -EIO; /* as with a cable that is pulled */
    error = transmit_submit(queue_for(front, transmit), transmit);
    if (error == -EAGAIN)
        front->room_wanted = true;
    return error;
}

static void kick(struct net_device *net)
{
    struct front *front = net->driver_state;

    if (front->state != FRONT_CONNECTED || front->broken)
        return;
    for (unsigned int i = 0; i < front->queue_count; i++)
        transmit_push(front->queues[i]);
}

static int filter(struct net_device *net, const struct net_filter *wanted)
{
    (void)net;
    (void)wanted;
    return -EOPNOTSUPP;
}

/* It receives since the backend is there; pages hold packets of any MTU. */
static int open(struct net_device *net, unsigned int mtu)
{
    (void)net;
    (void)mtu;
    return 0;
}

const struct net_driver front_driver = {
    .open = open, .submit = submit, .kick = kick, .filter = filter
};

/* Its task. */

static bool is_exchanging(const struct front *front)
{
    return (front->state == FRONT_CONNECTED || front->state == FRONT_CONNECTING) && !front->broken;
}

static void room_tell(struct front *front)
{
    if (!front->room_wanted || !front->net.user)
        return;
    front->room_wanted = false;
    front->net.user->room(&front->net);
}

/* One turn of all queues; true: something moved. */
static bool queues_turn(struct front *front)
{
    bool moved = false;

    for (unsigned int i = 0; i < front->queue_count && !front->broken; i++) {
        moved |= transmit_take(front->queues[i]);
        if (!front->broken)
            moved |= receive_take(front->queues[i], BUDGET) != 0;
    }
    return moved;
}

/* Lets events in again; true: something came before that. */
static bool queues_more(struct front *front)
{
    bool more = false;

    for (unsigned int i = 0; i < front->queue_count; i++) {
        event_port_reopen(front->queues[i]->tx_port);
        if (front->queues[i]->rx_port != front->queues[i]->tx_port)
            event_port_reopen(front->queues[i]->rx_port);
        more |= transmit_more(front->queues[i]);
        more |= receive_more(front->queues[i]);
    }
    return more;
}

static void queues_serve(struct front *front)
{
    do {
        while (is_exchanging(front) && queues_turn(front)) {
            room_tell(front);
            task_yield(); /* the queues may be others after it */
        }
        task_yield(); /* a backend that only seems to have more must not keep the others out */
    } while (is_exchanging(front) && queues_more(front));
}

static void broken_end(struct front *front)
{
    printf("%s: the backend cannot be trusted: %s: stopped\n", front->net.name, front->broken);
    front->state = FRONT_BROKEN;
    queues_end(front);
    front_set_link(front, false);
}

static void front_task(void *arg)
{
    struct front *front = arg;

    for (;;) {
        bool look = nic_work_wait(&front->work);

        queues_serve(front);
        if (front->broken && front->state != FRONT_BROKEN)
            broken_end(front);
        room_tell(front);
        if (look && !queues_ending(front))
            nic_work_rest(&front->work);
    }
}

int front_serve_start(struct front *front)
{
    return task_spawn(front->net.name, front_task, front, 0) ? 0 : -ENOMEM;
}
