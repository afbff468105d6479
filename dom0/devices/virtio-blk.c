/*
 * virtio-blk: commands become requests in slots (virtio-slots.h): header, data pages by machine
 * address, status byte.  Headers and status bytes of all slots are in one page.
 */
#include "devices/virtio-blk.h"
#include "devices/disk-names.h"
#include "devices/disk.h"
#include "devices/pci-names.h"
#include "devices/virtio-slots.h"
#include "pv-kernel/event-ports.h"
#include "pv-kernel/frames.h"
#include "tasks/task.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VIRTIO_BLK_ID_MODERN       0x1042
#define VIRTIO_BLK_ID_TRANSITIONAL 0x1001

/* virtio 1.1, 5.2.3 and 5.2.4 */
enum {
    F_SEG_MAX = 2,
    F_RO = 5,
    F_BLK_SIZE = 6,
    F_FLUSH = 9,
    F_TOPOLOGY = 10,
    F_DISCARD = 13,
    F_WRITE_ZEROES = 14
};
enum {
    CONFIG_CAPACITY = 0,
    CONFIG_SEG_MAX = 12,
    CONFIG_BLK_SIZE = 20,
    CONFIG_PHYSICAL_EXPONENT = 24,
    CONFIG_DISCARD_SECTORS = 36,
    CONFIG_DISCARD_ALIGNMENT = 44,
    CONFIG_ZEROES_SECTORS = 48
};
enum { TYPE_IN, TYPE_OUT, TYPE_FLUSH = 4, TYPE_ID = 8, TYPE_DISCARD = 11, TYPE_ZEROES = 13 };
enum { ANSWER_OK, ANSWER_ERROR, ANSWER_UNSUPPORTED };

#define FEATURES                                                                                   \
    (1ULL << F_SEG_MAX | 1ULL << F_RO | 1ULL << F_BLK_SIZE | 1ULL << F_FLUSH |                     \
     1ULL << F_TOPOLOGY | 1ULL << F_DISCARD | 1ULL << F_WRITE_ZEROES | 1ULL << VIRTIO_F_INDIRECT | \
     1ULL << VIRTIO_F_EVENT_INDEX)

#define AROUND 2u /* pieces of a request that are header and status */
/* Commands at once: whose turn is next waits for all that are there already. */
#define DEPTH        16u
#define SLOTS_MAX    64u        /* whose memory is a page */
#define BYTES_MAX    (1u << 20) /* of one command */
#define SERIAL_BYTES 20
#define ANSWER_MS    1000 /* that a disk may take to say who it is */

struct request_header {
    uint32_t type, reserved;
    uint64_t sector;
};

/* The data of a discard and of zeroes (5.2.6). */
struct range {
    uint64_t sector;
    uint32_t sectors, flags;
};

/* What the device reads and writes besides the data. */
struct slot_memory {
    struct request_header header;
    struct range range;
    uint8_t status;
    uint8_t pad[31];
};
_Static_assert(sizeof(struct slot_memory) * SLOTS_MAX == PAGE_SIZE, "a page has all of them");

struct virtio_disk {
    struct disk disk; /* first */
    struct disk_controller controller;
    struct virtio_device virtio;
    struct virtqueue queue;
    struct slot_memory *memory;
    struct virtio_slots slots;
    uint64_t features;
};

static bool has(const struct virtio_disk *disk, unsigned int feature)
{
    return disk->features >> feature & 1;
}

static struct virtio_disk *virtio_disk_of(struct disk_controller *controller)
{
    return controller->state;
}

static void request_put(struct virtio_disk *disk, unsigned int slot, uint32_t type, uint64_t sector,
                        const struct block_segment *data, unsigned int count)
{
    struct slot_memory *memory = &disk->memory[slot];
    struct virtio_chain chain = virtio_chain_begin(&disk->slots, slot);
    bool write = type == TYPE_IN || type == TYPE_ID;

    memory->header = (struct request_header){ .type = type, .sector = sector };
    memory->status = 0xff;
    virtio_chain_add(&chain, frames_virt_to_machine(&memory->header), sizeof(memory->header),
                     false);
    for (unsigned int i = 0; i < count; i++)
        virtio_chain_add(&chain, data[i].machine, data[i].bytes, write);
    virtio_chain_add(&chain, frames_virt_to_machine(&memory->status), 1, true);
    virtio_chain_end(&disk->slots, slot, &chain);
}

static void range_put(struct virtio_disk *disk, unsigned int slot, uint32_t type,
                      const struct disk_command *command)
{
    struct range *range = &disk->memory[slot].range;
    struct block_segment data = { .machine = frames_virt_to_machine(range),
                                  .bytes = sizeof(*range) };

    *range = (struct range){ .sector = command->sector, .sectors = (uint32_t)command->sectors };
    request_put(disk, slot, type, 0, &data, 1);
}

