/*
 * Commands at an AHCI port (AHCI 1.3.1, chapters 5 and 6; ACS-3).
 *
 * A disk with a queue (NCQ) has reads and writes in any number, each by its slot; what cannot be
 * queued goes alone: it waits here until nothing is in flight, while what comes later waits, too.
 * Without a queue everything goes alone.
 *
 * A disk that fails a command of its queue forgets all of them and does not say here which it was.
 * The port is reset, and all are issued again alone, as is whatever comes meanwhile: so each but
 * the bad one finds its way, and no command sees more than one such reset on behalf of others.
 */
#include "devices/ahci-parts.h"
#include "pv-kernel/clock.h"
#include "pv-kernel/event-ports.h"
#include "pv-kernel/frames.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define DEVICE_LBA 0x40u
#define DEVICE_FUA 0x80u         /* of queued commands */
#define TOLD_NS    1000000000ULL /* a line about errors at most so often */
#define barrier()  __asm__ volatile("" : : : "memory")

static struct ahci_port *port_of(const struct disk_controller *controller)
{
    return controller->state;
}

/* A register FIS, host to device (SATA 3.1, 10.3.4), as AHCI wants it in the table. */
static void frame_set(struct ahci_table *table, uint8_t command, uint64_t lba, uint16_t count,
                      uint16_t features, uint8_t device)
{
    uint8_t fis[20] = { 0x27, 0x80, command, (uint8_t)features };

    for (unsigned int i = 0; i < 3; i++) {
        fis[4 + i] = (uint8_t)(lba >> (8 * i));
        fis[8 + i] = (uint8_t)(lba >> (24 + 8 * i));
    }
    fis[7] = device;
    fis[11] = (uint8_t)(features >> 8);
    fis[12] = (uint8_t)count;
    fis[13] = (uint8_t)(count >> 8);
    memcpy(table->fis, fis, sizeof(fis));
}

void ahci_frame_make(struct ahci_table *table, uint8_t command, uint64_t lba, uint32_t sectors)
{
    frame_set(table, command, lba, (uint16_t)sectors, 0, DEVICE_LBA);
}

void ahci_piece_make(struct ahci_piece *piece, uint64_t machine, uint32_t bytes)
{
    *piece = (struct ahci_piece){ .low = (uint32_t)machine,
                                  .high = (uint32_t)(machine >> 32),
                                  .last_byte = bytes - 1 };
}

void ahci_header_make(struct ahci_port *port, unsigned int slot, unsigned int pieces, bool write)
{
    uint64_t table = frames_virt_to_machine(port->tables[slot]);

    port->memory->list[slot] = (struct ahci_header){
        .flags = HEADER_FIS_WORDS | (write ? HEADER_WRITE : 0) | HEADER_ENTRIES(pieces),
        .table_low = (uint32_t)table,
        .table_high = (uint32_t)(table >> 32),
    };
}

/* Its memory; its frame is made once it is known whether it is queued. */
static void issue(struct disk *disk, unsigned int slot, const struct block_segment *segments,
                  unsigned int count)
{
    struct ahci_port *port = (struct ahci_port *)disk;
    enum block_operation operation = disk->commands[slot].operation;

    for (unsigned int i = 0; i < count; i++)
        ahci_piece_make(&port->tables[slot]->pieces[i], segments[i].machine, segments[i].bytes);
    ahci_header_make(port, slot, count, operation == BLOCK_WRITE);
    port->wanted |= 1u << slot;
    if (operation == BLOCK_READ || operation == BLOCK_WRITE)
        port->bare &= ~(1u << slot);
    else
        port->bare |= 1u << slot;
}

/* The ranges of a discard, in the port's page: there is one such command at a time. */
static void trim_make(struct ahci_port *port, unsigned int slot, uint64_t lba, uint64_t sectors)
{
    uint64_t *ranges = port->memory->ranges;

    memset(ranges, 0, sizeof(port->memory->ranges));
    for (unsigned int i = 0; i < TRIM_RANGES && sectors; i++) {
        uint64_t part = sectors < TRIM_SECTORS ? sectors : TRIM_SECTORS;

        ranges[i] = lba | part << 48;
        lba += part;
        sectors -= part;
    }
    ahci_piece_make(&port->tables[slot]->pieces[0], frames_virt_to_machine(ranges),
                    sizeof(port->memory->ranges));
    ahci_header_make(port, slot, 1, true);
    frame_set(port->tables[slot], ATA_DATA_SET_MANAGEMENT, 0, 1, 1, DEVICE_LBA);
}

