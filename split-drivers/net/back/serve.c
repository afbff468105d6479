/*
 * Serve: the task of one connected vif.  It is woken by the frontend's events, by its turn at a
 * port, by the rate's clock and by the order to stop, and then works until there is nothing left to
 * do.  What it does in one go is bounded, and after it the others have the CPU.
 */
#include "split-drivers/net/back/vif.h"
#include "pv-kernel/clock.h"
#include "pv-kernel/event-ports.h"
#include "tasks/task.h"
#include <errno.h>
#include <stddef.h>
#include <stdio.h>

#define LOOK_NS 1000000000ULL /* while packets are kept, or others have their turn */

void vif_wake(struct vif *vif)
{
    vif->work_pending = true;
    wait_queue_wake_all(&vif->work);
}

static void frontend_event(evtchn_port_t port, void *arg)
{
    (void)port;
    vif_wake(arg);
}

/* Who may not send yet need not be looked at, however many events he sends. */
static bool may_transmit(const struct vif_queue *queue)
{
    return !queue->refused && !queue->vif->wake_at;
}

static void ask_again(struct vif *vif)
{
    for (unsigned int i = 0; i < vif->queue_count; i++)
        vif->queues[i].refused = false;
}

/* The end of a round: its place in the line and its turn.  True: there is another round. */
static bool turn_settle(struct vif *vif, bool moved, bool refused)
{
    if (vif->called) { /* by somebody's end of a packet, in the middle of the round */
        ask_again(vif);
        return true;
    }
    if (refused && (vif->turn.waits || !moved))
        return moved;
    if (refused)
        ask_again(vif); /* another of its queues took its place in the line: nobody will call it */
    /* It may have been called, and others wait behind it: who is about to sleep keeps no turn. */
    if (moved)
        turn_pause(&vif->turn);
    else
        turn_give_up(&vif->turn);
    return moved;
}

static bool serve_round(struct vif *vif)
{
    bool moved = false, refused = false;

    vif->called = false;
    if (vif->wake_at && clock_monotonic_ns() >= vif->wake_at)
        vif->wake_at = 0;
    for (unsigned int i = 0; i < vif->queue_count && !vif->broken; i++) {
        moved |= receive_kept(&vif->queues[i]);
        if (may_transmit(&vif->queues[i]))
            moved |= transmit_round(&vif->queues[i]);
        refused |= vif->queues[i].refused;
    }
    return turn_settle(vif, moved, refused);
}

static bool is_more(struct vif *vif)
{
    bool more = false;

    for (unsigned int i = 0; i < vif->queue_count && !vif->broken; i++) {
        if (may_transmit(&vif->queues[i]))
            more |= transmit_more(&vif->queues[i]);
        more |= receive_more(&vif->queues[i]);
    }
    return more;
}

/* Until when there is nothing to do; UINT64_MAX: for ever. */
static uint64_t next_look(const struct vif *vif)
{
    uint64_t at = vif->wake_at ? vif->wake_at : UINT64_MAX;

    for (unsigned int i = 0; i < vif->queue_count; i++)
        if ((vif->queues[i].stash_first || vif->queues[i].refused) &&
            at > clock_monotonic_ns() + LOOK_NS)
            at = clock_monotonic_ns() + LOOK_NS;
    return at;
}

static void events_open(struct vif *vif)
{
    for (unsigned int i = 0; i < vif->queue_count && !vif->broken; i++) {
        event_port_reopen(vif->queues[i].tx_port);
        if (vif->queues[i].rx_port != vif->queues[i].tx_port)
            event_port_reopen(vif->queues[i].rx_port);
    }
}

static void wait_for_work(struct vif *vif)
{
    uint64_t until = next_look(vif);
    bool was = events_mask_save();

    while (!vif->work_pending) {
        if (until == UINT64_MAX)
            wait_queue_wait(&vif->work);
        else if (wait_queue_wait_until(&vif->work, until)) {
            ask_again(vif);
            break;
        }
    }
    events_mask_restore(was);
}

static void broken_report(struct vif *vif)
{
    backend_report(&vif->backend, vif->broken);
    for (unsigned int i = 0; i < vif->queue_count; i++)
        receive_stop(&vif->queues[i]); /* nothing is kept for it any more */
}

static void serve(void *arg)
{
    struct vif *vif = arg;
    bool reported = false;

    while (vif->backend.state != BACKEND_STOPPING) {
        if (serve_round(vif)) {
            task_yield(); /* a frontend that never pauses must not keep the others out */
            continue;
        }
        if (vif->broken && !reported) {
            reported = true;
            broken_report(vif);
        }
        /* Events come as fast as the guest likes, and each may end a wait before it begins. */
        if (is_more(vif) || vif->work_pending)
            task_yield();
        else
            wait_for_work(vif);
        vif->work_pending = false;
        events_open(vif); /* what comes from here on wakes again */
    }
    for (unsigned int i = 0; i < vif->queue_count; i++)
        receive_stop(&vif->queues[i]);
    turn_give_up(&vif->turn);
    vif_ended(vif);
}

static void our_turn(struct turn *turn)
{
    struct vif *vif = (struct vif *)((char *)turn - offsetof(struct vif, turn));

    ask_again(vif);
    vif->called = true;
    vif_wake(vif);
}

int vif_serve_start(struct vif *vif)
{
    char name[32];

    vif->turn = (struct turn){ .come = our_turn };
    vif->broken = NULL;
    vif->work_pending = true;
    for (unsigned int i = 0; i < vif->queue_count; i++)
        receive_start(&vif->queues[i]);
    snprintf(name, sizeof(name), "vif-%u-%u", (unsigned int)vif->backend.domid,
             (unsigned int)vif->backend.device_id);
    if (!task_spawn(name, serve, vif, 0))
        return -ENOMEM;
    for (unsigned int i = 0; i < vif->queue_count; i++) {
        event_port_set_guest_handler(vif->queues[i].tx_port, frontend_event, vif);
        if (vif->queues[i].rx_port != vif->queues[i].tx_port)
            event_port_set_guest_handler(vif->queues[i].rx_port, frontend_event, vif);
    }
    return 0;
}

void vif_serve_stop(struct vif *vif)
{
    vif_wake(vif);
}
