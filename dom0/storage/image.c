/*
 * Images: requests that go to the device below as they are, and the life of an image.  See image.h.
 *
 *   submit -> all of it at one known place?  -> a piece, submitted below -> done
 *          -> else, or a flush with places to be written down -> image-task.c -> done
 *
 * Nothing here sleeps.
 */
#include "storage/image.h"
#include "libc/libc.h"
#include "storage/image-parts.h"
#include "tasks/task.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void piece_free(struct image *image, struct image_piece *piece)
{
    piece->next = image->free_pieces;
    image->free_pieces = piece;
}

static int piece_copy(struct block_request *block, uint64_t offset, void *buffer, size_t bytes,
                      bool to_buffer)
{
    struct block_request *request = ((struct image_piece *)block)->request;

    return request->copy ? request->copy(request, offset, buffer, bytes, to_buffer) : -EIO;
}

static void piece_done(struct block_request *block, int error)
{
    struct image_piece *piece = (struct image_piece *)block;
    struct block_request *request = piece->request;
    struct image *image = block->owner;

    piece_free(image, piece);
    request->done(request, error);
    if (image->pieces_wanted)
        block_device_room(&image->block);
}

/* As it is, at its place on the device below. */
static int submit_below(struct image *image, struct block_request *request, uint64_t sector)
{
    struct image_piece *piece = image->free_pieces;
    int error;

    image->pieces_wanted = !piece;
    if (!piece)
        return -EAGAIN;
    image->free_pieces = piece->next;
    piece->request = request;
    piece->block = (struct block_request){ .operation = request->operation,
                                           .fua = request->fua,
                                           .sector = sector,
                                           .sectors = request->sectors,
                                           .segment_count = request->segment_count,
                                           .segments = request->segments,
                                           .copy = piece_copy,
                                           .done = piece_done,
                                           .owner = image };
    error = block_device_submit(image->claim.device, &piece->block, &image->turn);
    if (error)
        piece_free(image, piece);
    return error;
}

static int submit_to_task(struct image *image, struct block_request *request)
{
    request->next = NULL;
    *image->last = request;
    image->last = &request->next;
    wait_queue_wake_all(&image->work);
    return 0;
}

/* Its file system forgot places that had been found, and nothing is written there any more. */
bool image_broke(const struct image *image)
{
    return image->claim.fs->read_only && image->claim.kind != FILE_CLAIM_READ;
}

/* Where on the device below all of the request is; false: not at one place that is known. */
static bool place_of(const struct image *image, const struct block_request *request,
                     uint64_t *sector)
{
    uint64_t at = request->sector * BLOCK_SECTOR_SIZE;
    const struct file_extent *extent;

    *sector = 0;
    if (image->found_places && (request->fua || request->operation == BLOCK_FLUSH))
        return false;
    if (request->operation == BLOCK_FLUSH)
        return image->claim.device->limits.flush && image->claim.kind != FILE_CLAIM_SHARED;
    extent = image_extents_find(&image->extents, at);
    if (!extent || request->sectors * BLOCK_SECTOR_SIZE > extent->bytes - (at - extent->at))
        return false;
    *sector = (extent->place + (at - extent->at)) / BLOCK_SECTOR_SIZE;
    return true;
}

static int image_submit(struct block_device *device, struct block_request *request)
{
    struct image *image = (struct image *)device;
    uint64_t sector;

    if (!image_broke(image) && place_of(image, request, &sector))
        return submit_below(image, request, sector);
    if (!image->block.turns.first)
        turn_give_up(&image->turn); /* it is not used by this one, and nobody else wants it */
    return image_broke(image) ? -EIO : submit_to_task(image, request);
}

static void image_kick(struct block_device *device)
{
    block_device_kick(((struct image *)device)->claim.device);
}

/* Nobody wants what its turn below would give. */
static void image_nobody_waits(struct block_device *device)
{
    turn_give_up(&((struct image *)device)->turn);
}

static const struct block_driver image_driver = { .submit = image_submit,
                                                  .kick = image_kick,
                                                  .nobody_waits = image_nobody_waits };

static void turn_below(struct turn *turn)
{
    struct image *image = (struct image *)((char *)turn - offsetof(struct image, turn));

    if (image->block.turns.first)
        block_device_room(&image->block);
    else
        turn_give_up(turn);
}

void image_free(struct image *image)
{
    image_extents_free(&image->extents);
    if (image->buffer)
        frames_free(image->buffer, IMAGE_BUFFER_ORDER);
    free(image->path);
    free(image);
}

int image_open(const char *path, enum file_claim_kind kind, void (*opened)(void *owner, int error),
               void *owner, struct image **result)
{
    struct image *image =
        libc_memory_allows(sizeof(*image) + IMAGE_STACK) ? calloc(1, sizeof(*image)) : NULL;

    *result = NULL;
    if (!image)
        return -ENOMEM;
    image->claim.kind = kind;
    image->opened = opened;
    image->owner = owner;
    image->last = &image->first;
    image->turn.come = turn_below;
    image->block.driver = &image_driver;
    image->block.read_only = kind == FILE_CLAIM_READ;
    for (unsigned int i = 0; i < IMAGE_PIECES; i++)
        piece_free(image, &image->pieces[i]);
    image->path = strdup(path);
    if (!image->path || !task_spawn("image", image_task, image, IMAGE_STACK)) {
        image_free(image);
        return -ENOMEM;
    }
    *result = image;
    return 0;
}

struct block_device *image_device(struct image *image)
{
    return &image->block;
}

void image_close(struct image *image)
{
    turn_give_up(&image->turn);
    file_claim_release(&image->claim);
    image->closed = true;
    wait_queue_wake_all(&image->work);
}
