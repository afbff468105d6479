/*
 * Serve: the task of one connected vbd, for all its queues.  It is woken by the frontend's events,
 * by the disk's completions and by the order to stop, and then works until there is nothing left to
 * do.
 */
#include "split-drivers/block/back/vbd.h"
#include "pv-kernel/event-ports.h"
#include "tasks/task.h"
#include <errno.h>
#include <stddef.h>
#include <stdio.h>

void vbd_wake(struct vbd *vbd)
{
    vbd->work_pending = true;
    wait_queue_wake_all(&vbd->work);
}

static void frontend_event(evtchn_port_t port, void *arg)
{
    (void)port;
    vbd_wake(arg);
}

static void append_mapped(struct vbd_queue *queue, struct vbd_request *list)
{
    *queue->mapped_last = list;
    while (*queue->mapped_last)
        queue->mapped_last = &(*queue->mapped_last)->next;
}

/* Answers, takes, maps.  True if anything moved. */
static bool queue_round(struct vbd_queue *queue)
{
    bool moved = complete_answer(queue);
    struct vbd_request *list;

    if (queue->vbd->backend.state != BACKEND_CONNECTED || queue->broken)
        return moved;
    list = intake_take(queue);
    if (!list)
        return moved;
    append_mapped(queue, map_segments(queue, list));
    return true;
}

/* One round of all queues.  Where the disk has no room any more the next round begins with the
 * queue behind that one. */
static bool serve_round(struct vbd *vbd)
{
    unsigned int first = vbd->first_queue;
    bool moved = false, room = true;

    for (unsigned int i = 0; i < vbd->queue_count; i++) {
        if (i && moved)
            task_yield(); /* a full ring is as much as others should wait for */
        moved |= queue_round(&vbd->queues[i]);
    }
    for (unsigned int i = 0; i < vbd->queue_count && room; i++) {
        unsigned int number = (first + i) % vbd->queue_count;

        room = execute_submit(&vbd->queues[number]);
        if (!room)
            vbd->first_queue = (number + 1) % vbd->queue_count;
    }
    block_device_kick(vbd->device);
    for (unsigned int i = 0; i < vbd->queue_count; i++)
        moved |= vbd->queues[i].done_first != NULL;
    return moved;
}

static bool finished(const struct vbd *vbd)
{
    if (vbd->backend.state != BACKEND_STOPPING)
        return false;
    for (unsigned int i = 0; i < vbd->queue_count; i++) {
        const struct vbd_queue *queue = &vbd->queues[i];

        if (queue->in_flight || queue->mapped_first || queue->done_first)
            return false;
    }
    return true;
}

static bool has_more(struct vbd *vbd)
{
    bool more = false;

    if (vbd->backend.state != BACKEND_CONNECTED)
        return false;
    for (unsigned int i = 0; i < vbd->queue_count; i++)
        more |= intake_more(&vbd->queues[i]); /* all: each is to call us */
    return more;
}

static void wait_for_work(struct vbd *vbd)
{
    bool was = events_mask_save();

    while (!vbd->work_pending)
        wait_queue_wait(&vbd->work);
    events_mask_restore(was);
}

static void report_broken(struct vbd *vbd)
{
    for (unsigned int i = 0; i < vbd->queue_count && !vbd->reported; i++) {
        if (!vbd->queues[i].broken)
            continue;
        vbd->reported = true;
        backend_report(&vbd->backend, "impossible ring index, not served any more");
    }
}

/* What comes from here on wakes again. */
static void ports_reopen(struct vbd *vbd)
{
    for (unsigned int i = 0; i < vbd->queue_count; i++)
        if (!vbd->queues[i].broken)
            event_port_reopen(vbd->queues[i].port);
}

static void serve(void *arg)
{
    struct vbd *vbd = arg;

    while (!finished(vbd)) {
        if (serve_round(vbd)) {
            task_yield(); /* a frontend that never pauses must not keep the others out */
            continue;
        }
        report_broken(vbd);
        /* Events come as fast as the guest likes, and each may end a wait before it begins. */
        if (vbd->work_pending || has_more(vbd))
            task_yield();
        else if (!finished(vbd))
            wait_for_work(vbd);
        vbd->work_pending = false;
        ports_reopen(vbd);
    }
    block_device_leave(vbd->device, &vbd->turn);
    vbd_ended(vbd);
}

static void our_turn(struct turn *turn)
{
    vbd_wake((struct vbd *)((char *)turn - offsetof(struct vbd, turn)));
}

static void queue_ready(struct vbd_queue *queue)
{
    for (unsigned int i = 0; i < queue->slots; i++) {
        queue->requests[i].queue = queue;
        queue->requests[i].next = queue->free_requests;
        queue->free_requests = &queue->requests[i];
    }
    queue->mapped_last = &queue->mapped_first;
    queue->done_last = &queue->done_first;
}

int vbd_serve_start(struct vbd *vbd)
{
    char name[32];

    vbd->turn = (struct turn){ .come = our_turn };
    vbd->first_queue = 0;
    vbd->reported = false;
    vbd->work_pending = true;
    for (unsigned int i = 0; i < vbd->queue_count; i++)
        queue_ready(&vbd->queues[i]);
    snprintf(name, sizeof(name), "vbd-%u-%u", (unsigned int)vbd->backend.domid,
             (unsigned int)vbd->backend.device_id);
    if (!task_spawn(name, serve, vbd, 0))
        return -ENOMEM;
    for (unsigned int i = 0; i < vbd->queue_count; i++)
        event_port_set_guest_handler(vbd->queues[i].port, frontend_event, vbd);
    return 0;
}

void vbd_serve_stop(struct vbd *vbd)
{
    vbd_wake(vbd);
}
