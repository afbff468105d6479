/*
 * A network card's task asleep: see the header.
 */
#include "devices/nic-work.h"
#include "pv-kernel/clock.h"
#include "pv-kernel/event-ports.h"
#include "tasks/task.h"

#define LOOK_NS (1000000000ULL / NIC_LOOKS_A_SECOND)

void nic_work_wake(struct nic_work *work)
{
    work->woken = true;
    wait_queue_wake_all(&work->queue);
}

void nic_work_watch(struct nic_work *work)
{
    if (work->watched)
        return;
    work->watched = true;
    work->next_look = clock_monotonic_ns() + LOOK_NS;
    wait_queue_wake_all(&work->queue);
}

void nic_work_rest(struct nic_work *work)
{
    work->watched = false;
}

bool nic_work_wait(struct nic_work *work)
{
    uint64_t now;
    bool was;

    if (work->woken) /* while it worked: who wakes it is a card, or another domain */
        task_yield();
    was = events_mask_save();
    while (!work->woken && !work->watched)
        wait_queue_wait(&work->queue);
    if (!work->woken)
        wait_queue_wait_until(&work->queue, work->next_look);
    work->woken = false;
    events_mask_restore(was);
    now = clock_monotonic_ns();
    if (!work->watched || now < work->next_look)
        return false;
    work->next_look = now + LOOK_NS; /* looks missed are not made up for: they count seconds */
    return true;
}
