/*
 * Link: what is shared with a backend: made when it is there, taken back when it goes.
 *
 * All references are got here, so that the data path needs none.  References of data lead to the
 * memory of whoever asked, for as long as the backend works on it; in persistent mode to pages of
 * our own, for as long as the link lives.  Lists of indirect requests are pages of our own, always.
 */
#include "split-drivers/block/front/remote.h"
#include "pv-kernel/event-ports.h"
#include "pv-kernel/frames.h"
#include "pv-kernel/own-grants.h"
#include <errno.h>
#include <string.h>

static int ring_share(struct remote *remote, struct remote_queue *queue)
{
    char *ring = frames_alloc(queue->order);
    int error = 0;

    if (!ring)
        return -ENOMEM;
    queue->ring = (volatile struct remote_ring *)(void *)ring;
    for (unsigned int i = 0; i < 1u << queue->order && !error; i++)
        error = grant_access_give(remote->domid, frames_virt_to_mfn(ring + i * PAGE_SIZE), false,
                                  &queue->refs[i]);
    queue->ring->header.req_event = queue->ring->header.rsp_event = 1;
    return error;
}

static int queue_make(struct remote *remote, unsigned int order)
{
    struct remote_queue *queue = &remote->queues[remote->queue_count++];
    int error;

    memset(queue, 0, sizeof(*queue));
    queue->order = order;
    queue->slots = ring_slots((uint32_t)PAGE_SIZE << order, sizeof(union remote_slot));
    error = ring_share(remote, queue);
    if (!error)
        error = event_port_alloc_unbound(DOMID_SELF, remote->domid, &queue->port);
    if (!error)
        event_port_set_guest_handler(queue->port, remote_event, remote);
    return error;
}

/* With a page: it is open from here on. */
static int buffer_make(struct remote *remote, struct remote_buffer *buffer, bool page,
                       bool read_only)
{
    int error = grant_reference_take(&buffer->ref);

    if (error || !page)
        return error;
    buffer->page = frames_alloc(0);
    if (!buffer->page)
        return -ENOMEM;
    grant_reference_open(buffer->ref, remote->domid, frames_virt_to_mfn(buffer->page), read_only);
    buffer->open = true;
    return 0;
}

/* As many as there are references for, if that is enough for the largest request. */
static int buffers_make(struct remote *remote)
{
    unsigned int least = remote->known ? remote->disk.block.limits.segments : REMOTE_SEGMENTS_MAX;
    unsigned int i = 0;
    int error = 0;

    for (; i < REMOTE_LISTS_MAX && !error; i++) {
        /* A backend that keeps pages mapped maps all of them for writing, as Linux's does. */
        error = buffer_make(remote, &remote->lists[i], true, !remote->persistent);
        remote->free_lists[remote->free_list_count] = (uint16_t)i;
        remote->free_list_count += !error;
    }
    for (i = 0; i < REMOTE_BUFFERS_MAX && !error; i++) {
        error = buffer_make(remote, &remote->buffers[i], remote->persistent, false);
        remote->free_buffers[remote->free_buffer_count] = (uint16_t)i;
        remote->free_buffer_count += !error;
    }
    return remote->free_buffer_count >= least ? 0 : error;
}

int link_make(struct remote *remote, unsigned int queues, unsigned int order)
{
    int error = 0;

    while (remote->queue_count < queues && !error)
        error = queue_make(remote, order);
    return error ? error : buffers_make(remote);
}

void link_mute(struct remote *remote)
{
    for (unsigned int i = 0; i < remote->queue_count; i++) {
        if (remote->queues[i].port)
            event_port_close(remote->queues[i].port);
        remote->queues[i].port = 0;
    }
}

int link_buffer_close(struct remote_buffer *buffer)
{
    if (buffer->open && grant_reference_close(buffer->ref))
        return -EBUSY;
    buffer->open = false;
    return 0;
}

static bool buffer_free(struct remote_buffer *buffer)
{
    if (link_buffer_close(buffer))
        return false;
    if (buffer->ref)
        grant_reference_return(buffer->ref);
    if (buffer->page)
        frames_free(buffer->page, 0);
    *buffer = (struct remote_buffer){ 0 };
    return true;
}

static bool ring_free(struct remote_queue *queue)
{
    for (unsigned int i = 0; i < REMOTE_RING_PAGES; i++) {
        if (queue->refs[i] && grant_access_end(queue->refs[i]))
            return false;
        queue->refs[i] = 0;
    }
    if (queue->ring)
        frames_free((void *)(uintptr_t)queue->ring, queue->order);
    queue->ring = NULL;
    return true;
}

bool link_let_go(struct remote *remote)
{
    bool all = true;

    for (unsigned int i = 0; i < REMOTE_BUFFERS_MAX; i++)
        all &= buffer_free(&remote->buffers[i]);
    for (unsigned int i = 0; i < REMOTE_LISTS_MAX; i++)
        all &= buffer_free(&remote->lists[i]);
    for (unsigned int i = 0; i < remote->queue_count; i++)
        all &= ring_free(&remote->queues[i]);
    remote->free_buffer_count = remote->free_list_count = 0;
    if (all)
        remote->queue_count = 0;
    return all;
}
