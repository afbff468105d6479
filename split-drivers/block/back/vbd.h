/*
 * vbd: one virtual block device as the backend sees it, and its queues.
 *
 * connect.c and handshake/ own the conversation and the life of the structure, queues.c the rings.
 * While connected the vbd's own task (serve.c) owns its queues and walks a request through
 * intake.c, indirect.c, map-segments.c, execute.c and complete.c.
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

#define VBD_QUEUES_MAX   4u
#define VBD_RING_ORDER   2u /* of the largest ring, in pages */
#define VBD_RING_PAGES   (1u << VBD_RING_ORDER)
#define VBD_SEGMENTS_MAX 256u /* of an indirect request */
#define VBD_LISTS_MAX    8u   /* indirect requests at once, of a queue */

union vbd_slot {
    struct blkif_request request;
    struct blkif_request_discard discard;
    struct blkif_request_indirect indirect;
    struct blkif_response response;
};

/* The shared pages; the guest writes all of them at any time. */
struct vbd_ring {
    struct ring_header header;
    union vbd_slot slots[];
};
/* How many slots a ring of so many pages has: a power of two. */
unsigned int vbd_ring_slots(unsigned int pages);

/* What a request of many segments needs besides. */
struct vbd_list {
    struct grant_frame frames[VBD_SEGMENTS_MAX];
    struct block_segment segments[VBD_SEGMENTS_MAX];
    struct vbd_list *next;
};

/* A request taken from the ring: our own copy and all it needs until its response. */
struct vbd_request {
    struct vbd_queue *queue;
    union vbd_slot copy;
    uint8_t operation; /* as the response says it */
    int16_t status;    /* BLKIF_RSP_* */
    unsigned int segment_count;
    unsigned int frame_count;       /* acquired or tried */
    struct grant_frame *frames;     /* a segment each: these, or the list's */
    struct block_segment *segments; /* first where in their pages, then where in memory */
    struct grant_frame own_frames[BLKIF_MAX_SEGMENTS_PER_REQUEST];
    struct block_segment own_segments[BLKIF_MAX_SEGMENTS_PER_REQUEST];
    struct vbd_list *list;
    struct block_request block;
    uint64_t discard_sector, discard_left; /* of a discard: what the disk has not done yet */
    struct vbd_request *next;
};

struct vbd_queue {
    struct vbd *vbd;
    volatile struct vbd_ring *ring;
    unsigned int slots, pages;
    grant_handle_t handles[VBD_RING_PAGES];
    evtchn_port_t port;
    uint32_t request_consumed;  /* next request to take */
    uint32_t response_produced; /* next response to write */
    struct vbd_request *requests;
    struct vbd_request *free_requests;
    struct vbd_list *free_lists;
    unsigned int list_count;                         /* made so far */
    bool list_wanted;                                /* the next request waits for one */
    struct vbd_request *mapped_first, **mapped_last; /* wait for room in the disk's queue */
    struct vbd_request *done_first, **done_last;     /* wait for complete.c */
    unsigned int in_flight;                          /* at the disk */
    bool broken; /* the frontend's indices are impossible: not served any more */
};

struct vbd {
    struct backend_device backend; /* first: the conversation's */
    struct block_device *device;   /* a disk, a partition, or the image's */
    struct image *image;           /* of a file, from the moment it begins to be opened */
    bool writable;
    bool discards; /* the frontend was told that it may */
    unsigned int queue_count;
    struct vbd_queue *queues;
    /* serve.c's. */
    struct turn turn;         /* in line for a slot of the disk's queue: one for all our queues */
    unsigned int first_queue; /* to hand requests to the disk next */
    struct wait_queue work;
    bool work_pending; /* an event, a completion, our turn, or the order to stop */
    bool reported;     /* that a queue is broken */
};

/*
 * target.c: finds and claims what the toolstack's node names.  0; -errno, which has been said
 * there; -EINPROGRESS: vbd_target_opened (connect.c) follows.
 */
int target_open(struct vbd *vbd, struct xs_client *store);
void vbd_target_opened(struct vbd *vbd, int error);
void target_close(struct vbd *vbd);

/* queues.c: maps rings and event channels as the frontend names them.  0 or -errno, then nothing
 * is left of it. */
int vbd_queues_open(struct vbd *vbd, struct xs_client *store);
void vbd_queues_close(struct vbd *vbd);

/* serve.c: the task. */
int vbd_serve_start(struct vbd *vbd);
/* Tells it to stop.  It ends, and calls vbd_ended, when nothing is in flight any more. */
void vbd_serve_stop(struct vbd *vbd);
void vbd_wake(struct vbd *vbd);
/* connect.c: nobody touches the rings any more.  The vbd may be gone afterwards. */
void vbd_ended(struct vbd *vbd);

/* Takes requests from the ring, checked, as a list; bad ones go straight to the done list. */
struct vbd_request *intake_take(struct vbd_queue *queue);
/* Whether there is more; arms the frontend's notification first. */
bool intake_more(struct vbd_queue *queue);
/* The request's segment number `i`, checked; false: it is none. */
bool intake_segment(struct vbd_request *request, unsigned int i,
                    const struct blkif_request_segment *segment);
/* BLKIF_RSP_OKAY if its segments are of the disk, else what to answer. */
int16_t intake_range(struct vbd_request *request, uint64_t sector);

/* Readies the request for a long list; false: there is none now. */
bool indirect_begin(struct vbd_request *request);
/* Reads the lists of those that have one; bad ones go to the done list. */
struct vbd_request *indirect_read(struct vbd_queue *queue, struct vbd_request *list);
void indirect_end(struct vbd_request *request);

/* Pins the pages of a whole list, many in one hypercall; those refused go to the done list. */
struct vbd_request *map_segments(struct vbd_queue *queue, struct vbd_request *list);
void unmap_segments(struct vbd_request *list);
/* Copies between a request's pages and a page of ours (block_request.copy). */
int copy_segments(struct block_request *block, uint64_t offset, void *buffer, size_t bytes,
                  bool to_buffer);
/* Hands mapped requests to the disk; false: it has no room for all, or it is others' turn. */
bool execute_submit(struct vbd_queue *queue);
/* Answers what is done: unpins, writes responses, notifies once.  True if there was any. */
bool complete_answer(struct vbd_queue *queue);
/* Puts a request on the done list. */
void complete_add(struct vbd_request *request, int16_t status);

#endif