static void issue(struct disk *of, unsigned int slot, const struct block_segment *segments,
                  unsigned int count)
{
    struct virtio_disk *disk = (struct virtio_disk *)of;
    const struct disk_command *command = &of->commands[slot];

    switch (command->operation) {
    case BLOCK_READ:
        request_put(disk, slot, TYPE_IN, command->sector, segments, count);
        break;
    case BLOCK_WRITE:
        request_put(disk, slot, TYPE_OUT, command->sector, segments, count);
        break;
    case BLOCK_FLUSH:
        request_put(disk, slot, TYPE_FLUSH, 0, NULL, 0);
        break;
    case BLOCK_DISCARD:
        range_put(disk, slot, TYPE_DISCARD, command);
        break;
    case BLOCK_WRITE_ZEROES:
        range_put(disk, slot, TYPE_ZEROES, command);
        break;
    }
}

static void kick(struct disk_controller *controller)
{
    struct virtio_disk *disk = virtio_disk_of(controller);

    virtqueue_publish(&disk->queue);
    virtqueue_ring(&disk->queue);
}

static void complete(struct virtio_disk *disk, uint16_t head)
{
    unsigned int slot = virtio_slot_of(&disk->slots, head);
    uint8_t status;

    if (slot >= disk->disk.slots)
        return; /* the device names a chain it was not given */
    status = disk->memory[slot].status;
    disk_command_done(&disk->disk, slot,
                      status == ANSWER_OK            ? 0
                      : status == ANSWER_UNSUPPORTED ? -EOPNOTSUPP
                                                     : -EIO);
}

static void take(struct disk_controller *controller)
{
    struct virtio_disk *disk = virtio_disk_of(controller);
    unsigned int most = disk->queue.size; /* once around: then others may run */
    uint16_t head;

    virtqueue_interrupts_off(&disk->queue);
    do {
        for (; most && virtqueue_take(&disk->queue, &head); most--)
            complete(disk, head);
    } while (virtqueue_interrupts_on(&disk->queue) && most);
    if (!most)
        disk_controller_wake(controller);
}

static int look(struct disk_controller *controller)
{
    return virtio_needs_reset(&virtio_disk_of(controller)->virtio) ? -EAGAIN : 0;
}

static int stop(struct disk_controller *controller)
{
    return virtio_reset(&virtio_disk_of(controller)->virtio);
}

static int restart(struct disk_controller *controller)
{
    struct virtio_disk *disk = virtio_disk_of(controller);
    uint64_t features;
    int error = virtio_negotiate(&disk->virtio, disk->features, &features);

    if (!error && (features & disk->features) != disk->features)
        error = -ENODEV; /* it is not what its users were told any more */
    if (!error)
        error = virtio_queue_setup(&disk->virtio, &disk->queue, 0, 0);
    if (!error)
        virtio_ready(&disk->virtio);
    else
        virtio_fail(&disk->virtio);
    return error;
}

static const struct disk_driver driver = {
    .issue = issue, .kick = kick, .take = take, .look = look, .stop = stop, .restart = restart
};

static void interrupt(evtchn_port_t port, void *arg)
{
    (void)port;
    disk_controller_wake(arg);
}

static int slots_make(struct virtio_disk *disk)
{
    int error = virtio_slots_make(&disk->slots, &disk->queue, has(disk, VIRTIO_F_INDIRECT), DEPTH);

    disk->disk.slots = disk->slots.count;
    disk->memory = error ? NULL : frames_alloc(0);
    return error || disk->memory ? error : -ENOMEM;
}

static int queue_start(struct virtio_disk *disk)
{
    uint32_t port;
    int error = pci_bind_msix(disk->virtio.pci, 0, &port);

    if (error)
        return error;
    disk->virtio.common->msix_config = VIRTIO_NO_VECTOR; /* of configuration changes */
    error = virtio_queue_setup(&disk->virtio, &disk->queue, 0, 0);
    if (!error)
        error = slots_make(disk);
    if (error)
        return error;
    event_port_set_handler(port, interrupt, &disk->controller);
    virtio_ready(&disk->virtio);
    return 0;
}

static uint32_t config_word(const struct virtio_disk *disk, unsigned int offset)
{
    return *(volatile uint32_t *)(disk->virtio.config + offset);
}

