/*
 * NVMe: rings, enabling and disabling, and the commands that administer it, which are polled.
 */
#include "devices/nvme-parts.h"
#include "pv-kernel/frames.h"
#include "tasks/task.h"
#include <errno.h>
#include <string.h>

enum { CREATE_COMMANDS = 1, CREATE_COMPLETIONS = 5, IDENTIFY = 6, SET_FEATURES = 9 };
enum { FEATURE_QUEUES = 7 };
#define CONTIGUOUS 1u
#define INTERRUPTS 2u

#define ANSWER_MS 5000u /* that it may take for an answer while it is set up */
#define barrier() __asm__ volatile("" : : : "memory")

uint32_t nvme_read(const struct nvme *nvme, unsigned int offset)
{
    return *(volatile uint32_t *)(nvme->registers + offset);
}

static void write32(struct nvme *nvme, unsigned int offset, uint32_t value)
{
    *(volatile uint32_t *)(nvme->registers + offset) = value;
}

static void write64(struct nvme *nvme, unsigned int offset, uint64_t value)
{
    write32(nvme, offset, (uint32_t)value);
    write32(nvme, offset + 4, (uint32_t)(value >> 32));
}

void nvme_put(struct nvme_queue *queue, const struct nvme_command *command)
{
    queue->commands[queue->tail] = *command;
    queue->tail = (uint16_t)((queue->tail + 1u) % queue->entries);
}

void nvme_ring(struct nvme_queue *queue)
{
    if (queue->rung == queue->tail)
        return;
    barrier(); /* commands before the doorbell; partner: the controller reads them after it */
    *queue->command_doorbell = queue->rung = queue->tail;
}

bool nvme_take(struct nvme_queue *queue, struct nvme_completion *completion)
{
    volatile struct nvme_completion *at = &queue->completions[queue->head];
    uint16_t status = at->status;

    if ((status & 1) != queue->phase)
        return false;
    barrier(); /* the phase before the rest; partner: the controller writes it last */
    *completion = (struct nvme_completion){ .result = at->result, .id = at->id };
    completion->status = status >> 1;
    queue->head = (uint16_t)((queue->head + 1u) % queue->entries);
    if (!queue->head)
        queue->phase = !queue->phase;
    return true;
}

void nvme_taken(struct nvme_queue *queue)
{
    *queue->completion_doorbell = queue->head;
}

/* Waits until CSTS.RDY is so; how long that may take, CAP.TO says [3.1.1]. */
static int wait_ready(struct nvme *nvme, bool ready)
{
    unsigned int ms = ((unsigned int)(nvme->capabilities >> 24) & 0xff) * 500 + 500;
    uint32_t status;

    while (((status = nvme_read(nvme, NVME_CSTS)) & NVME_CSTS_RDY) != ready) {
        if (ready && status & NVME_CSTS_CFS)
            return -EIO;
        if (!ms--)
            return -ETIMEDOUT;
        task_sleep_ns(1000000);
    }
    return status == UINT32_MAX ? -ENODEV : 0;
}

int nvme_disable(struct nvme *nvme)
{
    uint32_t configuration = nvme_read(nvme, NVME_CC);
    int error;

    if (configuration == UINT32_MAX)
        error = -ENODEV;
    else {
        if (configuration & 1)
            write32(nvme, NVME_CC, configuration & ~1u);
        error = wait_ready(nvme, false);
    }
    if (error)
        pci_disable(nvme->pci);
    return error;
}

/* Empty rings: new ones, or those it had before it was disabled. */
static int rings_make(struct nvme *nvme, struct nvme_queue *queue, unsigned int number)
{
    unsigned int stride = 4u << (nvme->capabilities >> 32 & 0xf); /* CAP.DSTRD */
    unsigned int most = (unsigned int)(nvme->capabilities & 0xffff) + 1;
    volatile uint8_t *doorbell = nvme->registers + NVME_DOORBELLS + (size_t)stride * 2 * number;
    bool had = queue->commands && queue->completions;

    if (!queue->commands)
        queue->commands = frames_alloc(0);
    if (!queue->completions)
        queue->completions = frames_alloc(0);
    if (!queue->commands || !queue->completions)
        return -ENOMEM;
    if (!had)
        queue->entries = (uint16_t)(most < NVME_ENTRIES ? most : NVME_ENTRIES);
    memset((void *)(uintptr_t)queue->completions, 0, PAGE_SIZE);
    queue->tail = queue->rung = queue->head = 0;
    queue->phase = true;
    queue->command_doorbell = (volatile uint32_t *)doorbell;
    queue->completion_doorbell = (volatile uint32_t *)(doorbell + stride);
    return 0;
}

