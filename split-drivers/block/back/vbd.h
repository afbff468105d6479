/*
 * vbd: one virtual block device as the backend sees it.
 *
 * connect.c and handshake/ own the conversation and the life of the structure; while connected, the
 * vbd's own task (serve.c) owns everything from `ring` down and walks a request through intake.c,
 * map-segments.c, execute.c and complete.c.
 */
#ifndef BLOCK_BACK_VBD_H
#define BLOCK_BACK_VBD_H

#include "devices/block-device.h"
#include "hypercall-abi/rings/block.h"
#include "hypercall-abi/rings/ring.h"
#include "pv-kernel/grant-maps.h"
#include "split-drivers/handshake/backend.h"
#include "tasks/wait-queue.h"
#include <stdbool.h>
#include <stdint.h>

#define VBD_RING_BYTES 4096

union vbd_slot {
    struct blkif_request request;
    struct blkif_response response;
};

/* The shared page; the guest writes all of it at any time. */
struct vbd_ring {
    struct ring_header header;
    union vbd_slot slots[32];
};
_Static_assert(sizeof(struct vbd_ring) <= VBD_RING_BYTES, "the ring is one page");
#define VBD_SLOTS 32u

/* A request taken from the ring: our own copy and all it needs until its response. */
struct vbd_request {
    struct blkif_request copy;
    struct grant_frame frames[BLKIF_MAX_SEGMENTS_PER_REQUEST];
    unsigned int frame_count; /* acquired or tried */
    struct block_segment segments[BLKIF_MAX_SEGMENTS_PER_REQUEST];
    struct block_request block;
    struct vbd *vbd;
    int16_t status; /* BLKIF_RSP_* */
    struct vbd_request *next;
};

struct vbd {
    struct backend_device backend; /* first: the conversation's */
    struct block_device *device;
    bool writable;

    /* The data path's. */
    volatile struct vbd_ring *ring;
    grant_handle_t ring_handle;
    evtchn_port_t port;
    uint32_t request_consumed;  /* next request to take */
    uint32_t response_produced; /* next response to write */
    struct vbd_request requests[VBD_SLOTS];
    struct vbd_request *free_requests;
    struct vbd_request *mapped_first, **mapped_last; /* wait for room in the disk's queue */
    struct vbd_request *done_first, **done_last;     /* wait for complete.c */
    unsigned int in_flight;                          /* at the disk */
    struct turn turn;                                /* in line for a slot of its queue */
    struct wait_queue work;
    bool work_pending; /* an event, a completion, our turn, or the order to stop */
    bool broken;       /* the frontend's indices are impossible: not served any more */
};

/* serve.c: the task. */
int vbd_serve_start(struct vbd *vbd);
/* Tells it to stop.  It ends, and calls vbd_ended, when nothing is in flight any more. */
void vbd_serve_stop(struct vbd *vbd);
void vbd_wake(struct vbd *vbd);
/* connect.c: nobody touches the ring any more.  The vbd may be gone afterwards. */
void vbd_ended(struct vbd *vbd);

/* Takes requests from the ring, checked, as a list; bad ones go straight to the done list. */
struct vbd_request *intake_take(struct vbd *vbd);
/* Whether there is more; arms the frontend's notification first. */
bool intake_more(struct vbd *vbd);
/* Pins the pages of a whole list in one go; those refused go to the done list. */
struct vbd_request *map_segments(struct vbd *vbd, struct vbd_request *list);
void unmap_segments(struct vbd_request *list);
/* Hands mapped requests to the disk as far as it has room, one doorbell for all. */
void execute_submit(struct vbd *vbd);
/* Answers what is done: unpins, writes responses, notifies once.  True if there was any. */
bool complete_answer(struct vbd *vbd);
/* Puts a request on the done list. */
void complete_add(struct vbd_request *request, int16_t status);

#endif
