/*
 * Serve: the task of one connected vbd.  It is woken by the frontend's event, by the disk's
 * completions and by the order to stop, and then works until there is nothing left to do.
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

static void append_mapped(struct vbd *vbd, struct vbd_request *list)
{
    *vbd->mapped_last = list;
    while (*vbd->mapped_last)
        vbd->mapped_last = &(*vbd->mapped_last)->next;
}

/* One round: answer, take, map, submit.  True if anything moved. */
static bool serve_round(struct vbd *vbd)
{
    bool moved = complete_answer(vbd);

    if (vbd->backend.state == BACKEND_CONNECTED && !vbd->broken) {
        struct vbd_request *list = intake_take(vbd);

        if (list) {
            append_mapped(vbd, map_segments(vbd, list));
            moved = true;
        }
    }
    execute_submit(vbd);
    return moved || vbd->done_first;
}

static bool finished(const struct vbd *vbd)
{
    return vbd->backend.state == BACKEND_STOPPING && !vbd->in_flight && !vbd->mapped_first &&
           !vbd->done_first;
}

static void wait_for_work(struct vbd *vbd)
{
    bool was = events_mask_save();

    while (!vbd->work_pending)
        wait_queue_wait(&vbd->work);
    events_mask_restore(was);
}

static void serve(void *arg)
{
    struct vbd *vbd = arg;
    bool reported = false;

    while (!finished(vbd)) {
        if (serve_round(vbd)) {
            task_yield(); /* a frontend that never pauses must not keep the others out */
            continue;
        }
        if (vbd->broken && !reported) {
            reported = true;
            backend_report(&vbd->backend, "impossible ring index, not served any more");
        }
        /* Events come as fast as the guest likes, and each may end a wait before it begins. */
        if (vbd->work_pending || (vbd->backend.state == BACKEND_CONNECTED && intake_more(vbd)))
            task_yield();
        else if (!finished(vbd))
            wait_for_work(vbd);
        vbd->work_pending = false;
        if (!vbd->broken)
            event_port_reopen(vbd->port); /* what comes from here on wakes again */
    }
    block_device_leave(vbd->device, &vbd->turn);
    vbd_ended(vbd);
}

static void our_turn(struct turn *turn)
{
    vbd_wake((struct vbd *)((char *)turn - offsetof(struct vbd, turn)));
}

int vbd_serve_start(struct vbd *vbd)
{
    char name[32];

    vbd->request_consumed = vbd->response_produced = 0;
    vbd->free_requests = NULL;
    for (unsigned int i = 0; i < VBD_SLOTS; i++) {
        vbd->requests[i].vbd = vbd;
        vbd->requests[i].next = vbd->free_requests;
        vbd->free_requests = &vbd->requests[i];
    }
    vbd->mapped_first = NULL;
    vbd->mapped_last = &vbd->mapped_first;
    vbd->done_first = NULL;
    vbd->done_last = &vbd->done_first;
    vbd->in_flight = 0;
    vbd->turn = (struct turn){ .come = our_turn };
    vbd->broken = false;
    vbd->work_pending = true;
    snprintf(name, sizeof(name), "vbd-%u-%u", (unsigned int)vbd->backend.domid,
             (unsigned int)vbd->backend.device_id);
    if (!task_spawn(name, serve, vbd, 0))
        return -ENOMEM;
    event_port_set_guest_handler(vbd->port, frontend_event, vbd);
    return 0;
}

void vbd_serve_stop(struct vbd *vbd)
{
    vbd_wake(vbd);
}
