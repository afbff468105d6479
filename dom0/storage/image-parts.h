/*
 * Image parts: what image.c and image-task.c share.
 */
#ifndef STORAGE_IMAGE_PARTS_H
#define STORAGE_IMAGE_PARTS_H

#include "storage/image-extents.h"
#include "storage/image.h"
#include "pv-kernel/frames.h"
#include "tasks/wait-queue.h"

#define IMAGE_PIECES       64u /* at the device below at once */
#define IMAGE_BUFFER_ORDER 4u
#define IMAGE_BUFFER       (PAGE_SIZE << IMAGE_BUFFER_ORDER) /* of what is moved to and from holes */
#define IMAGE_STACK        (120u << 10)                      /* libext2fs is called on it */

/* A request on its way below. */
struct image_piece {
    struct block_request block; /* first */
    struct block_request *request;
    struct image_piece *next;
};

struct image {
    struct block_device block; /* first */
    struct file_claim claim;
    struct turn turn; /* on the device below */
    struct image_extents extents;
    bool found_places; /* which the file system has not written down yet */
    struct image_piece pieces[IMAGE_PIECES], *free_pieces;
    bool pieces_wanted; /* there was none for the last request */
    /* The task's. */
    struct block_request *first, **last; /* to be done one after the other */
    struct wait_queue work;
    struct block_segment cut[BLOCK_MAX_SEGMENTS];
    char *buffer; /* of IMAGE_BUFFER bytes, for holes */
    bool closed;
    char *path;
    void (*opened)(void *owner, int error);
    void *owner;
};

void image_task(void *image);
void image_free(struct image *image);
bool image_broke(const struct image *image);

#endif