int nvme_enable(struct nvme *nvme)
{
    struct nvme_queue *admin = &nvme->admin;
    uint32_t last;
    int error = rings_make(nvme, admin, NVME_ADMIN_QUEUE);

    if (error)
        return error;
    last = admin->entries - 1u;
    write32(nvme, NVME_AQA, last << 16 | last);
    write64(nvme, NVME_ASQ, frames_virt_to_machine(admin->commands));
    write64(nvme, NVME_ACQ, frames_virt_to_machine((void *)(uintptr_t)admin->completions));
    write32(nvme, NVME_CC, NVME_CC_ENABLE);
    return wait_ready(nvme, true);
}

/* One at a time; its answer's result, if wanted. */
static int administer(struct nvme *nvme, struct nvme_command *command, uint32_t *result)
{
    struct nvme_completion completion;
    unsigned int ms = 0;

    command->id = nvme->admin.tail;
    nvme_put(&nvme->admin, command);
    nvme_ring(&nvme->admin);
    for (;;) {
        if (nvme_take(&nvme->admin, &completion)) {
            nvme_taken(&nvme->admin);
            if (completion.id == command->id)
                break;
            continue; /* the late answer to one that was given up */
        }
        if (ms++ == ANSWER_MS)
            return -ETIMEDOUT;
        task_sleep_ns(1000000);
    }
    if (completion.status & 0x7ff)
        return -EIO;
    if (result)
        *result = completion.result;
    return 0;
}

int nvme_identify(struct nvme *nvme, uint32_t what, uint32_t namespace_id, void *page)
{
    struct nvme_command command = { .opcode = IDENTIFY,
                                    .namespace_id = namespace_id,
                                    .word10 = what };

    command.prp[0] = frames_virt_to_machine(page);
    return administer(nvme, &command, NULL);
}

/* A pair of rings; all interrupt by the first message [5.3, 5.4]. */
static int queue_create(struct nvme *nvme, unsigned int number)
{
    struct nvme_queue *queue = &nvme->queues[number - 1];
    struct nvme_command command = { .opcode = CREATE_COMPLETIONS };
    int error = rings_make(nvme, queue, number);

    if (error)
        return error;
    command.prp[0] = frames_virt_to_machine((void *)(uintptr_t)queue->completions);
    command.word10 = (queue->entries - 1u) << 16 | number;
    command.word11 = CONTIGUOUS | INTERRUPTS;
    error = administer(nvme, &command, NULL);
    if (error)
        return error;
    command.opcode = CREATE_COMMANDS;
    command.prp[0] = frames_virt_to_machine(queue->commands);
    command.word11 = CONTIGUOUS | number << 16;
    return administer(nvme, &command, NULL);
}

int nvme_queues_create(struct nvme *nvme)
{
    unsigned int wanted = nvme->queue_count ? nvme->queue_count : NVME_QUEUES_MAX, granted;
    struct nvme_command command = { .opcode = SET_FEATURES,
                                    .word10 = FEATURE_QUEUES,
                                    .word11 = (wanted - 1) << 16 | (wanted - 1) };
    uint32_t result;
    int error = administer(nvme, &command, &result);

    if (error)
        return error;
    granted = (result & 0xffff) < result >> 16 ? (result & 0xffff) + 1 : (result >> 16) + 1;
    if (granted < nvme->queue_count)
        return -EIO; /* commands are spread over as many as there were */
    nvme->queue_count = granted < wanted ? granted : wanted;
    for (unsigned int i = 1; i <= nvme->queue_count && !error; i++)
        error = queue_create(nvme, i);
    return error;
}
