/*
 * virtio-scsi (virtio 1.1, 5.6): one request queue for all disks of a controller.
 *
 * Each disk has its own share of the slots, so that one which does not answer stalls its own users
 * alone; when it has not answered for too long the controller is reset, and the others' commands
 * are issued again.
 */
#include "devices/virtio-scsi.h"
#include "devices/pci-names.h"
#include "devices/virtio-scsi-parts.h"
#include "pv-kernel/clock.h"
#include "pv-kernel/event-ports.h"
#include "pv-kernel/frames.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ID_MODERN       0x1048
#define ID_TRANSITIONAL 0x1004
#define REQUEST_QUEUE   2u
#define CDB_BYTES       32u
#define TRIES_MAX       5u
#define TOLD_NS         1000000000ULL
#define FEATURES        (1ULL << VIRTIO_F_INDIRECT | 1ULL << VIRTIO_F_EVENT_INDEX)

static struct virtio_scsi *scsi_of(const struct disk_controller *controller)
{
    return controller->state;
}

struct virtio_scsi_memory *virtio_scsi_memory_of(const struct virtio_scsi *scsi, unsigned int slot)
{
    return &scsi->memory[slot / VIRTIO_SCSI_IN_PAGE][slot % VIRTIO_SCSI_IN_PAGE];
}

void virtio_scsi_put(struct virtio_scsi *scsi, unsigned int slot, uint8_t target, uint16_t lun,
                     const struct block_segment *data, unsigned int count, bool to_memory)
{
    struct virtio_scsi_memory *memory = virtio_scsi_memory_of(scsi, slot);
    struct virtio_chain chain = virtio_chain_begin(&scsi->slots, slot);
    uint8_t address[8] = { 1, target, (uint8_t)(0x40 | lun >> 8), (uint8_t)lun };

    memcpy(memory->request.lun, address, sizeof(address));
    memory->request.id = slot;
    memory->response.response = VIRTIO_SCSI_NO_ANSWER;
    virtio_chain_add(&chain, frames_virt_to_machine(&memory->request), sizeof(memory->request),
                     false);
    for (unsigned int i = 0; i < count && !to_memory; i++)
        virtio_chain_add(&chain, data[i].machine, data[i].bytes, false);
    virtio_chain_add(&chain, frames_virt_to_machine(&memory->response), sizeof(memory->response),
                     true);
    for (unsigned int i = 0; i < count && to_memory; i++)
        virtio_chain_add(&chain, data[i].machine, data[i].bytes, true);
    virtio_chain_end(&scsi->slots, slot, &chain);
}

static void bare_put(struct scsi_disk *disk, unsigned int slot, const void *data, uint32_t bytes)
{
    struct block_segment segment = { .machine = data ? frames_virt_to_machine(data) : 0,
                                     .bytes = bytes };

    virtio_scsi_put(disk->scsi, slot, disk->target, disk->lun, &segment, data ? 1 : 0, false);
}

static void issue(struct disk *of, unsigned int slot, const struct block_segment *segments,
                  unsigned int count)
{
    struct scsi_disk *disk = (struct scsi_disk *)of;
    const struct disk_command *command = &of->commands[slot];
    uint32_t own = disk->identity.block_size / BLOCK_SECTOR_SIZE;
    uint64_t block = command->sector / own;
    uint32_t blocks = (uint32_t)(command->sectors / own);
    unsigned int number = of->slot_base + slot;
    struct virtio_scsi_memory *memory = virtio_scsi_memory_of(disk->scsi, number);
    uint8_t *cdb = memory->request.cdb;

    disk->scsi->tries[number] = 0;
    disk->scsi->later[number] = false;
    switch (command->operation) {
    case BLOCK_READ:
        scsi_cdb_read(cdb, block, blocks);
        virtio_scsi_put(disk->scsi, number, disk->target, disk->lun, segments, count, true);
        break;
    case BLOCK_WRITE:
        scsi_cdb_write(cdb, block, blocks, command->fua);
        virtio_scsi_put(disk->scsi, number, disk->target, disk->lun, segments, count, false);
        break;
    case BLOCK_FLUSH:
        scsi_cdb_flush(cdb);
        bare_put(disk, number, NULL, 0);
        break;
    case BLOCK_DISCARD:
        scsi_cdb_unmap(cdb, memory->parameters, block, blocks);
        bare_put(disk, number, memory->parameters, sizeof(memory->parameters));
        break;
    case BLOCK_WRITE_ZEROES:
        scsi_cdb_same(cdb, block, blocks);
        bare_put(disk, number, disk->scsi->zeroes, disk->identity.block_size);
        break;
    }
}

