/*
 * Intake: from the ring into our own memory, once, and checked there.
 *
 * The guest may change a slot at any moment, so a request is copied first and only the copy is
 * looked at.  Producer indices that claim more than the ring holds end the service.
 */
#include "split-drivers/block/back/vbd.h"
#include <stddef.h>
#include <string.h>

#define barrier() __asm__ volatile("" : : : "memory")
#define LATER     1 /* no status: the request stays on the ring */

/* Copies word by word through volatile: each byte is read once. */
static void slot_copy(union vbd_slot *to, const volatile union vbd_slot *from)
{
    const volatile uint64_t *f = (const volatile uint64_t *)from;
    uint64_t words[sizeof(*to) / sizeof(uint64_t)];

    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        words[i] = f[i];
    memcpy(to, words, sizeof(words));
}

bool intake_segment(struct vbd_request *request, unsigned int i,
                    const struct blkif_request_segment *segment)
{
    if (segment->first_sect > segment->last_sect || segment->last_sect > 7)
        return false;
    request->segments[i] = (struct block_segment){
        .machine = (uint64_t)segment->first_sect * BLOCK_SECTOR_SIZE,
        .bytes = (segment->last_sect - segment->first_sect + 1u) * BLOCK_SECTOR_SIZE,
    };
    request->frames[i] = (struct grant_frame){ .domid = (domid_t)request->queue->vbd->backend.domid,
                                               .ref = segment->gref,
                                               .writable = request->operation == BLKIF_OP_READ };
    return true;
}

int16_t intake_range(struct vbd_request *request, uint64_t sector)
{
    const struct block_device *device = request->queue->vbd->device;
    uint64_t sectors = 0;

    for (unsigned int i = 0; i < request->segment_count; i++)
        sectors += request->segments[i].bytes / BLOCK_SECTOR_SIZE;
    request->block.sector = sector;
    return sectors && sector <= device->sectors && sectors <= device->sectors - sector
               ? BLKIF_RSP_OKAY
               : BLKIF_RSP_ERROR;
}

static int16_t transfer_take(struct vbd_request *request)
{
    const struct blkif_request *r = &request->copy.request;

    if (r->operation == BLKIF_OP_WRITE && !request->queue->vbd->writable)
        return BLKIF_RSP_ERROR;
    if (r->nr_segments > BLKIF_MAX_SEGMENTS_PER_REQUEST)
        return BLKIF_RSP_ERROR;
    request->segment_count = r->nr_segments;
    for (unsigned int i = 0; i < r->nr_segments; i++)
        if (!intake_segment(request, i, &r->seg[i]))
            return BLKIF_RSP_ERROR;
    return intake_range(request, r->sector_number);
}

/* It goes to the disk in pieces (execute.c): a whole disk's takes as long as the disk likes. */
static int16_t discard_take(struct vbd_request *request)
{
    const struct blkif_request_discard *r = &request->copy.discard;

    if (r->flag & BLKIF_DISCARD_SECURE || !request->queue->vbd->discards)
        return BLKIF_RSP_EOPNOTSUPP;
    if (!request->queue->vbd->writable)
        return BLKIF_RSP_ERROR;
    if (!r->nr_sectors || r->sector_number > request->queue->vbd->device->sectors ||
        r->nr_sectors > request->queue->vbd->device->sectors - r->sector_number)
        return BLKIF_RSP_ERROR;
    request->discard_sector = r->sector_number;
    request->discard_left = r->nr_sectors;
    return BLKIF_RSP_OKAY;
}

/* Its segments come later. */
static int16_t indirect_take(struct vbd_request *request)
{
    const struct blkif_request_indirect *r = &request->copy.indirect;

    request->operation = r->indirect_op;
    if (r->indirect_op != BLKIF_OP_READ && r->indirect_op != BLKIF_OP_WRITE)
        return BLKIF_RSP_EOPNOTSUPP;
    if (r->indirect_op == BLKIF_OP_WRITE && !request->queue->vbd->writable)
        return BLKIF_RSP_ERROR;
    if (!r->nr_segments || r->nr_segments > VBD_SEGMENTS_MAX)
        return BLKIF_RSP_ERROR;
    if (indirect_begin(request))
        return BLKIF_RSP_OKAY;
    return request->queue->list_count ? LATER : BLKIF_RSP_ERROR;
}

/* BLKIF_RSP_OKAY if it may go on, else what to answer, or LATER. */
static int16_t request_take(struct vbd_request *request)
{
    request->operation = request->copy.request.operation;
    request->segment_count = request->frame_count = 0;
    request->frames = request->own_frames;
    request->segments = request->own_segments;
    memset(&request->block, 0, sizeof(request->block));
    request->discard_left = 0;
    switch (request->operation) {
    case BLKIF_OP_READ:
    case BLKIF_OP_WRITE:
        return transfer_take(request);
    case BLKIF_OP_FLUSH_DISKCACHE:
        return request->copy.request.nr_segments ? BLKIF_RSP_ERROR : BLKIF_RSP_OKAY;
    case BLKIF_OP_DISCARD:
        return discard_take(request);
    case BLKIF_OP_INDIRECT:
        return indirect_take(request);
    default:
        return BLKIF_RSP_EOPNOTSUPP;
    }
}

struct vbd_request *intake_take(struct vbd_queue *queue)
{
    struct vbd_request *first = NULL, **last = &first;
    uint32_t produced = queue->ring->header.req_prod;

    if (produced - queue->response_produced > queue->slots) {
        queue->broken = true;
        return NULL;
    }
    barrier(); /* the index before the slots it covers; partner: the frontend's store order */
    queue->list_wanted = false;
    while (queue->request_consumed != produced && queue->free_requests) {
        struct vbd_request *request = queue->free_requests, *next = request->next;
        int16_t status;

        slot_copy(&request->copy, &queue->ring->slots[queue->request_consumed % queue->slots]);
        status = request_take(request);
        if (status == LATER) {
            queue->list_wanted = true;
            break;
        }
        queue->free_requests = next;
        request->next = NULL;
        queue->request_consumed++;
        if (status) {
            complete_add(request, status);
            continue;
        }
        *last = request;
        last = &request->next;
    }
    return indirect_read(queue, first);
}

bool intake_more(struct vbd_queue *queue)
{
    if (queue->broken)
        return false;
    if (queue->request_consumed != queue->ring->header.req_prod)
        return queue->free_requests && (!queue->list_wanted || queue->free_lists);
    queue->ring->header.req_event = queue->request_consumed + 1;
    __sync_synchronize(); /* our wish before we look; partner: the frontend's push and check */
    return queue->request_consumed != queue->ring->header.req_prod;
}
