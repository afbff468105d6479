/* Ready queues: see ready-queue.h.  Handlers add to them, so they change with events masked. */
#include "tasks/ready-queue.h"

#include "pv-kernel/event-ports.h"

void ready_queue_add(struct ready_queue *queue, struct ready_entry *entry)
{
    bool masked = events_mask_save();

    if (!entry->queued) {
        entry->queued = true;
        entry->next = NULL;
        *queue->last = entry;
        queue->last = &entry->next;
    }
    events_mask_restore(masked);
}

struct ready_entry *ready_queue_take(struct ready_queue *queue)
{
    bool masked = events_mask_save();
    struct ready_entry *entry = queue->first;

    if (entry) {
        queue->first = entry->next;
        if (!queue->first)
            queue->last = &queue->first;
        entry->queued = false;
    }
    events_mask_restore(masked);
    return entry;
}

void ready_queue_remove(struct ready_queue *queue, struct ready_entry *entry)
{
    bool masked = events_mask_save();
    struct ready_entry **at = &queue->first;

    while (*at && *at != entry)
        at = &(*at)->next;
    if (*at) {
        *at = entry->next;
        if (queue->last == &entry->next)
            queue->last = at;
        entry->queued = false;
    }
    events_mask_restore(masked);
}
