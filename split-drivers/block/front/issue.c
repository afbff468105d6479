/*
 * Issue: commands into the rings.
 *
 * A command takes its place in line and goes from there in order: to the ring of its queue, with a
 * reference for each of its pieces, and a list of them if they are too many for a slot.  Whatever
 * is lacking will come back with an answer (answers.c).
 */
#include "split-drivers/block/front/remote.h"
#include "pv-kernel/event-ports.h"
#include "pv-kernel/frames.h"
#include "pv-kernel/own-grants.h"
#include <errno.h>
#include <string.h>

#define barrier() __asm__ volatile("" : : : "memory")

/* The block protocol's operations; those the disk was not told of never come. */
static uint8_t operation_of(enum block_operation operation)
{
    static const uint8_t operations[] = { [BLOCK_READ] = BLKIF_OP_READ,
                                          [BLOCK_WRITE] = BLKIF_OP_WRITE,
                                          [BLOCK_FLUSH] = BLKIF_OP_FLUSH_DISKCACHE,
                                          [BLOCK_DISCARD] = BLKIF_OP_DISCARD };

    return operations[operation];
}

/* Whoever asked has the data in these segments; or it is copied, and then lies in whole pages. */
static void pieces_fill(struct remote *remote, struct remote_command *command,
                        const struct block_segment *segments, unsigned int count)
{
    uint64_t bytes = 0;

    for (unsigned int i = 0; i < count; i++) {
        command->pieces[i] =
            (struct remote_piece){ .machine = segments[i].machine, .bytes = segments[i].bytes };
        bytes += segments[i].bytes;
    }
    command->count = count;
    if (!remote->persistent)
        return;
    for (command->count = 0; bytes; command->count++) {
        uint32_t piece = bytes < PAGE_SIZE ? (uint32_t)bytes : (uint32_t)PAGE_SIZE;

        command->pieces[command->count] = (struct remote_piece){ .bytes = piece };
        bytes -= piece;
    }
}

void issue_command(struct disk *disk, unsigned int slot, const struct block_segment *segments,
                   unsigned int count)
{
    struct remote *remote = (struct remote *)disk;
    struct remote_command *command = &remote->commands[slot];

    command->state = REMOTE_WAITS;
    command->operation = operation_of(disk->commands[slot].operation);
    command->spoilt = false;
    pieces_fill(remote, command, segments, count);
    command->next = NULL;
    *remote->waiting_last = command;
    remote->waiting_last = &command->next;
    issue_waiting(remote);
}

static bool is_long(const struct remote_command *command)
{
    return command->count > BLKIF_MAX_SEGMENTS_PER_REQUEST;
}

static bool has_room(const struct remote *remote, const struct remote_command *command)
{
    const struct remote_queue *queue = &remote->queues[command->queue];

    return queue->produced - queue->consumed < queue->slots &&
           remote->free_buffer_count >= command->count &&
           (!is_long(command) || remote->free_list_count);
}

static void buffers_take(struct remote *remote, struct remote_command *command)
{
    bool read_only = command->operation == BLKIF_OP_WRITE;

    for (unsigned int i = 0; i < command->count; i++) {
        struct remote_piece *piece = &command->pieces[i];
        struct remote_buffer *buffer;

        piece->buffer = remote->free_buffers[--remote->free_buffer_count];
        buffer = &remote->buffers[piece->buffer];
        if (buffer->page)
            continue;
        grant_reference_open(buffer->ref, remote->domid, piece->machine >> PAGE_SHIFT, read_only);
        buffer->open = true;
    }
}

int issue_copy(struct remote *remote, const struct remote_command *command, bool to_buffers)
{
    const struct disk_command *of = &remote->disk.commands[command - remote->commands];
    struct block_request *request = of->request;
    uint64_t offset = 0;

    for (unsigned int i = 0; i < command->count; i++) {
        const struct remote_piece *piece = &command->pieces[i];
        char *ours = remote->buffers[piece->buffer].page;
        char *bounce = of->bounced ? (char *)remote->disk.bounce + offset : NULL;

        if (of->bounced)
            memcpy(to_buffers ? ours : bounce, to_buffers ? bounce : ours, piece->bytes);
        else if (!request->copy ||
                 request->copy(request, of->from.bytes + offset, ours, piece->bytes, to_buffers))
            return -EIO;
        offset += piece->bytes;
    }
    return 0;
}

