/*
 * virtio-blk: requests become descriptor chains (header, data pages by machine address, status
 * byte); the used ring is emptied by one task per disk, which the interrupt wakes.
 *
 * A slot per request in flight owns a header and a status byte in one page; its number is the
 * head of its chain's descriptors, which are preassigned: slot s uses descriptors
 * s*CHAIN .. s*CHAIN+CHAIN-1.  So there is no descriptor allocator.
 *
 * A disk that asks to be reset, or answers nothing for TIMEOUT_NS, is reset by its own task: what
 * was in flight ends with -EIO, and the disk starts anew, or is dead if that does not help.  Other
 * disks and their users do not notice.
 */
#include "devices/virtio-blk.h"
#include "devices/block-device.h"
#include "devices/pci-names.h"
#include "devices/virtio-pci.h"
#include "pv-kernel/clock.h"
#include "pv-kernel/event-ports.h"
#include "pv-kernel/frames.h"
#include "tasks/task.h"
#include "tasks/wait-queue.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VIRTIO_BLK_ID_MODERN       0x1042
#define VIRTIO_BLK_ID_TRANSITIONAL 0x1001

enum { F_RO = 5, F_BLK_SIZE = 6, F_FLUSH = 9, F_TOPOLOGY = 10 };
enum { CONFIG_CAPACITY = 0, CONFIG_BLK_SIZE = 20, CONFIG_PHYSICAL_EXPONENT = 24 };
enum { TYPE_IN = 0, TYPE_OUT = 1, TYPE_FLUSH = 4, TYPE_ID = 8 };

#define CHAIN     (BLOCK_MAX_SEGMENTS + 2) /* data, header, status */
#define DATA_MAX  (CHAIN - 2)
#define SLOTS_MAX 32

#define SERIAL_BYTES 20

#define TIMEOUT_NS 30000000000ULL
#define LOOK_NS    1000000000ULL /* how often a disk at work is looked at */
#define RESETS_MAX 3u            /* without an answer in between */

struct request_header {
    uint32_t type, reserved;
    uint64_t sector;
};

/* What the device reads and writes besides the data; SLOTS_MAX of them fit a page. */
struct slot_memory {
    struct request_header header;
    uint8_t status;
    uint8_t pad[47];
};

struct virtio_disk {
    struct block_device block;
    struct virtio_device virtio;
    struct virtqueue queue;
    struct slot_memory *memory;
    struct block_request *requests[SLOTS_MAX]; /* NULL: free */
    uint64_t submitted[SLOTS_MAX];             /* when, by clock_monotonic_ns */
    unsigned int slots, in_flight;
    bool kick_needed;
    enum { DISK_WORKS, DISK_RESETS, DISK_DEAD } state;
    unsigned int resets;
    uint64_t features;
    struct wait_queue interrupts;
    bool interrupted;
    bool looked_after; /* it is at work: its task wakes without an interrupt, too */
    uint64_t next_look;
};

static unsigned int slot_find(struct virtio_disk *disk)
{
    unsigned int slot = 0;

    while (slot < disk->slots && disk->requests[slot])
        slot++;
    return slot;
}

static void descriptor_set(struct virtio_disk *disk, unsigned int index, uint64_t address,
                           uint32_t length, uint16_t flags)
{
    volatile struct virtq_descriptor *d = &disk->queue.descriptors[index];

    d->address = address;
    d->length = length;
    d->flags = flags;
    d->next = (uint16_t)(index + 1);
}

