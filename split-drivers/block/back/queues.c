/*
 * Queues: rings of one or more pages and their event channels, as the frontend names them: for one
 * queue in its own folder, for more in queue-0, queue-1 ... below it.
 */
#include "split-drivers/block/back/vbd.h"
#include "libc/libc.h"
#include "pv-kernel/event-ports.h"
#include "pv-kernel/frames.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

_Static_assert(sizeof(union vbd_slot) == 112, "as the protocol has it");

unsigned int vbd_ring_slots(unsigned int pages)
{
    unsigned int fit =
        (unsigned int)((pages * PAGE_SIZE - sizeof(struct ring_header)) / sizeof(union vbd_slot));
    unsigned int slots = 1;

    while (slots * 2 <= fit)
        slots *= 2;
    return slots;
}

static void queue_close(struct vbd_queue *queue)
{
    struct vbd_list *next;

    if (queue->port)
        event_port_close(queue->port);
    if (queue->ring)
        grant_maps_unmap((void *)(uintptr_t)queue->ring, queue->handles, queue->pages);
    for (struct vbd_list *list = queue->free_lists; list; list = next) {
        next = list->next;
        free(list);
    }
    free(queue->requests);
}

void vbd_queues_close(struct vbd *vbd)
{
    for (unsigned int i = 0; i < vbd->queue_count; i++)
        queue_close(&vbd->queues[i]);
    free(vbd->queues);
    vbd->queues = NULL;
    vbd->queue_count = 0;
}

/* A ring of one page has a name of its own; some frontends number it nevertheless. */
static int refs_read(struct xs_client *store, const char *folder, unsigned int pages,
                     grant_ref_t refs[VBD_RING_PAGES])
{
    uint64_t ref;
    int error = -ENOENT;

    if (pages == 1)
        error = handshake_read_number(store, folder, "ring-ref", UINT32_MAX, &ref);
    if (!error)
        refs[0] = (grant_ref_t)ref;
    if (error != -ENOENT)
        return error;
    for (unsigned int i = 0; i < pages; i++) {
        char node[20];

        snprintf(node, sizeof(node), "ring-ref%u", i % VBD_RING_PAGES);
        error = handshake_read_number(store, folder, node, UINT32_MAX, &ref);
        if (error)
            return error;
        refs[i] = (grant_ref_t)ref;
    }
    return 0;
}

static int ring_map(struct vbd_queue *queue, const grant_ref_t *refs, unsigned int pages)
{
    domid_t domid = (domid_t)queue->vbd->backend.domid;
    void *va;
    int error = grant_maps_map(domid, refs, pages, true, &va, queue->handles);

    if (error)
        return error;
    queue->ring = va;
    queue->pages = pages;
    queue->slots = vbd_ring_slots(pages);
    if (libc_memory_allows(queue->slots * sizeof(*queue->requests)))
        queue->requests = calloc(queue->slots, sizeof(*queue->requests));
    return queue->requests ? 0 : -ENOMEM;
}

/* What was had before an error is given back by queue_close. */
static int queue_open(struct vbd_queue *queue, struct xs_client *store, const char *folder)
{
    domid_t domid = (domid_t)queue->vbd->backend.domid;
    grant_ref_t refs[VBD_RING_PAGES];
    uint64_t order, port;
    /* The order is one for all queues. */
    int error = handshake_read_number(store, queue->vbd->backend.frontend, "ring-page-order",
                                      VBD_RING_ORDER, &order);

    if (error == -ENOENT)
        order = 0;
    else if (error)
        return error;
    error = refs_read(store, folder, 1u << order, refs);
    if (!error)
        error = handshake_read_number(store, folder, "event-channel", UINT32_MAX, &port);
    if (!error)
        error = ring_map(queue, refs, 1u << order);
    if (error)
        return error;
    return event_port_bind_interdomain(domid, (evtchn_port_t)port, &queue->port);
}

int vbd_queues_open(struct vbd *vbd, struct xs_client *store)
{
    uint64_t count;
    char folder[512];
    int error = handshake_read_number(store, vbd->backend.frontend, "multi-queue-num-queues",
                                      VBD_QUEUES_MAX, &count);

    if (error == -ENOENT)
        count = 1;
    else if (error || !count)
        return error ? error : -EINVAL;
    vbd->queues = calloc(count, sizeof(*vbd->queues));
    if (!vbd->queues)
        return -ENOMEM;
    vbd->queue_count = (unsigned int)count;
    error = 0;
    for (unsigned int i = 0; i < count && !error; i++) {
        vbd->queues[i].vbd = vbd;
        if (count == 1)
            snprintf(folder, sizeof(folder), "%s", vbd->backend.frontend);
        else
            snprintf(folder, sizeof(folder), "%.480s/queue-%u", vbd->backend.frontend, i);
        error = queue_open(&vbd->queues[i], store, folder);
    }
    if (error)
        vbd_queues_close(vbd);
    return error;
}