void virtio_scsi_kick(struct virtio_scsi *scsi)
{
    scsi->again = false;
    virtqueue_publish(&scsi->queue);
    virtqueue_ring(&scsi->queue);
}

static void kick(struct disk_controller *controller)
{
    virtio_scsi_kick(scsi_of(controller));
}

enum scsi_verdict virtio_scsi_verdict(const struct virtio_scsi_response *response)
{
    uint32_t sense = response->sense_bytes;

    switch (response->response) {
    case VIRTIO_SCSI_OK:
        return scsi_verdict(response->status, response->sense,
                            sense < VIRTIO_SCSI_SENSE ? sense : VIRTIO_SCSI_SENSE);
    case VIRTIO_SCSI_ABORTED:
    case VIRTIO_SCSI_RESET:
        return SCSI_AGAIN;
    case VIRTIO_SCSI_BUSY:
        return SCSI_LATER;
    default:
        return SCSI_FAILED;
    }
}

static int error_of(enum scsi_verdict verdict, enum block_operation operation)
{
    bool optional = operation == BLOCK_DISCARD || operation == BLOCK_WRITE_ZEROES;

    if (verdict == SCSI_GOOD)
        return 0;
    return verdict == SCSI_ILLEGAL && optional ? -EOPNOTSUPP : -EIO;
}

/* What the disk could not take when it was busy goes again. */
static void later_go(struct virtio_scsi *scsi, unsigned int from, unsigned int count)
{
    for (unsigned int slot = from; slot < from + count; slot++) {
        if (!scsi->later[slot])
            continue;
        scsi->later[slot] = false;
        virtio_slot_again(&scsi->slots, slot);
        scsi->again = true;
    }
}

/* A line about what a disk could not do, at most one a second. */
static void error_tell(struct virtio_scsi *scsi, const struct disk *disk, unsigned int slot,
                       const struct virtio_scsi_response *response)
{
    const struct disk_command *command = &disk->commands[slot];
    uint64_t now = clock_monotonic_ns();

    if (scsi->told && now - scsi->told < TOLD_NS)
        return;
    scsi->told = now;
    printf("%s: operation %d at sector %llu: response %u, status %02x, sense %02x %02x %02x\n",
           disk->block.name, (int)command->operation, (unsigned long long)command->sector,
           (unsigned int)response->response, (unsigned int)response->status,
           (unsigned int)response->sense[2], (unsigned int)response->sense[12],
           (unsigned int)response->sense[13]);
}

static void command_end(struct virtio_scsi *scsi, struct scsi_disk *disk, unsigned int number,
                        enum scsi_verdict verdict)
{
    unsigned int slot = number - disk->disk.slot_base;

    /* While it is stopped nothing is put off: the commands that are left are issued again, or end,
     * and what was put off must not outlive them. */
    if (scsi->controller.health != DISKS_WORK && (verdict == SCSI_LATER || verdict == SCSI_AGAIN))
        return;
    if (verdict == SCSI_LATER) {
        scsi->later[number] = true;
        return;
    }
    if (verdict == SCSI_AGAIN && scsi->tries[number]++ < TRIES_MAX) {
        virtio_slot_again(&scsi->slots, number);
        scsi->again = true;
        return;
    }
    disk_command_done(&disk->disk, slot, error_of(verdict, disk->disk.commands[slot].operation));
    if (scsi->controller.health == DISKS_WORK)
        later_go(scsi, disk->disk.slot_base, disk->disk.slots);
}