static void segments_put(const struct remote *remote, const struct remote_command *command,
                         struct blkif_request_segment *segments)
{
    for (unsigned int i = 0; i < command->count; i++) {
        const struct remote_piece *piece = &command->pieces[i];
        unsigned int first = (unsigned int)(piece->machine % PAGE_SIZE / BLOCK_SECTOR_SIZE);

        segments[i].gref = remote->buffers[piece->buffer].ref;
        segments[i].first_sect = (uint8_t)first;
        segments[i].last_sect = (uint8_t)(first + piece->bytes / BLOCK_SECTOR_SIZE - 1);
    }
}

static void slot_fill(struct remote *remote, struct remote_command *command,
                      union remote_slot *slot)
{
    unsigned int id = (unsigned int)(command - remote->commands);
    const struct disk_command *of = &remote->disk.commands[id];

    memset(slot, 0, sizeof(*slot)); /* the padding is the backend's to read */
    slot->request.operation = command->operation;
    slot->request.handle = (blkif_vdev_t)remote->number;
    slot->request.id = id;
    if (command->operation == BLKIF_OP_FLUSH_DISKCACHE)
        return;
    slot->request.sector_number = of->sector;
    if (command->operation == BLKIF_OP_DISCARD) {
        slot->discard.nr_sectors = of->sectors;
    } else if (!command->listed) {
        slot->request.nr_segments = (uint8_t)command->count;
        segments_put(remote, command, slot->request.seg);
    } else {
        slot->indirect.operation = BLKIF_OP_INDIRECT;
        slot->indirect.indirect_op = command->operation;
        slot->indirect.nr_segments = (uint16_t)command->count;
        slot->indirect.id = id;
        slot->indirect.sector_number = of->sector;
        slot->indirect.handle = (blkif_vdev_t)remote->number;
        slot->indirect.indirect_grefs[0] = remote->lists[command->list].ref;
        segments_put(remote, command, remote->lists[command->list].page);
    }
}

static void slot_put(struct remote_queue *queue, const union remote_slot *slot)
{
    volatile uint64_t *to =
        (volatile uint64_t *)&queue->ring->slots[queue->produced++ % queue->slots];
    uint64_t words[sizeof(*slot) / sizeof(uint64_t)];

    memcpy(words, slot, sizeof(words));
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        to[i] = words[i];
}

static void command_send(struct remote *remote, struct remote_command *command)
{
    union remote_slot slot;

    buffers_take(remote, command);
    if (remote->persistent && command->operation == BLKIF_OP_WRITE &&
        issue_copy(remote, command, true)) {
        /* Nobody may be called back from here: it ends with the next answers. */
        command->spoilt = remote->any_spoilt = true;
        disk_controller_wake(&remote->controller);
        return;
    }
    command->listed = is_long(command);
    if (command->listed)
        command->list = remote->free_lists[--remote->free_list_count];
    slot_fill(remote, command, &slot);
    slot_put(&remote->queues[command->queue], &slot);
}

void issue_waiting(struct remote *remote)
{
    while (remote->waiting_first && remote->state == REMOTE_CONNECTED && !remote->broken) {
        struct remote_command *command = remote->waiting_first;

        command->queue = (unsigned int)(command - remote->commands) % remote->queue_count;
        if (!has_room(remote, command))
            return;
        remote->waiting_first = command->next;
        if (!remote->waiting_first)
            remote->waiting_last = &remote->waiting_first;
        command->state = REMOTE_UNDER_WAY;
        command_send(remote, command);
    }
}

void issue_push(struct remote *remote)
{
    for (unsigned int i = 0; i < remote->queue_count; i++) {
        struct remote_queue *queue = &remote->queues[i];
        uint32_t old = queue->pushed;

        if (remote->state != REMOTE_CONNECTED || old == queue->produced)
            continue;
        queue->pushed = queue->produced;
        barrier(); /* requests before the index; partner: the backend reads in that order */
        queue->ring->header.req_prod = queue->pushed;
        __sync_synchronize(); /* the index before the threshold is read */
        if (ring_must_notify(queue->ring->header.req_event, queue->pushed, old))
            event_port_notify(queue->port);
    }
}

void issue_forget(struct remote *remote)
{
    for (unsigned int i = 0; remote->commands && i < remote->disk.slots; i++)
        remote->commands[i].state = REMOTE_IDLE;
    remote->waiting_first = NULL;
    remote->waiting_last = &remote->waiting_first;
    remote->any_spoilt = false;
}
