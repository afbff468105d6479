/*
 * Execute: hands requests to the disk.  Those for which its queue has no room, or others' turns
 * come first, stay on the mapped list, in order, until our turn has come.
 */
#include "split-drivers/block/back/vbd.h"
#include <errno.h>

static int16_t status_of(int error)
{
    return error == -EOPNOTSUPP ? BLKIF_RSP_EOPNOTSUPP : error ? BLKIF_RSP_ERROR : BLKIF_RSP_OKAY;
}

#define DISCARD_PIECE (64u << 11) /* sectors: each piece is a turn of its own */

/* A discard's next piece, as long as one command and one turn may be. */
static void discard_piece_fill(struct vbd_request *request)
{
    uint64_t most = request->queue->vbd->device->limits.discard_sectors;

    if (most > DISCARD_PIECE)
        most = DISCARD_PIECE;
    request->block.sector = request->discard_sector;
    request->block.sectors = request->discard_left < most ? request->discard_left : most;
}

/* Puts a discard of which a piece is done in line again, behind what else is asked; false: that
 * was all, or there is no more to be done for this frontend. */
static bool discard_goes_on(struct vbd_request *request, int error)
{
    struct vbd_queue *queue = request->queue;

    if (error || request->operation != BLKIF_OP_DISCARD)
        return false;
    request->discard_sector += request->block.sectors;
    request->discard_left -= request->block.sectors;
    if (!request->discard_left || queue->vbd->backend.state != BACKEND_CONNECTED)
        return false;
    request->next = NULL;
    *queue->mapped_last = request;
    queue->mapped_last = &request->next;
    return true;
}

static void disk_done(struct block_request *block, int error)
{
    struct vbd_request *request = block->owner;
    struct vbd_queue *queue = request->queue;

    queue->in_flight--;
    if (!discard_goes_on(request, error))
        complete_add(request, request->discard_left && !error ? BLKIF_RSP_ERROR : status_of(error));
    vbd_wake(queue->vbd);
}

static void block_request_fill(struct vbd_request *request)
{
    static const enum block_operation operations[] = {
        [BLKIF_OP_READ] = BLOCK_READ,
        [BLKIF_OP_WRITE] = BLOCK_WRITE,
        [BLKIF_OP_FLUSH_DISKCACHE] = BLOCK_FLUSH,
        [BLKIF_OP_DISCARD] = BLOCK_DISCARD,
    };
    struct block_request *block = &request->block;

    block->operation = operations[request->operation];
    block->segments = request->segments;
    block->segment_count = request->segment_count;
    block->copy = copy_segments;
    block->done = disk_done;
    block->owner = request;
    if (request->operation == BLKIF_OP_DISCARD)
        discard_piece_fill(request);
}

bool execute_submit(struct vbd_queue *queue)
{
    struct vbd *vbd = queue->vbd;

    while (queue->mapped_first) {
        struct vbd_request *request = queue->mapped_first;
        int error;

        block_request_fill(request);
        error = block_device_submit(vbd->device, &request->block, &vbd->turn);
        if (error == -EAGAIN)
            return false;
        queue->mapped_first = request->next;
        if (!queue->mapped_first)
            queue->mapped_last = &queue->mapped_first;
        request->next = NULL;
        if (error)
            complete_add(request, status_of(error));
        else
            queue->in_flight++;
    }
    return true;
}
