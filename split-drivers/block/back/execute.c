/*
 * Execute: hands requests to the disk.  Those for which its queue has no room, or others' turns
 * come first, stay on the mapped list, in order, until our turn has come.
 */
#include "split-drivers/block/back/vbd.h"
#include <errno.h>

static void disk_done(struct block_request *block, int error)
{
    struct vbd_request *request = block->owner;
    struct vbd *vbd = request->vbd;

    vbd->in_flight--;
    complete_add(request, error == -EOPNOTSUPP ? BLKIF_RSP_EOPNOTSUPP
                          : error              ? BLKIF_RSP_ERROR
                                               : BLKIF_RSP_OKAY);
    vbd_wake(vbd);
}

static void block_request_fill(struct vbd_request *request)
{
    static const enum block_operation operations[] = {
        [BLKIF_OP_READ] = BLOCK_READ,
        [BLKIF_OP_WRITE] = BLOCK_WRITE,
        [BLKIF_OP_FLUSH_DISKCACHE] = BLOCK_FLUSH,
    };
    struct block_request *block = &request->block;

    block->operation = operations[request->copy.operation];
    block->sector = request->copy.sector_number;
    block->segments = request->segments;
    block->segment_count = request->frame_count;
    block->done = disk_done;
    block->owner = request;
    for (unsigned int i = 0; i < request->frame_count; i++) {
        const struct blkif_request_segment *s = &request->copy.seg[i];

        request->segments[i] = (struct block_segment){
            .machine = request->frames[i].machine + (uint64_t)s->first_sect * BLOCK_SECTOR_SIZE,
            .bytes = (s->last_sect - s->first_sect + 1u) * BLOCK_SECTOR_SIZE,
        };
    }
}

void execute_submit(struct vbd *vbd)
{
    bool submitted = false;

    while (vbd->mapped_first) {
        struct vbd_request *request = vbd->mapped_first;
        int error;

        block_request_fill(request);
        error = block_device_submit(vbd->device, &request->block, &vbd->turn);
        if (error == -EAGAIN)
            break;
        vbd->mapped_first = request->next;
        if (!vbd->mapped_first)
            vbd->mapped_last = &vbd->mapped_first;
        request->next = NULL;
        if (error) {
            complete_add(request, BLKIF_RSP_ERROR);
            continue;
        }
        vbd->in_flight++;
        submitted = true;
    }
    if (submitted)
        block_device_kick(vbd->device);
}
