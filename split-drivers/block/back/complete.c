/*
 * Complete: the other way.  Everything done since the last look is answered together: one
 * hypercall unpins the pages (before the guest is told it may use them), then the responses are
 * written, then at most one notification goes out.
 */
#include "split-drivers/block/back/vbd.h"
#include "pv-kernel/event-ports.h"
#include <string.h>

#define barrier() __asm__ volatile("" : : : "memory")

void complete_add(struct vbd_request *request, int16_t status)
{
    struct vbd_queue *queue = request->queue;

    request->status = status;
    request->next = NULL;
    *queue->done_last = request;
    queue->done_last = &request->next;
}

/* Where it is depends on what the slot had. */
static uint64_t request_id(const struct vbd_request *request)
{
    return request->copy.request.operation == BLKIF_OP_INDIRECT ? request->copy.indirect.id
                                                                : request->copy.request.id;
}

static void response_write(struct vbd_queue *queue, const struct vbd_request *request)
{
    volatile union vbd_slot *slot = &queue->ring->slots[queue->response_produced % queue->slots];
    struct blkif_response response;
    uint64_t words[sizeof(response) / sizeof(uint64_t)];

    memset(&response, 0, sizeof(response)); /* padding is the guest's to read */
    response.id = request_id(request);
    response.operation = request->operation;
    response.status = request->status;
    memcpy(words, &response, sizeof(words));
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        ((volatile uint64_t *)slot)[i] = words[i];
    queue->response_produced++;
}

bool complete_answer(struct vbd_queue *queue)
{
    struct vbd_request *list = queue->done_first, *next;
    uint32_t old = queue->response_produced;

    if (!list)
        return false;
    queue->done_first = NULL;
    queue->done_last = &queue->done_first;
    unmap_segments(list);
    for (struct vbd_request *request = list; request; request = next) {
        next = request->next;
        response_write(queue, request);
        indirect_end(request);
        request->next = queue->free_requests;
        queue->free_requests = request;
    }
    barrier(); /* responses before the index; partner: the frontend reads in that order */
    queue->ring->header.rsp_prod = queue->response_produced;
    __sync_synchronize(); /* the index before the threshold is read */
    if (ring_must_notify(queue->ring->header.rsp_event, queue->response_produced, old))
        event_port_notify(queue->port);
    return true;
}
