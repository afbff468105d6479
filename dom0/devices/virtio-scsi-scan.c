/*
 * Who is at a virtio-scsi controller: all targets are asked at once whether they are there, then
 * each that is for its logical units, and those one by one what they are.
 *
 * Nothing runs yet: answers are waited for here, each for so long, and a controller that owes one
 * is reset, so that it does not write there later.
 */
#include "devices/disk-names.h"
#include "devices/pci-names.h"
#include "devices/virtio-scsi-parts.h"
#include "pv-kernel/frames.h"
#include "tasks/task.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MS        1000000ULL
#define ANSWER_MS 2000u
#define TARGETS   256u
#define LUNS      64u
#define AGAIN_MAX 5u
#define LATER_MAX 50u /* a disk may take five seconds to become ready */
#define LATER_MS  100u
#define BYTES_MAX (1u << 20)
#define GRAIN_MAX (1u << 20) /* blocks */

/* Until slots 0 to count-1 have an answer, each once.  -ETIMEDOUT. */
static int answers_await(struct virtio_scsi *scsi, unsigned int count)
{
    bool answered[VIRTIO_SCSI_SLOTS] = { false };
    unsigned int left = count;

    for (unsigned int ms = 0; ms < ANSWER_MS; ms++) {
        uint16_t head;

        for (unsigned int i = 0; i < VIRTQUEUE_MAX && virtqueue_take(&scsi->queue, &head); i++) {
            unsigned int slot = virtio_slot_of(&scsi->slots, head);

            if (slot >= count || answered[slot])
                continue;
            answered[slot] = true;
            left--;
        }
        if (!left)
            return 0;
        task_sleep_ns(MS);
    }
    return -ETIMEDOUT;
}

/*
 * One command, whose answer comes to scsi->answer if there is to be one.  0, -EIO, -EOPNOTSUPP: it
 * does not know that; -ETIMEDOUT.
 */
static int ask(struct virtio_scsi *scsi, uint8_t target, uint16_t lun, bool answers)
{
    struct block_segment data = { .machine = frames_virt_to_machine(scsi->answer),
                                  .bytes = SCSI_ANSWER };
    unsigned int again = 0, later = 0;
    enum scsi_verdict verdict;

    do {
        struct virtio_scsi_response response;
        int error;

        memset(scsi->answer, 0, SCSI_ANSWER);
        virtio_scsi_put(scsi, 0, target, lun, &data, answers ? 1 : 0, true);
        virtio_scsi_kick(scsi);
        error = answers_await(scsi, 1);
        if (error)
            return virtio_scsi_renew(scsi) ? -ENODEV : error;
        response = virtio_scsi_memory_of(scsi, 0)->response;
        verdict = virtio_scsi_verdict(&response);
        if (verdict == SCSI_LATER)
            task_sleep_ns(LATER_MS * MS);
    } while ((verdict == SCSI_AGAIN && again++ < AGAIN_MAX) ||
             (verdict == SCSI_LATER && later++ < LATER_MAX));
    return verdict == SCSI_GOOD ? 0 : verdict == SCSI_ILLEGAL ? -EOPNOTSUPP : -EIO;
}

static uint8_t *command(const struct virtio_scsi *scsi)
{
    return virtio_scsi_memory_of(scsi, 0)->request.cdb;
}

/* Pages that a disk need not have.  -ENODEV: the controller is gone meanwhile. */
static int pages_read(struct virtio_scsi *scsi, struct scsi_disk *disk)
{
    static const uint8_t pages[] = { SCSI_PAGE_IDS, SCSI_PAGE_SERIAL, SCSI_PAGE_LIMITS,
                                     SCSI_PAGE_THIN };

    for (unsigned int i = 0; i < sizeof(pages); i++) {
        int error;

        scsi_cdb_page(command(scsi), pages[i]);
        error = ask(scsi, disk->target, disk->lun, true);
        if (error == -ENODEV)
            return error;
        if (!error && scsi->answer[1] == pages[i])
            scsi_read_page(scsi->answer, &disk->identity);
    }
    return 0;
}

/* What it says of itself, once it is ready. */
static int identity_read(struct virtio_scsi *scsi, struct scsi_disk *disk)
{
    int error = pages_read(scsi, disk);

    if (!error) {
        scsi_cdb_ready(command(scsi));
        error = ask(scsi, disk->target, disk->lun, false);
    }
    if (!error) {
        scsi_cdb_capacity(command(scsi));
        error = ask(scsi, disk->target, disk->lun, true);
    }
    if (!error)
        error = scsi_read_capacity(scsi->answer, &disk->identity);
    if (error)
        return error;
    scsi_cdb_caching(command(scsi));
    error = ask(scsi, disk->target, disk->lun, true);
    if (!error)
        scsi_read_caching(scsi->answer, &disk->identity);
    return error == -ENODEV || error == -ETIMEDOUT ? error : 0;
}

/* Bytes of one command: what disk and controller take, in whole blocks. */
static uint32_t bytes_of(const struct virtio_scsi *scsi, const struct scsi_identity *identity)
{
    uint64_t bytes = BYTES_MAX, disk = (uint64_t)identity->transfer_blocks * identity->block_size;
    uint64_t controller =
        (uint64_t)virtio_scsi_config(scsi, VIRTIO_SCSI_MAX_SECTORS) * BLOCK_SECTOR_SIZE;

    if (disk && disk < bytes)
        bytes = disk;
    if (controller && controller < bytes)
        bytes = controller;
    bytes -= bytes % identity->block_size;
    return bytes ? (uint32_t)bytes : identity->block_size;
}

