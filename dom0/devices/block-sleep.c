/*
 * Block devices for who may sleep: built on the asynchronous interface.
 */
#include "devices/block-device.h"
#include "pv-kernel/frames.h"
#include "tasks/wait-queue.h"
#include <errno.h>
#include <string.h>

#define PIECES 64u /* of one request: 256 KiB if it is of whole pages */

struct sleeper {
    struct turn turn; /* first */
    struct wait_queue queue;
    char *buffer; /* the request's memory */
    bool our_turn, done;
    int error;
};

static void sleeper_come(struct turn *turn)
{
    struct sleeper *sleeper = (struct sleeper *)turn;

    sleeper->our_turn = true;
    wait_queue_wake_all(&sleeper->queue);
}

static void wake_sleeper(struct block_request *request, int error)
{
    struct sleeper *sleeper = request->owner;

    sleeper->error = error;
    sleeper->done = true;
    wait_queue_wake_all(&sleeper->queue);
}

static int sleeper_copy(struct block_request *request, uint64_t offset, void *buffer, size_t bytes,
                        bool to_buffer)
{
    char *ours = ((struct sleeper *)request->owner)->buffer + offset;

    memcpy(to_buffer ? buffer : ours, to_buffer ? ours : buffer, bytes);
    return 0;
}

static int submit_and_sleep(struct block_device *device, struct block_request *request,
                            char *buffer)
{
    struct sleeper sleeper = { .turn.come = sleeper_come,
                               .queue = WAIT_QUEUE_INIT,
                               .buffer = buffer };
    int error;

    request->done = wake_sleeper;
    request->owner = &sleeper;
    while ((error = block_device_submit(device, request, &sleeper.turn)) == -EAGAIN) {
        while (!sleeper.our_turn)
            wait_queue_wait(&sleeper.queue);
        sleeper.our_turn = false;
    }
    block_device_leave(device, &sleeper.turn); /* it lives on this stack */
    if (error) {
        request->owner = NULL;
        return error;
    }
    block_device_kick(device);
    while (!sleeper.done)
        wait_queue_wait(&sleeper.queue);
    request->owner = NULL;
    return sleeper.error;
}

/* The buffer's beginning as pieces within pages; how many bytes they have. */
static size_t pieces_make(struct block_segment pieces[PIECES], unsigned int *count, char *buffer,
                          size_t bytes)
{
    char *at = buffer;

    for (*count = 0; bytes && *count < PIECES; (*count)++) {
        size_t piece = PAGE_SIZE - ((uintptr_t)at & (PAGE_SIZE - 1));

        piece = piece < bytes ? piece : bytes;
        pieces[*count] = (struct block_segment){ .machine = frames_virt_to_machine(at),
                                                 .bytes = (uint32_t)piece };
        at += piece;
        bytes -= piece;
    }
    return (size_t)(at - buffer);
}

static int transfer(struct block_device *device, enum block_operation operation, uint64_t sector,
                    char *buffer, size_t bytes)
{
    struct block_segment pieces[PIECES];

    if (bytes % BLOCK_SECTOR_SIZE || (uintptr_t)buffer % BLOCK_SECTOR_SIZE)
        return -EINVAL;
    while (bytes) {
        struct block_request request = {
            .operation = operation, .sector = sector, .segments = pieces, .copy = sleeper_copy
        };
        size_t total = pieces_make(pieces, &request.segment_count, buffer, bytes);
        int error = submit_and_sleep(device, &request, buffer);

        if (error)
            return error;
        buffer += total;
        bytes -= total;
        sector += total / BLOCK_SECTOR_SIZE;
    }
    return 0;
}

int block_device_read(struct block_device *device, uint64_t sector, void *buffer, size_t bytes)
{
    return transfer(device, BLOCK_READ, sector, buffer, bytes);
}

int block_device_write(struct block_device *device, uint64_t sector, const void *buffer,
                       size_t bytes)
{
    return transfer(device, BLOCK_WRITE, sector, (char *)(uintptr_t)buffer, bytes);
}

int block_device_flush(struct block_device *device)
{
    struct block_request request = { .operation = BLOCK_FLUSH };
    int error = submit_and_sleep(device, &request, NULL);

    return error == -EOPNOTSUPP ? 0 : error; /* it has no cache that could be lost */
}

int block_device_do(struct block_device *device, struct block_request *request)
{
    return submit_and_sleep(device, request, NULL);
}