static void frame_make_queued(struct ahci_port *port, unsigned int slot)
{
    const struct disk_command *command = &port->disk.commands[slot];
    uint32_t own = port->identity.sector_size / BLOCK_SECTOR_SIZE;

    frame_set(port->tables[slot],
              command->operation == BLOCK_READ ? ATA_READ_QUEUED : ATA_WRITE_QUEUED,
              command->sector / own, (uint16_t)(slot << 3), (uint16_t)(command->sectors / own),
              command->fua ? DEVICE_LBA | DEVICE_FUA : DEVICE_LBA);
}

static void frame_make_alone(struct ahci_port *port, unsigned int slot)
{
    const struct disk_command *command = &port->disk.commands[slot];
    uint32_t own = port->identity.sector_size / BLOCK_SECTOR_SIZE;
    uint64_t lba = command->sector / own, sectors = command->sectors / own;
    uint8_t write = command->fua ? ATA_WRITE_DMA_FUA_EXT : ATA_WRITE_DMA_EXT;

    if (command->operation == BLOCK_DISCARD)
        trim_make(port, slot, lba, sectors);
    else if (command->operation == BLOCK_FLUSH)
        ahci_frame_make(port->tables[slot], ATA_FLUSH_CACHE_EXT, 0, 0);
    else
        ahci_frame_make(port->tables[slot],
                        command->operation == BLOCK_READ ? ATA_READ_DMA_EXT : write, lba,
                        (uint32_t)sectors);
}

/* In turn, from behind the last: else a low slot that is used again and again would be first. */
static uint32_t next_alone(struct ahci_port *port, uint32_t alone)
{
    for (unsigned int i = 1; i <= AHCI_SLOTS_MAX; i++) {
        unsigned int slot = (port->last + i) % AHCI_SLOTS_MAX;

        if (alone >> slot & 1) {
            port->last = slot;
            return 1u << slot;
        }
    }
    return 0;
}

/*
 * What may be given now; port->alone says whether that is one by itself.  Where both kinds wait
 * they take turns.
 */
static uint32_t pick(struct ahci_port *port)
{
    uint32_t queued =
        port->identity.queued && !port->suspects && !port->failed ? port->wanted & ~port->bare : 0;
    uint32_t alone = port->wanted & ~queued;

    if (port->given && (port->alone || alone))
        return 0;
    port->alone = alone && !(queued && port->alone_last);
    port->alone_last = port->alone;
    return port->alone ? next_alone(port, alone) : queued;
}

/* A command's time starts when the disk has it, not while others are tried before it. */
static void clock_start_again(struct ahci_port *port, uint32_t slots)
{
    uint64_t now = clock_monotonic_ns();

    for (unsigned int slot = 0; slot < port->disk.slots; slot++)
        if (slots >> slot & 1)
            port->disk.commands[slot].issued = now;
}

static void give(struct ahci_port *port)
{
    uint32_t slots = port->stopped ? 0 : pick(port);

    if (!slots)
        return;
    for (unsigned int slot = 0; slot < port->disk.slots; slot++) {
        if (!(slots >> slot & 1))
            continue;
        if (port->alone)
            frame_make_alone(port, slot);
        else
            frame_make_queued(port, slot);
    }
    clock_start_again(port, port->wanted);
    port->wanted &= ~slots;
    port->given |= slots;
    barrier(); /* list and tables are there before the controller looks */
    if (!port->alone)
        ahci_port_write(port, PX_SACT, slots); /* 5.6.4.1: before the other */
    ahci_port_write(port, PX_CI, slots);
}

static void kick(struct disk_controller *controller)
{
    give(port_of(controller));
}

/* It is reset as soon as its task looks; what is in flight is issued again. */
static void reset_ask(struct ahci_port *port)
{
    port->stopped = true;
    disk_controller_look_now(&port->controller);
}

static void slots_done(struct ahci_port *port, uint32_t slots, int error)
{
    if (slots && !error)
        port->failed = false;
    port->given &= ~slots;
    port->suspects &= ~slots;
    for (unsigned int slot = 0; slot < port->disk.slots; slot++)
        if (slots >> slot & 1)
            disk_command_done(&port->disk, slot, error);
}

