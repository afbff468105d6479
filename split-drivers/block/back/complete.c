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
    struct vbd *vbd = request->vbd;

    request->status = status;
    request->next = NULL;
    *vbd->done_last = request;
    vbd->done_last = &request->next;
}

static void response_write(struct vbd *vbd, const struct vbd_request *request)
{
    volatile union vbd_slot *slot = &vbd->ring->slots[vbd->response_produced % VBD_SLOTS];
    struct blkif_response response;
    uint64_t words[sizeof(response) / sizeof(uint64_t)];

    memset(&response, 0, sizeof(response)); /* padding is the guest's to read */
    response.id = request->copy.id;
    response.operation = request->copy.operation;
    response.status = request->status;
    memcpy(words, &response, sizeof(words));
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        ((volatile uint64_t *)slot)[i] = words[i];
    vbd->response_produced++;
}

bool complete_answer(struct vbd *vbd)
{
    struct vbd_request *list = vbd->done_first, *next;
    uint32_t old = vbd->response_produced;

    if (!list)
        return false;
    vbd->done_first = NULL;
    vbd->done_last = &vbd->done_first;
    unmap_segments(list);
    for (struct vbd_request *request = list; request; request = next) {
        next = request->next;
        response_write(vbd, request);
        request->next = vbd->free_requests;
        vbd->free_requests = request;
    }
    barrier(); /* responses before the index; partner: the frontend reads in that order */
    vbd->ring->header.rsp_prod = vbd->response_produced;
    __sync_synchronize(); /* the index before the threshold is read */
    if (ring_must_notify(vbd->ring->header.rsp_event, vbd->response_produced, old))
        event_port_notify(vbd->port);
    return true;
}