static void complete(struct virtio_scsi *scsi, uint16_t head)
{
    unsigned int number = virtio_slot_of(&scsi->slots, head), nth = number / scsi->share;
    struct scsi_disk *disk = nth < scsi->disk_count ? scsi->disks[nth] : NULL;
    struct virtio_scsi_response response;
    enum scsi_verdict verdict;
    unsigned int slot;

    if (number == scsi->slots.count || !disk)
        return; /* the device names a chain it was not given */
    slot = number - disk->disk.slot_base;
    if (slot >= disk->disk.slots || !disk->disk.commands[slot].request || scsi->later[number])
        return;
    response = virtio_scsi_memory_of(scsi, number)->response;
    verdict = virtio_scsi_verdict(&response);
    if (verdict == SCSI_GOOD && response.residual)
        verdict = SCSI_FAILED; /* not all of it was moved */
    if (verdict == SCSI_FAILED)
        error_tell(scsi, &disk->disk, slot, &response);
    command_end(scsi, disk, number, verdict);
}

static void take(struct disk_controller *controller)
{
    struct virtio_scsi *scsi = scsi_of(controller);
    unsigned int most = scsi->queue.size; /* once around: then others may run */
    uint16_t head;

    virtqueue_interrupts_off(&scsi->queue);
    do {
        for (; most && virtqueue_take(&scsi->queue, &head); most--)
            complete(scsi, head);
    } while (virtqueue_interrupts_on(&scsi->queue) && most);
    if (!most)
        disk_controller_wake(controller);
    if (scsi->again)
        virtio_scsi_kick(scsi);
}

static int look(struct disk_controller *controller)
{
    struct virtio_scsi *scsi = scsi_of(controller);

    if (virtio_needs_reset(&scsi->virtio))
        return -EAGAIN;
    later_go(scsi, 0, scsi->slots.count);
    if (scsi->again)
        virtio_scsi_kick(scsi);
    return 0;
}

static int stop(struct disk_controller *controller)
{
    struct virtio_scsi *scsi = scsi_of(controller);

    memset(scsi->later, 0, sizeof(scsi->later)); /* all are issued again, or end */
    scsi->again = false;
    return virtio_reset(&scsi->virtio);
}

uint32_t virtio_scsi_config(const struct virtio_scsi *scsi, unsigned int offset)
{
    return *(volatile uint32_t *)(scsi->virtio.config + offset);
}

static void config_set(const struct virtio_scsi *scsi, unsigned int offset, uint32_t value)
{
    if (virtio_scsi_config(scsi, offset) != value)
        *(volatile uint32_t *)(scsi->virtio.config + offset) = value;
}

/* From a reset on: with these features. */
static int start(struct virtio_scsi *scsi)
{
    int error = virtio_queue_setup(&scsi->virtio, &scsi->queue, REQUEST_QUEUE, 0);

    if (error) {
        virtio_fail(&scsi->virtio);
        return error;
    }
    config_set(scsi, VIRTIO_SCSI_SENSE_SIZE, VIRTIO_SCSI_SENSE);
    config_set(scsi, VIRTIO_SCSI_CDB_SIZE, CDB_BYTES);
    virtio_ready(&scsi->virtio);
    return 0;
}

static int restart(struct disk_controller *controller)
{
    struct virtio_scsi *scsi = scsi_of(controller);
    uint64_t features;
    int error = virtio_negotiate(&scsi->virtio, scsi->features, &features);

    if (!error && (features & scsi->features) != scsi->features)
        error = -ENODEV;
    return error ? error : start(scsi);
}

int virtio_scsi_renew(struct virtio_scsi *scsi)
{
    int error = stop(&scsi->controller);

    return error ? error : restart(&scsi->controller);
}

static const struct disk_driver driver = {
    .issue = issue, .kick = kick, .take = take, .look = look, .stop = stop, .restart = restart
};

static void interrupt(evtchn_port_t port, void *arg)
{
    (void)port;
    disk_controller_wake(arg);
}