static void limits_set(const struct virtio_scsi *scsi, const struct scsi_identity *identity,
                       struct block_limits *limits)
{
    uint32_t pieces = virtio_slots_pieces(&scsi->slots) - VIRTIO_SCSI_AROUND;
    uint32_t most = virtio_scsi_config(scsi, VIRTIO_SCSI_SEG_MAX);
    uint64_t own = identity->block_size / BLOCK_SECTOR_SIZE;
    uint32_t grain = identity->unmap_granularity;

    limits->sector_size = identity->block_size;
    limits->physical_sector_size = identity->physical_block_size;
    limits->bytes = bytes_of(scsi, identity);
    limits->segments = most && most < pieces ? most : pieces;
    limits->flush = identity->write_cache;
    limits->fua = identity->fua;
    limits->zeroes_sectors = identity->same_blocks * own;
    if (!identity->thin || !identity->unmaps)
        return;
    limits->discard_sectors = identity->unmap_blocks * own;
    limits->discard_granularity =
        identity->block_size * (grain && grain <= GRAIN_MAX / identity->block_size ? grain : 1);
}

static void describe(const struct virtio_scsi *scsi, struct scsi_disk *disk)
{
    const struct scsi_identity *identity = &disk->identity;
    struct block_device *block = &disk->disk.block;
    char place[PCI_PLACE_BYTES];

    pci_place(scsi->virtio.pci, place);
    snprintf(block->place, sizeof(block->place), "%s-scsi-0:0:%u:%u", place,
             (unsigned int)disk->target, (unsigned int)disk->lun);
    snprintf(block->model, sizeof(block->model), "%s", identity->model);
    snprintf(block->id, sizeof(block->id), "%s", identity->id);
    block->sectors = identity->blocks * (identity->block_size / BLOCK_SECTOR_SIZE);
    block->read_only = identity->read_only;
    limits_set(scsi, identity, &block->limits);
}

/* -ENODEV: the controller is gone; any other error is the disk's alone. */
static int disk_look(struct virtio_scsi *scsi, struct scsi_disk *disk)
{
    char place[PCI_PLACE_BYTES];
    int error;

    disk_name_next_sd(disk->disk.block.name);
    error = identity_read(scsi, disk);
    if (!error && scsi->disk_count == VIRTIO_SCSI_DISKS)
        error = -ENOSPC;
    if (!error && scsi->disk_count == scsi->slots.count)
        error = -ENOSPC;
    if (!error) {
        describe(scsi, disk);
        scsi->disks[scsi->disk_count++] = disk;
        return 0;
    }
    pci_short_place(scsi->virtio.pci, place);
    printf("%s: SCSI disk %u:%u of %s does not start: %s\n", disk->disk.block.name,
           (unsigned int)disk->target, (unsigned int)disk->lun, place, strerror(-error));
    free(disk);
    return error == -ENODEV ? error : 0;
}

static int unit_look(struct virtio_scsi *scsi, uint8_t target, uint16_t lun)
{
    struct scsi_identity identity = { .blocks = 0 };
    struct scsi_disk *disk;
    int error;

    scsi_cdb_inquiry(command(scsi));
    error = ask(scsi, target, lun, true);
    if (error == -ENODEV)
        return error;
    if (error || !scsi_read_inquiry(scsi->answer, &identity))
        return 0;
    disk = calloc(1, sizeof(*disk));
    if (!disk)
        return -ENOMEM;
    disk->scsi = scsi;
    disk->target = target;
    disk->lun = lun;
    disk->identity = identity;
    return disk_look(scsi, disk);
}

static int target_look(struct virtio_scsi *scsi, uint8_t target)
{
    uint16_t luns[LUNS] = { 0 };
    unsigned int count;
    int error;

    scsi_cdb_luns(command(scsi));
    error = ask(scsi, target, 0, true);
    if (error == -ENODEV)
        return error;
    count = error ? 0 : scsi_read_luns(scsi->answer, luns, LUNS);
    if (!count)
        count = 1; /* the first, which every target has */
    for (unsigned int i = 0; i < count; i++) {
        error = unit_look(scsi, target, luns[i]);
        if (error)
            return error;
    }
    return 0;
}

/* Asks `count` targets at once, by a command without data: who is there answers in some way. */
static int targets_ask(struct virtio_scsi *scsi, unsigned int first, unsigned int count,
                       bool present[TARGETS])
{
    int error;

    for (unsigned int i = 0; i < count; i++) {
        scsi_cdb_ready(virtio_scsi_memory_of(scsi, i)->request.cdb);
        virtio_scsi_put(scsi, i, (uint8_t)(first + i), 0, NULL, 0, true);
    }
    virtio_scsi_kick(scsi);
    error = answers_await(scsi, count);
    for (unsigned int i = 0; i < count; i++) {
        uint8_t response = virtio_scsi_memory_of(scsi, i)->response.response;

        present[first + i] =
            response != VIRTIO_SCSI_BAD_TARGET && response != VIRTIO_SCSI_NO_ANSWER;
    }
    return error ? virtio_scsi_renew(scsi) : 0;
}

int virtio_scsi_scan(struct virtio_scsi *scsi)
{
    unsigned int targets = (virtio_scsi_config(scsi, VIRTIO_SCSI_TARGETS) >> 16) + 1;
    bool present[TARGETS] = { false };
    int error = 0;

    if (targets > TARGETS)
        targets = TARGETS;
    for (unsigned int first = 0; !error && first < targets; first += scsi->slots.count) {
        unsigned int left = targets - first;

        error =
            targets_ask(scsi, first, left < scsi->slots.count ? left : scsi->slots.count, present);
    }
    for (unsigned int target = 0; !error && target < targets; target++)
        if (present[target])
            error = target_look(scsi, (uint8_t)target);
    return error;
}
