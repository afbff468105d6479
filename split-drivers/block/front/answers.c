/*
 * Answers: out of the rings, each copied once, checked there, and its data ours again before
 * whoever asked is told.
 */
#include "split-drivers/block/front/remote.h"
#include "pv-kernel/event-ports.h"
#include <errno.h>
#include <string.h>

#define barrier() __asm__ volatile("" : : : "memory")

static int error_of(int16_t status)
{
    return status == BLKIF_RSP_OKAY ? 0 : status == BLKIF_RSP_EOPNOTSUPP ? -EOPNOTSUPP : -EIO;
}

/* False: the backend uses one of its pages still. */
static bool buffers_close(struct remote *remote, const struct remote_command *command)
{
    for (unsigned int i = 0; i < command->count; i++) {
        struct remote_buffer *buffer = &remote->buffers[command->pieces[i].buffer];

        if (!buffer->page && link_buffer_close(buffer))
            return false;
    }
    return true;
}

/* The disk may use the slot again as soon as it is told. */
static void command_end(struct remote *remote, struct remote_command *command, int error)
{
    if (!error && remote->persistent && command->operation == BLKIF_OP_READ)
        error = issue_copy(remote, command, false);
    for (unsigned int i = 0; i < command->count; i++)
        remote->free_buffers[remote->free_buffer_count++] = command->pieces[i].buffer;
    if (!command->spoilt && command->listed)
        remote->free_lists[remote->free_list_count++] = command->list;
    command->state = REMOTE_IDLE;
    disk_command_done(&remote->disk, (unsigned int)(command - remote->commands), error);
}

static bool answer_take(struct remote *remote, unsigned int queue,
                        const struct blkif_response *response)
{
    struct remote_command *command;

    if (response->id >= remote->disk.slots ||
        remote->commands[response->id].state != REMOTE_UNDER_WAY ||
        remote->commands[response->id].spoilt || remote->commands[response->id].queue != queue) {
        remote_break(remote, "an answer to what was not asked");
        return false;
    }
    command = &remote->commands[response->id];
    if (response->operation != command->operation) {
        remote_break(remote, "an answer of another kind than was asked");
        return false;
    }
    if (!buffers_close(remote, command)) {
        remote_break(remote, "an answered page is still in use");
        return false;
    }
    command_end(remote, command, error_of(response->status));
    return true;
}

static void response_copy(struct blkif_response *to, const volatile union remote_slot *from)
{
    uint64_t words[sizeof(*to) / sizeof(uint64_t)];

    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        words[i] = ((const volatile uint64_t *)from)[i];
    memcpy(to, words, sizeof(words));
}

static void queue_take(struct remote *remote, unsigned int number)
{
    struct remote_queue *queue = &remote->queues[number];
    uint32_t end;

    if (!queue->ring)
        return; /* it could not be made */
    end = queue->ring->header.rsp_prod;
    if (end - queue->consumed > queue->pushed - queue->consumed) {
        remote_break(remote, "an impossible index of answers");
        return;
    }
    barrier(); /* the index before the answers it covers; partner: the backend's store order */
    while (queue->consumed != end) {
        struct blkif_response response;

        response_copy(&response, &queue->ring->slots[queue->consumed % queue->slots]);
        queue->consumed++;
        if (!answer_take(remote, number, &response))
            return;
    }
}

/* Lets events in again; true: something came before that. */
static bool queue_more(struct remote_queue *queue)
{
    if (!queue->ring)
        return false;
    if (queue->port)
        event_port_reopen(queue->port);
    queue->ring->header.rsp_event = queue->consumed + 1;
    __sync_synchronize(); /* our wish before we look; partner: the backend's push and check */
    return queue->ring->header.rsp_prod != queue->consumed;
}

static void spoilt_end(struct remote *remote)
{
    if (!remote->any_spoilt)
        return;
    remote->any_spoilt = false;
    for (unsigned int i = 0; i < remote->disk.slots; i++)
        if (remote->commands[i].state == REMOTE_UNDER_WAY && remote->commands[i].spoilt)
            command_end(remote, &remote->commands[i], -EIO);
}

void answers_take(struct remote *remote)
{
    bool more;

    do {
        more = false;
        spoilt_end(remote);
        for (unsigned int i = 0; i < remote->queue_count && !remote->broken; i++)
            queue_take(remote, i);
        for (unsigned int i = 0; i < remote->queue_count && !remote->broken; i++)
            more |= queue_more(&remote->queues[i]);
    } while (more);
    issue_waiting(remote);
    issue_push(remote);
}
