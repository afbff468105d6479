/*
 * Map segments: the grants of a whole batch of requests are pinned in one hypercall (and
 * released in one).  No virtual address is needed: the disk reads and writes the guest's pages
 * itself, by machine address.
 */
#include "split-drivers/block/back/vbd.h"
#include <string.h>

/* 32 requests of 11 segments: what the ring can hold.  Used between two sleeps only. */
static struct grant_frame batch[VBD_SLOTS * BLKIF_MAX_SEGMENTS_PER_REQUEST];
_Static_assert(sizeof(batch) / sizeof(*batch) <= GRANT_MAPS_BATCH, "one hypercall does it");

static size_t batch_fill(struct vbd *vbd, struct vbd_request *list)
{
    size_t n = 0;

    for (struct vbd_request *request = list; request; request = request->next) {
        request->frame_count = request->copy.nr_segments;
        for (unsigned int i = 0; i < request->frame_count; i++)
            batch[n++] =
                (struct grant_frame){ .domid = (domid_t)vbd->backend.domid,
                                      .ref = request->copy.seg[i].gref,
                                      .writable = request->copy.operation == BLKIF_OP_READ };
    }
    return n;
}

/* The outcome of one request's frames, copied out of the batch; false if any was refused. */
static bool batch_take(struct vbd_request *request, size_t at)
{
    bool good = true;

    memcpy(request->frames, batch + at, request->frame_count * sizeof(*batch));
    for (unsigned int i = 0; i < request->frame_count; i++)
        good &= !request->frames[i].error;
    return good;
}

struct vbd_request *map_segments(struct vbd *vbd, struct vbd_request *list)
{
    struct vbd_request *first = NULL, **last = &first, *next;
    size_t n = batch_fill(vbd, list), at = 0;

    if (n)
        grant_frames_acquire(batch, n);
    for (struct vbd_request *request = list; request; request = next) {
        bool good = batch_take(request, at);

        next = request->next;
        request->next = NULL;
        at += request->frame_count;
        if (!good) {
            complete_add(request, BLKIF_RSP_ERROR);
            continue;
        }
        *last = request;
        last = &request->next;
    }
    return first;
}

void unmap_segments(struct vbd_request *list)
{
    size_t n = 0;

    for (struct vbd_request *request = list; request; request = request->next) {
        memcpy(batch + n, request->frames, request->frame_count * sizeof(*batch));
        n += request->frame_count;
    }
    if (n)
        grant_frames_release(batch, n);
}