static int memory_make(struct virtio_scsi *scsi)
{
    bool indirect = scsi->features >> VIRTIO_F_INDIRECT & 1;
    int error = virtio_slots_make(&scsi->slots, &scsi->queue, indirect, VIRTIO_SCSI_SLOTS);

    if (error)
        return error;
    for (unsigned int slot = 0; slot < scsi->slots.count; slot += VIRTIO_SCSI_IN_PAGE) {
        scsi->memory[slot / VIRTIO_SCSI_IN_PAGE] = frames_alloc(0);
        if (!scsi->memory[slot / VIRTIO_SCSI_IN_PAGE])
            return -ENOMEM;
    }
    scsi->answer = frames_alloc(0);
    scsi->zeroes = frames_alloc(0);
    return scsi->answer && scsi->zeroes ? 0 : -ENOMEM;
}

/* Nobody is there: it is stopped, so that the memory may go. */
static void give_up(struct virtio_scsi *scsi)
{
    virtio_reset(&scsi->virtio);
    virtio_slots_free(&scsi->slots);
    for (unsigned int i = 0; i < VIRTIO_SCSI_SLOTS / VIRTIO_SCSI_IN_PAGE; i++)
        if (scsi->memory[i])
            frames_free(scsi->memory[i], 0);
    frames_free(scsi->answer, 0);
    frames_free(scsi->zeroes, 0);
}

static int open(struct virtio_scsi *scsi, struct pci_device *pci)
{
    uint32_t port;
    int error = virtio_open(&scsi->virtio, pci);

    if (!error)
        error = virtio_negotiate(&scsi->virtio, FEATURES, &scsi->features);
    if (!error)
        error = pci_bind_msix(pci, 0, &port);
    if (error)
        return error;
    event_port_set_handler(port, interrupt, &scsi->controller);
    scsi->virtio.common->msix_config = VIRTIO_NO_VECTOR;
    error = start(scsi);
    return error ? error : memory_make(scsi);
}

static int disks_start(struct virtio_scsi *scsi)
{
    uint32_t each = virtio_scsi_config(scsi, VIRTIO_SCSI_CMD_PER_LUN);
    int error = disk_controller_start(&scsi->controller);

    if (error)
        return error;
    scsi->share = scsi->slots.count / scsi->disk_count;
    for (unsigned int n = 0; n < scsi->disk_count; n++) {
        struct disk *disk = &scsi->disks[n]->disk;

        disk->slot_base = n * scsi->share;
        disk->slots = each && each < scsi->share ? each : scsi->share;
        error = disk_register(disk, &scsi->controller);
        if (error)
            printf("%s: does not start: %s\n", disk->block.name, strerror(-error));
    }
    return 0;
}

static int controller_start(struct virtio_scsi *scsi, struct pci_device *pci)
{
    int error = open(scsi, pci);

    scsi->share = 1; /* until there are disks */
    if (!error)
        error = virtio_scsi_scan(scsi);
    if (!error && scsi->disk_count)
        error = disks_start(scsi);
    if (!error) {
        pci->driver = "virtio-scsi";
        if (!scsi->disk_count)
            give_up(scsi);
    } else if (scsi->virtio.common)
        virtio_fail(&scsi->virtio);
    return error;
}

/* None is ever given back: a device that did not start may still know its memory. */
static struct virtio_scsi *controllers;

static bool is_virtio_scsi(const struct pci_device *pci)
{
    return pci->vendor == 0x1af4 && (pci->device == ID_MODERN || pci->device == ID_TRANSITIONAL);
}

void virtio_scsi_start(void)
{
    unsigned int index = 0;
    char place[PCI_PLACE_BYTES];

    for (struct pci_device *pci = pci_devices_first(); pci; pci = pci->next) {
        struct virtio_scsi *scsi = is_virtio_scsi(pci) ? calloc(1, sizeof(*scsi)) : NULL;
        int error;

        if (!scsi)
            continue;
        snprintf(scsi->name, sizeof(scsi->name), "scsi%u", index++);
        scsi->controller =
            (struct disk_controller){ .name = scsi->name, .driver = &driver, .state = scsi };
        scsi->next = controllers;
        controllers = scsi;
        error = controller_start(scsi, pci);
        if (!error)
            continue;
        pci_short_place(pci, place);
        printf("%s: virtio-scsi device %s does not start: %s\n", scsi->name, place,
               strerror(-error));
    }
}
