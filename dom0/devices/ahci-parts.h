/*
 * AHCI, between its files: controllers and their ports with disks (ahci.c), registers
 * (ahci-access.c), a port and its link (ahci-port.c), commands at a port (ahci-commands.c).
 */
#ifndef DEVICES_AHCI_PARTS_H
#define DEVICES_AHCI_PARTS_H

#include "devices/ahci-registers.h"
#include "devices/ata-identity.h"
#include "devices/disk.h"
#include "devices/pci.h"

#define AHCI_PORTS_MAX 30u /* whose registers lie in a page; there are none with as many plugs */
#define AHCI_SLOTS_MAX 32u

struct ahci_port;

struct ahci {
    struct pci_device *pci;
    volatile uint8_t *registers;
    uint32_t capabilities;
    struct ahci_port *ports[AHCI_PORTS_MAX]; /* NULL: no disk */
    struct ahci *next;
};

/* A port with a disk: what is reset by itself. */
struct ahci_port {
    struct disk disk; /* first */
    struct disk_controller controller;
    struct ahci *ahci;
    unsigned int number;
    struct ata_identity identity;
    struct ahci_memory *memory;
    struct ahci_table *tables[AHCI_SLOTS_MAX];
    uint64_t powered; /* when the link was told to come up */
    /* Bits are slots. */
    uint32_t wanted;   /* issued, and not yet the controller's */
    uint32_t bare;     /* of them: without data */
    uint32_t given;    /* the controller's */
    uint32_t suspects; /* one of them made the disk stop: they go alone until all have an answer */
    bool alone;        /* what is given is one command that is not queued */
    bool alone_last;
    bool failed;       /* the last answer; QEMU shows it again to a queued command after that one */
    unsigned int last; /* the slot that went alone last */
    bool stopped;      /* nothing may be given */
    uint64_t told;     /* when a line was printed about an error */
    /* The handler's; the task takes them. */
    uint32_t causes;
};

/* ahci-access.c: a controller's or a port's register. */
uint32_t ahci_read(const struct ahci *ahci, unsigned int offset);
void ahci_write(const struct ahci *ahci, unsigned int offset, uint32_t value);
uint32_t ahci_port_read(const struct ahci_port *port, unsigned int offset);
void ahci_port_write(const struct ahci_port *port, unsigned int offset, uint32_t value);

/* ahci-port.c.  These sleep, but the last. */

/* Gives it its memory and power, and spins it up unless the controller wants that one by one. */
int ahci_port_open(struct ahci_port *port);
/* Until it has a link.  -ENODEV: nothing is plugged in. */
int ahci_port_connect(struct ahci_port *port);
/* Until the device is ready; 0, and what kind it is.  -ETIMEDOUT. */
int ahci_port_await(struct ahci_port *port, uint32_t *signature);
/* Asks it who it is: the engine runs afterwards. */
int ahci_port_identify(struct ahci_port *port, struct ata_identity *identity);
/* Stops it and resets its link; afterwards it touches no memory but the received FIS's. */
int ahci_port_stop(struct ahci_port *port);
/* It has no use: its memory is given back. */
void ahci_port_close(struct ahci_port *port);
/* Stops and starts it after the error of a command that was alone.  -EBUSY: a reset is needed. */
int ahci_port_clear(const struct ahci_port *port);

/* ahci-commands.c */
extern const struct disk_driver ahci_driver;
/* A command frame for slot 0 to `sectors` from `lba` on, as registers: not queued. */
void ahci_frame_make(struct ahci_table *table, uint8_t command, uint64_t lba, uint32_t sectors);
void ahci_header_make(struct ahci_port *port, unsigned int slot, unsigned int pieces, bool write);
void ahci_piece_make(struct ahci_piece *piece, uint64_t machine, uint32_t bytes);

#endif
