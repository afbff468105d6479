/*
 * Serve: what the disk's controller (devices/disk.h) is here: its task takes answers, and when the
 * backend goes, or cannot be trusted, takes back all that was shared, and waits for another.
 */
#include "split-drivers/block/front/remote.h"
#include "pv-kernel/clock.h"
#include "tasks/task.h"
#include <errno.h>
#include <stdio.h>

#define FINISH_NS    5000000000ULL /* how long a backend that goes may take to answer the rest */
#define LET_GO_NS    10000000ULL
#define LET_GO_MOST  1000000000ULL
#define FINISH_STEPS 10000000ULL

void remote_event(evtchn_port_t port, void *arg)
{
    struct remote *remote = arg;

    (void)port;
    disk_controller_wake(&remote->controller);
}

void remote_leave(struct remote *remote)
{
    if (remote->state != REMOTE_CONNECTING && remote->state != REMOTE_CONNECTED)
        return;
    remote->state = REMOTE_LEAVING;
    disk_controller_look_now(&remote->controller);
    wait_queue_wake_all(&remote->changed);
}

void remote_break(struct remote *remote, const char *why)
{
    if (!remote->broken)
        remote->broken = why;
    remote_leave(remote);
}

static void kick(struct disk_controller *controller)
{
    issue_push(controller->state);
}

static void take(struct disk_controller *controller)
{
    struct remote *remote = controller->state;

    if (remote->state == REMOTE_CONNECTED)
        answers_take(remote);
}

static int look(struct disk_controller *controller)
{
    const struct remote *remote = controller->state;

    return remote->state == REMOTE_LEAVING ? -EAGAIN : 0;
}

static bool has_finished(const struct remote *remote)
{
    return remote->theirs != XENBUS_CONNECTED && remote->theirs != XENBUS_CLOSING;
}

/* A backend that goes in order answers all it has before it says that it has closed. */
static void rest_take(struct remote *remote)
{
    uint64_t end = clock_monotonic_ns() + FINISH_NS;
    bool finished;

    do {
        finished = has_finished(remote) || clock_monotonic_ns() >= end;
        if (!remote->broken)
            answers_take(remote);
        if (!finished && !remote->broken)
            wait_queue_wait_until(&remote->changed, clock_monotonic_ns() + FINISH_STEPS);
    } while (!finished && !remote->broken);
}

/* Sleeps until nothing is shared any more, which a backend may let us wait for. */
static void leave_finish(struct remote *remote)
{
    uint64_t pause = LET_GO_NS;

    if (remote->broken && remote->complaints++ < REMOTE_COMPLAINTS_MAX)
        printf("%s: the backend cannot be trusted: %s: stopped\n", remote->disk.block.name,
               remote->broken);
    remote->refused |= remote->broken != NULL;
    remote->tell = true;
    link_mute(remote);
    if (remote->commands)
        rest_take(remote);
    issue_forget(remote);
    while (!link_let_go(remote)) {
        task_sleep_ns(pause);
        pause = pause * 2 < LET_GO_MOST ? pause * 2 : LET_GO_MOST;
    }
    remote->broken = NULL;
    remote->state = REMOTE_CLOSED;
    remote->tell = true;
}

static int stop(struct disk_controller *controller)
{
    struct remote *remote = controller->state;

    if (remote->state == REMOTE_LEAVING)
        leave_finish(remote);
    return 0;
}

/* Sleeps until there is a backend, or there will be none. */
static int restart(struct disk_controller *controller)
{
    struct remote *remote = controller->state;

    for (;;) {
        if (remote->state == REMOTE_LEAVING)
            leave_finish(remote);
        if (remote->state == REMOTE_CONNECTED)
            return 0;
        if (remote->state != REMOTE_CONNECTING && (remote->gone || remote->refused))
            return -ENODEV;
        wait_queue_wait(&remote->changed);
    }
}

static const struct disk_driver driver = { .issue = issue_command,
                                           .kick = kick,
                                           .take = take,
                                           .look = look,
                                           .stop = stop,
                                           .restart = restart,
                                           .patient = true };

int remote_start(struct remote *remote)
{
    remote->controller = (struct disk_controller){ .name = remote->disk.block.name,
                                                   .driver = &driver,
                                                   .state = remote };
    issue_forget(remote);
    return disk_controller_start(&remote->controller);
}
