/*
 * AHCI controllers: taken from the firmware and reset, their ports looked at, one interrupt for
 * all.
 *
 * Each port with an ATA disk is a disk and a disk controller of its own, for it is reset by itself.
 * Disks that are plugged in later are not looked for.
 */
#include "devices/ahci.h"
#include "devices/ahci-parts.h"
#include "devices/disk-names.h"
#include "devices/pci-lines.h"
#include "devices/pci-names.h"
#include "pv-kernel/event-ports.h"
#include "pv-kernel/frames.h"
#include "tasks/task.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MS            1000000ULL
#define HANDOFF_MS    2000u /* 10.6.3: two seconds, if it says that it is busy */
#define RESET_MS      1000u /* 10.4.3 */
#define REGISTERS_BAR 5u
#define BYTES_MAX     (1u << 20) /* of one command; no piece is longer than the 4 MiB of 4.2.3.3 */
#define FOUR_GIB      (1ULL << 32)

static void line_handler(void *arg)
{
    const struct ahci *ahci = arg;
    uint32_t ports = ahci_read(ahci, HBA_IS);

    for (unsigned int n = 0; n < AHCI_PORTS_MAX; n++) {
        struct ahci_port *port = ahci->ports[n];
        uint32_t causes;

        if (!(ports >> n & 1) || !port)
            continue;
        causes = ahci_port_read(port, PX_IS);
        if (causes & IS_LINK)
            ahci_port_write(port, PX_SERR, SERR_LINK);
        ahci_port_write(port, PX_IS, causes);
        port->causes |= causes;
        disk_controller_wake(&port->controller);
    }
    ahci_write(ahci, HBA_IS, ports); /* 10.7.2.1: after the ports' */
}

static void message_handler(evtchn_port_t port, void *arg)
{
    (void)port;
    line_handler(arg);
}

/* A message where it has one: only lines of some machines can be found. */
static int interrupt_bind(struct ahci *ahci)
{
    evtchn_port_t port;
    int error = pci_bind_msix(ahci->pci, 0, &port);

    if (!error)
        event_port_set_handler(port, message_handler, ahci);
    else
        error = pci_bind_msi(ahci->pci, line_handler, ahci);
    return error ? pci_bind_line(ahci->pci, line_handler, ahci) : 0;
}

/* 10.6: the firmware may be using it, and is asked to stop. */
static void take_from_firmware(const struct ahci *ahci)
{
    if (!(ahci_read(ahci, HBA_CAP2) & CAP2_HANDOFF))
        return;
    ahci_write(ahci, HBA_BOHC, ahci_read(ahci, HBA_BOHC) | BOHC_OS_OWNS);
    for (unsigned int i = 0; i < HANDOFF_MS; i++) {
        if (!(ahci_read(ahci, HBA_BOHC) & (BOHC_BIOS_OWNS | BOHC_BIOS_BUSY)))
            return;
        task_sleep_ns(MS);
    }
}

static int reset(struct ahci *ahci, uint32_t *implemented)
{
    take_from_firmware(ahci);
    ahci_write(ahci, HBA_GHC, ahci_read(ahci, HBA_GHC) | GHC_AHCI);
    ahci->capabilities = ahci_read(ahci, HBA_CAP);
    *implemented = ahci_read(ahci, HBA_PI);
    ahci_write(ahci, HBA_GHC, GHC_AHCI | GHC_RESET);
    for (unsigned int i = 0; ahci_read(ahci, HBA_GHC) & GHC_RESET; i++) {
        if (i == RESET_MS)
            return -EIO;
        task_sleep_ns(MS);
    }
    ahci_write(ahci, HBA_GHC, GHC_AHCI);
    ahci_write(ahci, HBA_PI, *implemented); /* some forget what the firmware wrote there */
    return 0;
}

static void describe(struct ahci_port *port)
{
    const struct ata_identity *identity = &port->identity;
    struct block_device *block = &port->disk.block;
    struct block_limits *limits = &block->limits;
    char place[PCI_PLACE_BYTES];

    pci_place(port->ahci->pci, place);
    snprintf(block->place, sizeof(block->place), "%s-ata-%u", place, port->number + 1);
    snprintf(block->model, sizeof(block->model), "%s", identity->model);
    snprintf(block->id, sizeof(block->id), "ata-%s%s%s", identity->model,
             *identity->serial ? "_" : "", identity->serial);
    block->sectors = identity->sectors * (identity->sector_size / BLOCK_SECTOR_SIZE);
    limits->sector_size = identity->sector_size;
    limits->physical_sector_size = identity->physical_sector_size;
    limits->bytes = BYTES_MAX;
    limits->segments = AHCI_PIECES;
    limits->address_end = port->ahci->capabilities & CAP_64BIT ? 0 : FOUR_GIB;
    limits->flush = identity->write_cache;
    limits->fua = identity->write_cache && identity->fua;
    if (!identity->trim)
        return;
    limits->discard_granularity = identity->sector_size;
    limits->discard_sectors =
        (uint64_t)TRIM_RANGES * TRIM_SECTORS * (identity->sector_size / BLOCK_SECTOR_SIZE);
}