static int submit_as(struct virtio_disk *disk, struct block_request *request, uint32_t type)
{
    unsigned int slot = slot_find(disk), at = slot * CHAIN;
    uint16_t write = request->operation == BLOCK_READ ? VIRTQ_WRITE : 0;
    struct slot_memory *memory = &disk->memory[slot];

    if (request->segment_count > DATA_MAX)
        return -E2BIG;
    if (disk->state == DISK_DEAD)
        return -EIO;
    if (slot == disk->slots || disk->state == DISK_RESETS)
        return -EAGAIN;
    disk->requests[slot] = request;
    disk->submitted[slot] = clock_monotonic_ns();
    disk->in_flight++;
    memory->header = (struct request_header){ .type = type, .sector = request->sector };
    memory->status = 0xff;
    descriptor_set(disk, at++, frames_virt_to_machine(&memory->header), sizeof(memory->header),
                   VIRTQ_NEXT);
    for (unsigned int i = 0; i < request->segment_count; i++)
        descriptor_set(disk, at++, request->segments[i].machine, request->segments[i].bytes,
                       (uint16_t)(VIRTQ_NEXT | write));
    descriptor_set(disk, at, frames_virt_to_machine(&memory->status), 1, VIRTQ_WRITE);
    virtqueue_add(&disk->queue, (uint16_t)(slot * CHAIN));
    disk->kick_needed = true;
    return 0;
}

static int submit(struct block_device *block, struct block_request *request)
{
    static const uint32_t types[] = {
        [BLOCK_READ] = TYPE_IN, [BLOCK_WRITE] = TYPE_OUT, [BLOCK_FLUSH] = TYPE_FLUSH
    };

    return submit_as(block->driver_state, request, types[request->operation]);
}

static void kick(struct block_device *block)
{
    struct virtio_disk *disk = block->driver_state;

    if (!disk->kick_needed)
        return;
    disk->kick_needed = false;
    virtqueue_publish(&disk->queue);
    virtqueue_ring(&disk->queue);
    if (!disk->looked_after) {
        disk->looked_after = true;
        disk->next_look = clock_monotonic_ns() + LOOK_NS;
        wait_queue_wake_all(&disk->interrupts);
    }
}

static const struct block_driver driver = { .submit = submit, .kick = kick };

static void slot_end(struct virtio_disk *disk, unsigned int slot, int error)
{
    struct block_request *request = disk->requests[slot];

    disk->requests[slot] = NULL;
    disk->in_flight--;
    request->done(request, error);
}

static void complete(struct virtio_disk *disk, uint16_t head)
{
    unsigned int slot = head / CHAIN;
    uint8_t status;

    if (head % CHAIN || slot >= disk->slots || !disk->requests[slot])
        return; /* the device names a chain it was not given */
    status = disk->memory[slot].status;
    disk->resets = 0;
    slot_end(disk, slot, status == 0 ? 0 : status == 2 ? -EOPNOTSUPP : -EIO);
}

static void interrupt(evtchn_port_t port, void *arg)
{
    struct virtio_disk *disk = arg;

    (void)port;
    disk->interrupted = true;
    wait_queue_wake_all(&disk->interrupts);
}

/* Sleeps until the disk calls, or it is time to look after it (true). */
static bool wait_for_disk(struct virtio_disk *disk)
{
    bool was = events_mask_save();

    while (!disk->interrupted && !disk->looked_after)
        wait_queue_wait(&disk->interrupts);
    if (!disk->interrupted)
        wait_queue_wait_until(&disk->interrupts, disk->next_look);
    disk->interrupted = false;
    events_mask_restore(was);
    if (!disk->looked_after || clock_monotonic_ns() < disk->next_look)
        return false;
    disk->next_look += LOOK_NS;
    return true;
}

static void take_finished(struct virtio_disk *disk)
{
    uint16_t head;

    virtqueue_interrupts_off(&disk->queue);
    do {
        while (virtqueue_take(&disk->queue, &head))
            complete(disk, head);
    } while (virtqueue_interrupts_on(&disk->queue));
}

static bool disk_hangs(const struct virtio_disk *disk)
{
    uint64_t now = clock_monotonic_ns();

    if (disk->state == DISK_DEAD)
        return false;
    for (unsigned int slot = 0; slot < disk->slots; slot++)
        if (disk->requests[slot] && now - disk->submitted[slot] > TIMEOUT_NS)
            return true;
    return virtio_needs_reset(&disk->virtio);
}