static void read_limits(struct virtio_disk *disk)
{
    struct block_limits *limits = &disk->disk.block.limits;
    unsigned int exponent =
        has(disk, F_TOPOLOGY) ? disk->virtio.config[CONFIG_PHYSICAL_EXPONENT] : 0;
    uint32_t segments = virtio_slots_pieces(&disk->slots) - AROUND;
    uint32_t most = has(disk, F_SEG_MAX) ? config_word(disk, CONFIG_SEG_MAX) : segments;

    limits->sector_size =
        has(disk, F_BLK_SIZE) ? config_word(disk, CONFIG_BLK_SIZE) : BLOCK_SECTOR_SIZE;
    limits->physical_sector_size = limits->sector_size << (exponent < 12 ? exponent : 0);
    limits->bytes = BYTES_MAX;
    limits->segments = most && most < segments ? most : segments;
    limits->flush = has(disk, F_FLUSH);
    if (has(disk, F_DISCARD)) {
        limits->discard_sectors = config_word(disk, CONFIG_DISCARD_SECTORS);
        limits->discard_granularity =
            config_word(disk, CONFIG_DISCARD_ALIGNMENT) * BLOCK_SECTOR_SIZE;
    }
    if (has(disk, F_WRITE_ZEROES))
        limits->zeroes_sectors = config_word(disk, CONFIG_ZEROES_SECTORS);
}

static void describe(struct virtio_disk *disk)
{
    struct block_device *block = &disk->disk.block;

    pci_place(disk->virtio.pci, block->place);
    block->sectors =
        config_word(disk, CONFIG_CAPACITY) | (uint64_t)config_word(disk, CONFIG_CAPACITY + 4) << 32;
    block->read_only = has(disk, F_RO);
    strcpy(block->model, "virtio-blk");
    read_limits(disk);
}

/* What the disk says of itself: 20 bytes, ended by a zero if shorter.  A disk need not know. */
static void take_serial(struct virtio_disk *disk, const char *text)
{
    char serial[SERIAL_BYTES + 1] = { 0 };

    for (size_t i = 0; i < SERIAL_BYTES && text[i]; i++)
        serial[i] = strchr(" /\\", text[i]) || text[i] < ' ' || text[i] > '~' ? '_' : text[i];
    if (serial[0])
        snprintf(disk->disk.block.id, sizeof(disk->disk.block.id), "virtio-%s", serial);
}

/* Before it is anybody's disk: slot 0 is asked for it, and looked at. */
static int read_serial(struct virtio_disk *disk)
{
    struct block_segment data = { .bytes = SERIAL_BYTES };
    char *text = frames_alloc(0);
    uint16_t head;
    int ms = 0;

    if (!text)
        return -ENOMEM;
    data.machine = frames_virt_to_machine(text);
    request_put(disk, 0, TYPE_ID, 0, &data, 1);
    kick(&disk->controller);
    while (!virtqueue_take(&disk->queue, &head)) {
        if (ms++ == ANSWER_MS)
            return -ETIMEDOUT; /* it may write there still: the page is not given back */
        task_sleep_ns(1000000);
    }
    if (disk->memory[0].status == ANSWER_OK)
        take_serial(disk, text);
    frames_free(text, 0);
    return 0;
}

static int set_up(struct virtio_disk *disk)
{
    int error = virtio_negotiate(&disk->virtio, FEATURES, &disk->features);

    if (!error)
        error = queue_start(disk);
    if (error)
        return error;
    describe(disk);
    return read_serial(disk);
}

static int disk_start(struct pci_device *pci, const char *name)
{
    struct virtio_disk *disk = calloc(1, sizeof(*disk));
    int error;

    if (!disk)
        return -ENOMEM;
    snprintf(disk->disk.block.name, sizeof(disk->disk.block.name), "%s", name);
    disk->controller =
        (struct disk_controller){ .name = disk->disk.block.name, .driver = &driver, .state = disk };
    error = virtio_open(&disk->virtio, pci);
    if (error) {
        free(disk);
        return error;
    }
    error = set_up(disk);
    if (!error)
        error = disk_controller_start(&disk->controller);
    if (error) {
        virtio_fail(&disk->virtio);
        return error; /* the device may still know the memory: it is not given back */
    }
    pci->driver = "virtio-blk";
    return disk_register(&disk->disk, &disk->controller);
}

/*
 * A disk's letter is its place among the disks of the machine, whether they start or not: what goes
 * wrong with one never renames another.
 */
void virtio_blk_start(void)
{
    unsigned int index = 0;
    char name[DISK_NAME_BYTES], place[PCI_PLACE_BYTES];

    for (struct pci_device *pci = pci_devices_first(); pci; pci = pci->next) {
        int error;

        if (pci->vendor != 0x1af4 ||
            (pci->device != VIRTIO_BLK_ID_MODERN && pci->device != VIRTIO_BLK_ID_TRANSITIONAL))
            continue;
        disk_name_by_index(name, "vd", index++);
        error = disk_start(pci, name);
        if (!error)
            continue;
        pci_short_place(pci, place);
        printf("%s: virtio-blk device %s does not start: %s\n", name, place, strerror(-error));
    }
}