static void slots_set(struct ahci_port *port)
{
    unsigned int slots = CAP_SLOTS(port->ahci->capabilities);

    if (!(port->ahci->capabilities & CAP_NCQ))
        port->identity.queued = 0;
    if (port->identity.queued && port->identity.queued < slots)
        slots = port->identity.queued;
    port->disk.slots = slots;
}

/* A disk is there, or 0 and *found is false; the line about what went wrong needs its name. */
static int port_look(struct ahci_port *port, bool *found)
{
    uint32_t signature;
    int error = ahci_port_connect(port);

    *found = !error;
    if (error)
        return 0;
    error = ahci_port_await(port, &signature);
    if (signature == SIGNATURE_PORTS)
        printf("ahci: port %u: a port multiplier, whose disks are not used\n", port->number + 1);
    *found = signature == SIGNATURE_DISK;
    if (!*found)
        return 0;
    disk_name_next_sd(port->disk.block.name);
    if (!error)
        error = ahci_port_identify(port, &port->identity);
    return error;
}

static void port_ask(struct ahci *ahci, struct ahci_port *port)
{
    bool found;
    int error = port_look(port, &found);

    if (error)
        printf("%s: disk at port %u of %s does not start: %s\n", port->disk.block.name,
               port->number + 1, ahci->pci->driver, strerror(-error));
    if (error || !found) {
        ahci_port_close(port);
        free(port);
        return;
    }
    slots_set(port);
    describe(port);
    port->controller = (struct disk_controller){ .name = port->disk.block.name,
                                                 .driver = &ahci_driver,
                                                 .state = port };
    ahci->ports[port->number] = port;
}

static struct ahci_port *port_open(struct ahci *ahci, unsigned int number)
{
    struct ahci_port *port = calloc(1, sizeof(*port));
    int error = -ENOMEM;

    if (port) {
        port->ahci = ahci;
        port->number = number;
        error = ahci_port_open(port);
    }
    if (!error)
        return port;
    printf("ahci: port %u: no memory that the controller reaches\n", number + 1);
    if (port)
        ahci_port_close(port);
    free(port);
    return NULL;
}

/* All of them spin up at the same time, unless the controller does not want that. */
static void ports_ask(struct ahci *ahci, uint32_t implemented)
{
    struct ahci_port *ports[AHCI_PORTS_MAX] = { 0 };

    for (unsigned int n = 0; n < AHCI_PORTS_MAX; n++)
        if (implemented >> n & 1)
            ports[n] = port_open(ahci, n);
    for (unsigned int n = 0; n < AHCI_PORTS_MAX; n++)
        if (ports[n])
            port_ask(ahci, ports[n]);
}

/* Interrupts come from now on. */
static int disk_start(struct ahci_port *port)
{
    int error = disk_controller_start(&port->controller);

    if (error)
        return error;
    ahci_port_write(port, PX_IS, ~0u);
    ahci_port_write(port, PX_IE, IS_WANTED);
    return disk_register(&port->disk, &port->controller);
}

static void disks_start(const struct ahci *ahci)
{
    for (unsigned int n = 0; n < AHCI_PORTS_MAX; n++) {
        int error = ahci->ports[n] ? disk_start(ahci->ports[n]) : 0;

        if (error)
            printf("%s: does not start: %s\n", ahci->ports[n]->disk.block.name, strerror(-error));
    }
}

static int controller_start(struct ahci *ahci)
{
    void *registers;
    uint32_t implemented;
    int error = pci_map_bar(ahci->pci, REGISTERS_BAR, &registers);

    if (error)
        return error;
    ahci->registers = registers;
    pci_enable(ahci->pci);
    error = reset(ahci, &implemented);
    if (error)
        return error;
    ahci->pci->driver = "ahci";
    ports_ask(ahci, implemented);
    error = interrupt_bind(ahci);
    if (error)
        return error;
    ahci_write(ahci, HBA_IS, ~0u);
    ahci_write(ahci, HBA_GHC, GHC_AHCI | GHC_INTERRUPTS);
    disks_start(ahci);
    return 0;
}

static bool is_ahci(const struct pci_device *pci)
{
    return pci->class_code == 1 && pci->subclass == 6 && pci->interface == 1;
}

/* None is ever given back: it may know its memory even if it did not start. */
static struct ahci *controllers;

void ahci_start(void)
{
    char place[PCI_PLACE_BYTES];

    for (struct pci_device *pci = pci_devices_first(); pci; pci = pci->next) {
        struct ahci *ahci = is_ahci(pci) ? calloc(1, sizeof(*ahci)) : NULL;
        int error;

        if (!ahci)
            continue;
        ahci->pci = pci;
        ahci->next = controllers;
        controllers = ahci;
        error = controller_start(ahci);
        if (!error)
            continue;
        pci_short_place(pci, place);
        printf("AHCI controller %s does not start: %s\n", place, strerror(-error));
    }
}