static void error_tell(struct ahci_port *port, uint32_t task_file)
{
    const struct disk_command *command = &port->disk.commands[port->last];
    uint64_t now = clock_monotonic_ns();

    if (port->told && now - port->told < TOLD_NS)
        return;
    port->told = now;
    printf("%s: command %02x at sector %llu: error %02x, status %02x\n", port->disk.block.name,
           (unsigned int)port->tables[port->last]->fis[2], (unsigned long long)command->sector,
           (unsigned int)(task_file >> 8 & 0xff), (unsigned int)(task_file & 0xff));
}

/* What interrupts have told since the last time. */
static uint32_t causes_take(struct ahci_port *port)
{
    bool was = events_mask_save();
    uint32_t causes = port->causes;

    port->causes = 0;
    events_mask_restore(was);
    return causes;
}

/* The one that was alone has failed, by the disk's word: it ends, the others go on. */
static void alone_failed(struct ahci_port *port, uint32_t task_file)
{
    bool discard = port->disk.commands[port->last].operation == BLOCK_DISCARD;

    error_tell(port, task_file);
    port->failed = true;
    if (ahci_port_clear(port)) {
        reset_ask(port); /* its engine still runs: the pages are the disk's until it is stopped */
        return;
    }
    causes_take(port); /* they are this one's */
    slots_done(port, port->given, discard && task_file & TFD_ABORTED ? -EOPNOTSUPP : -EIO);
}

/* Takes what is finished. */
static void finished_take(struct ahci_port *port)
{
    uint32_t causes = causes_take(port), task_file = ahci_port_read(port, PX_TFD);
    uint32_t left = ahci_port_read(port, PX_SACT) | ahci_port_read(port, PX_CI);
    bool refused = task_file & (TFD_ERROR | TFD_FAULT);

    barrier(); /* what is finished is in memory */
    if (!port->given)
        refused = false; /* it was an earlier one's */
    if (port->alone && refused && (causes & IS_ERRORS || !(port->given & left)))
        alone_failed(port, task_file);
    else if (!(causes & IS_ERRORS))
        slots_done(port, port->given & ~left, 0);
    else {
        if (!port->alone)
            slots_done(port, port->given & ~left, 0);
        reset_ask(port); /* one of many, or the link's or the controller's fault */
    }
    if (causes & IS_LINK)
        reset_ask(port);
}

static void take(struct disk_controller *controller)
{
    struct ahci_port *port = port_of(controller);

    if (port->stopped)
        return;
    finished_take(port);
    give(port);
}

static int look(struct disk_controller *controller)
{
    const struct ahci_port *port = port_of(controller);

    if (port->stopped)
        return -EAGAIN;
    return SSTS_DETECTED(ahci_port_read(port, PX_SSTS)) == DETECTED_WORKS ? 0 : -ENODEV;
}

static int stop(struct disk_controller *controller)
{
    struct ahci_port *port = port_of(controller);

    if (!port->stopped) {
        finished_take(port);
        port->stopped = true;
    }
    clock_start_again(port, port->wanted); /* they have waited for what hangs */
    port->suspects = port->given;
    port->wanted = port->given = 0;
    return ahci_port_stop(port);
}

/* Is it the disk that its users know? */
static bool is_same(const struct ata_identity *a, const struct ata_identity *b)
{
    return !strcmp(a->model, b->model) && !strcmp(a->serial, b->serial) &&
           a->sectors == b->sectors && a->sector_size == b->sector_size && a->queued == b->queued &&
           a->fua == b->fua && a->trim == b->trim;
}

static int restart(struct disk_controller *controller)
{
    struct ahci_port *port = port_of(controller);
    struct ata_identity now;
    uint32_t signature;
    int error = ahci_port_connect(port);

    if (!error)
        error = ahci_port_await(port, &signature);
    if (!error && signature != SIGNATURE_DISK)
        error = -ENODEV;
    if (!error)
        error = ahci_port_identify(port, &now);
    if (!error && !is_same(&now, &port->identity))
        error = -ENODEV;
    if (error)
        return error;
    for (unsigned int slot = 0; slot < port->disk.slots; slot++)
        if (!port->disk.commands[slot].request)
            port->suspects &= ~(1u << slot); /* it has hung for too long */
    port->causes = 0;                        /* the reset's own */
    port->stopped = false;
    ahci_port_write(port, PX_IE, IS_WANTED);
    return 0;
}

const struct disk_driver ahci_driver = {
    .issue = issue, .kick = kick, .take = take, .look = look, .stop = stop, .restart = restart
};