static int disk_restart(struct virtio_disk *disk)
{
    uint64_t features;
    int error = virtio_negotiate(&disk->virtio, disk->features, &features);

    if (!error && (features & disk->features) != disk->features)
        error = -ENODEV; /* it is not what its users were told any more */
    if (!error)
        error = virtio_queue_setup(&disk->virtio, &disk->queue, 0, 0);
    if (!error)
        virtio_ready(&disk->virtio);
    return error;
}

/* Ends what is in flight and starts the disk anew.  Sleeps while the disk resets. */
static void disk_reset(struct virtio_disk *disk)
{
    int error;

    printf("%s: the disk does not answer or asks for it: reset\n", disk->block.name);
    disk->state = DISK_RESETS;
    error = virtio_reset(&disk->virtio); /* from here on it touches no memory */
    take_finished(disk);
    for (unsigned int slot = 0; slot < disk->slots; slot++)
        if (disk->requests[slot])
            slot_end(disk, slot, -EIO);
    if (!error && ++disk->resets <= RESETS_MAX)
        error = disk_restart(disk);
    else
        error = error ? error : -EIO;
    if (error) {
        virtio_fail(&disk->virtio);
        printf("%s: the disk is dead: %s\n", disk->block.name, strerror(-error));
    }
    disk->state = error ? DISK_DEAD : DISK_WORKS;
}

static void completion_task(void *arg)
{
    struct virtio_disk *disk = arg;

    for (;;) {
        bool look = wait_for_disk(disk);

        take_finished(disk);
        if (look && disk_hangs(disk))
            disk_reset(disk);
        block_device_room(&disk->block);
        if (look && !disk->in_flight)
            disk->looked_after = false; /* until the next request */
    }
}

static int queue_start(struct virtio_disk *disk)
{
    uint32_t port;
    int error = pci_bind_msix(disk->virtio.pci, 0, &port);

    if (error)
        return error;
    disk->virtio.common->msix_config = 0xffff; /* no interrupt for configuration changes */
    error = virtio_queue_setup(&disk->virtio, &disk->queue, 0, 0);
    if (error)
        return error;
    disk->memory = frames_alloc(0);
    if (!disk->memory)
        return -ENOMEM;
    disk->slots = disk->queue.size / CHAIN;
    if (disk->slots > SLOTS_MAX)
        disk->slots = SLOTS_MAX;
    if (!disk->slots)
        return -ENODEV;
    if (!task_spawn("virtio-blk", completion_task, disk, 0))
        return -ENOMEM;
    event_port_set_handler(port, interrupt, disk);
    virtio_ready(&disk->virtio);
    return 0;
}

/* As Linux counts: vda ... vdz, vdaa ... */
static void name_by_index(char *name, size_t size, unsigned int index)
{
    char letters[8];
    size_t at = sizeof(letters) - 1;

    letters[at] = '\0';
    for (index++; index; index = (index - 1) / 26)
        letters[--at] = (char)('a' + (index - 1) % 26);
    snprintf(name, size, "vd%s", letters + at);
}

static uint32_t config_word(const struct virtio_disk *disk, unsigned int offset)
{
    return *(volatile uint32_t *)(disk->virtio.config + offset);
}

static void read_sector_sizes(struct virtio_disk *disk, uint64_t features)
{
    struct block_device *block = &disk->block;
    unsigned int exponent = 0;

    block->sector_size =
        features & 1ULL << F_BLK_SIZE ? config_word(disk, CONFIG_BLK_SIZE) : BLOCK_SECTOR_SIZE;
    if (features & 1ULL << F_TOPOLOGY)
        exponent = disk->virtio.config[CONFIG_PHYSICAL_EXPONENT];
    block->physical_sector_size = block->sector_size << (exponent < 12 ? exponent : 0);
}

