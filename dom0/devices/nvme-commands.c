/*
 * NVMe: a disk's commands in its words, and what it answers.
 *
 * A command's tag is its slot behind those of the controller's other disks; it says in which of the
 * rings it goes and is its identifier there, so no ring ever has more than fit.
 */
#include "devices/nvme-parts.h"
#include "pv-kernel/frames.h"
#include <errno.h>

enum { FLUSH = 0, WRITE = 1, READ = 2, WRITE_ZEROES = 8, DATASET_MANAGEMENT = 9 };
#define FUA        (1u << 30)
#define DEALLOCATE (1u << 2)

/* Answers that mean that a command is not known: invalid opcode or field [4.6.1.2]. */
enum { STATUS_INVALID_OPCODE = 1, STATUS_INVALID_FIELD = 2 };

struct range { /* [6.7] */
    uint32_t attributes, blocks;
    uint64_t first;
};

/*
 * Pages by address [4.3]: the first one may start anywhere in its page, the others are whole but
 * for the last one's end; with more than two, all but the first are in a list.
 */
static void pages_set(struct nvme_command *command, uint64_t *list,
                      const struct block_segment *segments, unsigned int count)
{
    unsigned int pages = 0;

    for (unsigned int i = 0; i < count; i++) {
        uint64_t at = segments[i].machine, end = at + segments[i].bytes;

        for (; at < end; at = (at | (PAGE_SIZE - 1)) + 1, pages++)
            if (pages)
                list[pages - 1] = at;
            else
                command->prp[0] = at;
    }
    command->prp[1] = pages < 2 ? 0 : pages == 2 ? list[0] : frames_virt_to_machine(list);
}

/* Pieces of any alignment [4.4]; more than one are in a list. */
static void pieces_set(struct nvme_command *command, struct nvme_sgl *list,
                       const struct block_segment *segments, unsigned int count)
{
    command->flags = NVME_FLAG_SGL;
    for (unsigned int i = 0; i < count; i++)
        list[i] = (struct nvme_sgl){ .address = segments[i].machine,
                                     .length = segments[i].bytes,
                                     .type = NVME_DATA_SGL };
    command->sgl = count == 1 ? list[0]
                              : (struct nvme_sgl){ .address = frames_virt_to_machine(list),
                                                   .length = count * (uint32_t)sizeof(*list),
                                                   .type = NVME_LAST_SGL };
}

static void blocks_set(const struct nvme_disk *disk, struct nvme_command *command,
                       const struct disk_command *what)
{
    uint64_t first = what->sector >> (disk->shift - 9);

    command->word10 = (uint32_t)first;
    command->word11 = (uint32_t)(first >> 32);
    command->word12 = (uint32_t)(what->sectors >> (disk->shift - 9)) - 1;
    if (what->fua)
        command->word12 |= FUA;
}

static void range_set(const struct nvme_disk *disk, struct nvme_command *command,
                      const struct disk_command *what, struct range *range)
{
    *range = (struct range){ .blocks = (uint32_t)(what->sectors >> (disk->shift - 9)),
                             .first = what->sector >> (disk->shift - 9) };
    command->prp[0] = frames_virt_to_machine(range);
    command->word11 = DEALLOCATE;
}

static void issue(struct disk *of, unsigned int slot, const struct block_segment *segments,
                  unsigned int count)
{
    static const uint8_t opcodes[] = { [BLOCK_READ] = READ,
                                       [BLOCK_WRITE] = WRITE,
                                       [BLOCK_FLUSH] = FLUSH,
                                       [BLOCK_DISCARD] = DATASET_MANAGEMENT,
                                       [BLOCK_WRITE_ZEROES] = WRITE_ZEROES };
    const struct nvme_disk *disk = (struct nvme_disk *)of;
    const struct disk_command *what = &of->commands[slot];
    struct nvme *nvme = disk->nvme;
    unsigned int tag = of->slot_base + slot;
    struct nvme_command command = { .opcode = opcodes[what->operation],
                                    .id = (uint16_t)tag,
                                    .namespace_id = disk->namespace_id };

    if (what->operation == BLOCK_DISCARD)
        range_set(disk, &command, what, nvme->lists[tag]);
    else if (what->operation != BLOCK_FLUSH)
        blocks_set(disk, &command, what);
    if (count && nvme->sgl)
        pieces_set(&command, nvme->lists[tag], segments, count);
    else if (count)
        pages_set(&command, nvme->lists[tag], segments, count);
    nvme_put(&nvme->queues[tag % nvme->queue_count], &command);
}

static void kick(struct disk_controller *controller)
{
    struct nvme *nvme = controller->state;

    for (unsigned int i = 0; i < nvme->queue_count; i++)
        nvme_ring(&nvme->queues[i]);
}

/* Status code and its type; 0x80 is a namespace's own: out of range and the like. */
static int error_of(uint16_t status)
{
    unsigned int code = status & 0xff, type = status >> 8 & 7;

    if (!code && !type)
        return 0;
    if (!type && (code == STATUS_INVALID_OPCODE || code == STATUS_INVALID_FIELD))
        return -EOPNOTSUPP;
    return -EIO;
}

static void complete(struct nvme *nvme, const struct nvme_completion *completion)
{
    struct nvme_disk *disk = completion->id < nvme->tags ? nvme->by_tag[completion->id] : NULL;

    if (disk)
        disk_command_done(&disk->disk, completion->id - disk->disk.slot_base,
                          error_of(completion->status));
}

static bool queue_take(struct nvme *nvme, struct nvme_queue *queue)
{
    struct nvme_completion completion;
    bool any = false;

    /* Once around at most: a controller that always has more must not keep dom0. */
    for (unsigned int i = 0; i < queue->entries && nvme_take(queue, &completion); i++) {
        complete(nvme, &completion);
        any = true;
    }
    if (any)
        nvme_taken(queue);
    return any;
}

static void take(struct disk_controller *controller)
{
    struct nvme *nvme = controller->state;
    bool any = false;

    for (unsigned int i = 0; i < nvme->queue_count; i++)
        any |= queue_take(nvme, &nvme->queues[i]);
    if (any)
        disk_controller_wake(controller); /* the rings are looked at again, others may run before */
}

static int look(struct disk_controller *controller)
{
    uint32_t status = nvme_read(controller->state, NVME_CSTS);

    return status == UINT32_MAX ? -ENODEV : status & NVME_CSTS_CFS ? -EAGAIN : 0;
}

static int stop(struct disk_controller *controller)
{
    return nvme_disable(controller->state);
}

static int restart(struct disk_controller *controller)
{
    struct nvme *nvme = controller->state;
    int error = nvme_enable(nvme);

    if (!error)
        error = nvme_queues_create(nvme);
    if (!error)
        error = nvme_same_disks(nvme);
    if (error)
        nvme_disable(nvme);
    return error;
}

const struct disk_driver nvme_driver = {
    .issue = issue, .kick = kick, .take = take, .look = look, .stop = stop, .restart = restart
};
