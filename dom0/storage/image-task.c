/*
 * Image task: opens the file, does what cannot be passed on as it is, closes the file.
 *
 * A request is walked through from its beginning, as far as each extent reaches: bytes that have a
 * place move between there and the request's memory; a hole is read as zeroes; what is written into
 * one is a write to the file, through a copy, and has a place from then on.
 */
#include "pv-kernel/frames.h"
#include "storage/image-parts.h"
#include "tasks/task.h"
#include <errno.h>
#include <string.h>

/* A part of a request that is moved by itself. */
struct part {
    struct block_request block; /* first */
    struct block_request *request;
    uint64_t offset; /* in it, bytes */
};

static int part_copy(struct block_request *block, uint64_t offset, void *buffer, size_t bytes,
                     bool to_buffer)
{
    const struct part *part = (const struct part *)block;
    struct block_request *request = part->request;

    return request->copy ? request->copy(request, part->offset + offset, buffer, bytes, to_buffer)
                         : -EIO;
}

/* The request's memory from byte `offset` on, so many bytes, into image->cut: how many pieces. */
static unsigned int cut(struct image *image, const struct block_request *request, uint64_t offset,
                        uint64_t bytes)
{
    unsigned int count = 0;

    for (unsigned int i = 0; i < request->segment_count && bytes; i++) {
        struct block_segment segment = request->segments[i];

        if (offset >= segment.bytes) {
            offset -= segment.bytes;
            continue;
        }
        segment.machine += offset;
        segment.bytes -= (uint32_t)offset;
        offset = 0;
        if (segment.bytes > bytes)
            segment.bytes = (uint32_t)bytes;
        bytes -= segment.bytes;
        image->cut[count++] = segment;
    }
    return count;
}

static int move(struct image *image, struct block_request *request, uint64_t done, uint64_t bytes,
                uint64_t place)
{
    struct part part = { .block = { .operation = request->operation,
                                    .fua = request->fua,
                                    .sector = place / BLOCK_SECTOR_SIZE,
                                    .segments = image->cut,
                                    .copy = part_copy },
                         .request = request,
                         .offset = done };

    part.block.segment_count = cut(image, request, done, bytes);
    return block_device_do(image->claim.device, &part.block);
}

/* Between the image's own buffer and the request's memory, a page at a time. */
static int copy_pages(struct image *image, struct block_request *request, uint64_t offset,
                      uint64_t bytes, bool to_buffer)
{
    int error = request->copy ? 0 : -EIO;

    for (uint64_t done = 0, piece; done < bytes && !error; done += piece) {
        piece = bytes - done < PAGE_SIZE ? bytes - done : PAGE_SIZE;
        error = request->copy(request, offset + done, image->buffer + done, piece, to_buffer);
    }
    return error;
}

static int read_hole(struct image *image, struct block_request *request, uint64_t done,
                     uint64_t *bytes)
{
    if (*bytes > IMAGE_BUFFER)
        *bytes = IMAGE_BUFFER;
    memset(image->buffer, 0, *bytes);
    return copy_pages(image, request, done, *bytes, false);
}

static int write_hole(struct image *image, struct block_request *request, uint64_t done,
                      uint64_t *bytes)
{
    const struct file_claim *claim = &image->claim;
    uint64_t at = request->sector * BLOCK_SECTOR_SIZE + done;
    size_t written;
    int error;

    if (*bytes > IMAGE_BUFFER)
        *bytes = IMAGE_BUFFER;
    error = copy_pages(image, request, done, *bytes, true);
    if (error)
        return error;
    image->found_places = true;
    error =
        claim->fs->operations->write(claim->fs, claim->file, &at, image->buffer, *bytes, &written);
    return error ? error : written == *bytes ? 0 : -ENOSPC;
}

static int hole(struct image *image, struct block_request *request, uint64_t done, uint64_t *bytes)
{
    return request->operation == BLOCK_READ ? read_hole(image, request, done, bytes)
                                            : write_hole(image, request, done, bytes);
}

/* One step from byte `done` of the request on, at most *bytes; how many it was. */
static int step(struct image *image, struct block_request *request, uint64_t done, uint64_t *bytes)
{
    const struct file_claim *claim = &image->claim;
    uint64_t at = request->sector * BLOCK_SECTOR_SIZE + done, offset;
    struct file_extent extent;
    int error = image_broke(image)
                    ? -EIO
                    : claim->fs->operations->find_extent(claim->fs, claim->file, at, &extent);

    if (error)
        return error;
    offset = at - extent.at;
    if (*bytes > extent.bytes - offset)
        *bytes = extent.bytes - offset;
    if (extent.is_hole)
        return hole(image, request, done, bytes);
    image_extents_add(&image->extents, &extent);
    return move(image, request, done, *bytes, extent.place + offset);
}

/* Places first, then all that is at them.  Others of the same file may have found some, too. */
static int flush(struct image *image)
{
    struct file_system *fs = image->claim.fs;
    int error = 0;

    if (image->found_places || image->claim.kind == FILE_CLAIM_SHARED)
        error = fs->operations->sync(fs);
    if (!error && image_broke(image))
        error = -EIO;
    if (error)
        return error;
    image->found_places = false; /* nobody but this task finds any */
    return block_device_flush(image->claim.device);
}

static int serve(struct image *image, struct block_request *request)
{
    uint64_t total = request->sectors * BLOCK_SECTOR_SIZE, bytes;
    int error = 0;

    if (request->operation == BLOCK_FLUSH)
        return flush(image);
    for (uint64_t done = 0; done < total && !error; done += bytes) {
        bytes = total - done;
        error = step(image, request, done, &bytes);
        task_yield(); /* a hole is read without a sleep */
    }
    if (!error && request->fua && image->found_places)
        error = flush(image);
    return error;
}

static int open_file(struct image *image)
{
    struct file_claim *claim = &image->claim;
    struct block_device *block = &image->block;
    struct file_status status;
    int error = file_claim(image->path, claim->kind, claim);

    if (error)
        return error;
    image->buffer = frames_alloc(IMAGE_BUFFER_ORDER);
    if (!image->buffer)
        error = -ENOMEM;
    else
        error = claim->fs->operations->file_status(claim->fs, claim->file, &status);
    block->limits = claim->device->limits;
    block->limits.flush = true;
    block->limits.discard_sectors = block->limits.zeroes_sectors = 0;
    if (!error)
        block->sectors = status.size / block->limits.sector_size *
                         (block->limits.sector_size / BLOCK_SECTOR_SIZE);
    if (!error && !block->sectors)
        error = -EINVAL;
    if (error) {
        file_claim_release(claim);
        file_claim_close(claim);
    }
    return error;
}

/* Waits for the next request; NULL: it is closed. */
static struct block_request *take(struct image *image)
{
    struct block_request *request;

    while (!image->first && !image->closed)
        wait_queue_wait(&image->work);
    request = image->first;
    if (!request)
        return NULL;
    image->first = request->next;
    if (!image->first)
        image->last = &image->first;
    return request;
}

void image_task(void *argument)
{
    struct image *image = argument;
    struct block_request *request;
    int error = open_file(image);

    image->opened(image->owner, error);
    if (!error) {
        while ((request = take(image)))
            request->done(request, serve(image, request));
        file_claim_close(&image->claim);
    }
    image_free(image);
}