/* -EINVAL: its sectors are of a size that nothing here can handle. */
static int describe(struct virtio_disk *disk, uint64_t features, unsigned int index)
{
    struct block_device *block = &disk->block;

    name_by_index(block->name, sizeof(block->name), index);
    pci_place(disk->virtio.pci, block->place);
    block->sectors =
        config_word(disk, CONFIG_CAPACITY) | (uint64_t)config_word(disk, CONFIG_CAPACITY + 4) << 32;
    read_sector_sizes(disk, features);
    if (block->sector_size < BLOCK_SECTOR_SIZE || block->sector_size > PAGE_SIZE ||
        block->sector_size & (block->sector_size - 1))
        return -EINVAL;
    block->sectors -= block->sectors % (block->sector_size / BLOCK_SECTOR_SIZE);
    block->read_only = features & 1ULL << F_RO;
    block->has_flush = features & 1ULL << F_FLUSH;
    block->driver = &driver;
    block->driver_state = disk;
    strcpy(block->model, "virtio-blk");
    return 0;
}

struct identity {
    struct wait_queue answered;
    bool done;
    int error;
};

static void identified(struct block_request *request, int error)
{
    struct identity *identity = request->owner;

    identity->error = error;
    identity->done = true;
    wait_queue_wake_all(&identity->answered);
}

/* What the disk says of itself: 20 bytes, ended by a zero if shorter.  A disk need not know. */
static int read_serial(struct virtio_disk *disk)
{
    struct identity identity = { .answered = WAIT_QUEUE_INIT };
    char *text = frames_alloc(0);
    struct block_request request = { .done = identified, .owner = &identity, .segment_count = 1 };
    int error;

    if (!text)
        return -ENOMEM;
    request.segments[0] =
        (struct block_segment){ .machine = frames_virt_to_machine(text), .bytes = SERIAL_BYTES };
    error = submit_as(disk, &request, TYPE_ID);
    if (!error)
        kick(&disk->block);
    while (!error && !identity.done)
        wait_queue_wait(&identity.answered);
    for (size_t i = 0; !error && !identity.error && i < SERIAL_BYTES && text[i]; i++)
        disk->block.serial[i] =
            strchr(" /\\", text[i]) || text[i] < ' ' || text[i] > '~' ? '_' : text[i];
    frames_free(text, 0);
    return error;
}

static int disk_start(struct pci_device *pci, unsigned int index, struct block_device **started)
{
    struct virtio_disk *disk = calloc(1, sizeof(*disk));
    uint64_t features;
    int error;

    if (!disk)
        return -ENOMEM;
    error = virtio_open(&disk->virtio, pci);
    if (!error)
        error = virtio_negotiate(
            &disk->virtio, 1ULL << F_RO | 1ULL << F_BLK_SIZE | 1ULL << F_FLUSH | 1ULL << F_TOPOLOGY,
            &features);
    if (!error)
        error = describe(disk, features, index);
    if (!error)
        error = queue_start(disk);
    if (error) {
        if (disk->virtio.common)
            virtio_fail(&disk->virtio);
        return error; /* the device may still know the memory: it is not given back */
    }
    disk->features = features;
    pci->driver = "virtio-blk";
    *started = &disk->block;
    error = read_serial(disk);
    return error ? error : block_device_register(&disk->block);
}

/*
 * A disk's letter is its place among the disks of the machine, whether they start or not: what goes
 * wrong with one never renames another.
 */
void virtio_blk_start(void)
{
    unsigned int index = 0;
    char name[16], place[PCI_PLACE_BYTES];

    for (struct pci_device *pci = pci_devices_first(); pci; pci = pci->next) {
        struct block_device *disk;
        int error;

        if (pci->vendor != 0x1af4 ||
            (pci->device != VIRTIO_BLK_ID_MODERN && pci->device != VIRTIO_BLK_ID_TRANSITIONAL))
            continue;
        name_by_index(name, sizeof(name), index);
        error = disk_start(pci, index++, &disk);
        if (error) {
            pci_short_place(pci, place);
            printf("%s: virtio-blk device %s does not start: %s\n", name, place, strerror(-error));
            continue;
        }
        error = partitions_scan(disk);
        if (error)
            printf("%s: its partitions cannot be read: %s\n", name, strerror(-error));
    }
}
