/*
 * virtio-net's control queue: one command at a time, whose answer is waited for by looking. Devices
 * answer before they return from the doorbell, or soon.
 */
#include "devices/virtio-net-control.h"
#include "pv-kernel/frames.h"
#include "tasks/task.h"
#include <errno.h>
#include <string.h>

enum { CLASS_RECEIVE = 0, CLASS_ADDRESSES = 1, CLASS_QUEUES = 4 };
enum { RECEIVE_PROMISCUOUS = 0, RECEIVE_ALL_MULTICAST = 1 };
enum { ADDRESSES_SET = 0 };
enum { QUEUES_SET_PAIRS = 0 };

#define COMMAND_HEADER 2u /* class, command */
#define ANSWER_AT      (PAGE_SIZE - 1)
#define ANSWER_MS      1000

static int answer_await(struct control_queue *queue)
{
    struct virtq_used used;

    for (int i = 0; !virtqueue_take_used(&queue->ring, &used); i++) {
        if (i == ANSWER_MS)
            return -EIO;
        task_sleep_ns(1000000);
    }
    return queue->memory[ANSWER_AT] ? -ENOTSUP : 0;
}

static int command_send(struct control_queue *queue, uint8_t class, uint8_t command, size_t bytes)
{
    volatile struct virtq_descriptor *d = queue->ring.descriptors;
    uint64_t machine = frames_virt_to_machine(queue->memory);

    queue->memory[0] = class;
    queue->memory[1] = command;
    queue->memory[ANSWER_AT] = 0xff;
    d[0].address = machine;
    d[0].length = (uint32_t)(COMMAND_HEADER + bytes);
    d[0].flags = VIRTQ_NEXT;
    d[0].next = 1;
    d[1].address = machine + ANSWER_AT;
    d[1].length = 1;
    d[1].flags = VIRTQ_WRITE;
    virtqueue_add(&queue->ring, 0);
    virtqueue_publish(&queue->ring);
    virtqueue_ring(&queue->ring);
    return answer_await(queue);
}

int control_queue_set_pairs(struct control_queue *queue, uint16_t pairs)
{
    memcpy(queue->memory + COMMAND_HEADER, &pairs, sizeof(pairs));
    return command_send(queue, CLASS_QUEUES, QUEUES_SET_PAIRS, sizeof(pairs));
}

static int switch_set(struct control_queue *queue, uint8_t command, bool on)
{
    queue->memory[COMMAND_HEADER] = on;
    return command_send(queue, CLASS_RECEIVE, command, 1);
}

/* Two tables, each a count and so many addresses: no further ones of our own, then multicasts. */
static int addresses_set(struct control_queue *queue, const struct net_filter *filter)
{
    uint8_t *at = queue->memory + COMMAND_HEADER;
    uint32_t none = 0, count = filter->multicast_count;

    memcpy(at, &none, sizeof(none));
    memcpy(at + 4, &count, sizeof(count));
    memcpy(at + 8, filter->multicast, 6UL * count);
    return command_send(queue, CLASS_ADDRESSES, ADDRESSES_SET, 8 + 6UL * count);
}

int control_queue_set_filter(struct control_queue *queue, const struct net_filter *filter)
{
    int error = switch_set(queue, RECEIVE_PROMISCUOUS, filter->promiscuous);

    if (!error)
        error = switch_set(queue, RECEIVE_ALL_MULTICAST, filter->all_multicast);
    if (!error)
        error = addresses_set(queue, filter);
    return error;
}
