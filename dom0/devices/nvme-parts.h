/*
 * NVMe: what its files share.  nvme.c owns the controller and its namespaces, nvme-queues.c the
 * rings and the commands that administer it, nvme-commands.c what a disk's commands are in its
 * words. Numbers in brackets are sections of NVM Express 1.4.
 */
#ifndef DEVICES_NVME_PARTS_H
#define DEVICES_NVME_PARTS_H

#include "devices/disk.h"
#include "devices/pci.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Registers [3.1]. */
enum {
    NVME_CAP = 0x00,
    NVME_CC = 0x14,
    NVME_CSTS = 0x1c,
    NVME_AQA = 0x24,
    NVME_ASQ = 0x28,
    NVME_ACQ = 0x30,
    NVME_DOORBELLS = 0x1000
};
#define NVME_CC_ENABLE (1u | 6u << 16 | 4u << 20) /* entries of 64 and 16 bytes, pages of 4 KiB */
#define NVME_CSTS_RDY  1u
#define NVME_CSTS_CFS  2u

struct nvme_command { /* [4.2] */
    uint8_t opcode, flags;
    uint16_t id;
    uint32_t namespace_id;
    uint64_t reserved, metadata;
    union {
        uint64_t prp[2];
        struct nvme_sgl {
            uint64_t address;
            uint32_t length;
            uint8_t reserved[3], type;
        } sgl;
    };
    uint32_t word10, word11, word12, word13, word14, word15;
};
_Static_assert(sizeof(struct nvme_command) == 64, "as CC says");

struct nvme_completion { /* [4.6] */
    uint32_t result, reserved;
    uint16_t head, queue, id, status; /* bit 0 of the status: the phase */
};
_Static_assert(sizeof(struct nvme_completion) == 16, "as CC says");

#define NVME_ENTRIES     64u /* of a ring of commands: a page; one stays free */
#define NVME_QUEUES_MAX  4u
#define NVME_TAGS_MAX    128u
#define NVME_DISKS_MAX   16u
#define NVME_BYTES_MAX   (1u << 20)
#define NVME_DATA_SGL    0x00u
#define NVME_LAST_SGL    0x30u
#define NVME_FLAG_SGL    0x40u
#define NVME_ADMIN_QUEUE 0u

/* A pair of rings. */
struct nvme_queue {
    uint16_t entries;
    struct nvme_command *commands;
    volatile struct nvme_completion *completions;
    uint16_t tail, rung; /* next command; what the controller was told */
    uint16_t head;       /* next completion */
    bool phase;          /* that it has when it is new */
    volatile uint32_t *command_doorbell, *completion_doorbell;
};

struct nvme;

struct nvme_disk {
    struct disk disk; /* first */
    struct nvme *nvme;
    uint32_t namespace_id;
    unsigned int shift; /* of its blocks: 9 to 12 */
};

struct nvme {
    struct disk_controller controller;
    struct pci_device *pci;
    volatile uint8_t *registers;
    char name[12];
    uint64_t capabilities;
    struct nvme_queue admin, queues[NVME_QUEUES_MAX];
    unsigned int queue_count, tags;
    void *lists[NVME_TAGS_MAX]; /* a page for each: its PRPs, SGL or ranges */
    struct nvme_disk *by_tag[NVME_TAGS_MAX];
    struct nvme_disk *disks[NVME_DISKS_MAX];
    unsigned int disk_count;
    bool sgl, flush, discard, zeroes;
    uint32_t bytes_max;
    char model[41], serial[21];
};

uint32_t nvme_read(const struct nvme *nvme, unsigned int offset);

/* nvme-queues.c */

/* Disables it and waits until it is: it touches no memory then.  -EIO: it is not, and cut off the
 * bus; -ENODEV.  Sleeps, as all here. */
int nvme_disable(struct nvme *nvme);
/* Enables it, with the admin queue.  -EIO, -ETIMEDOUT, -ENOMEM. */
int nvme_enable(struct nvme *nvme);
/* Makes the I/O queues; as many as last time, or as many as it likes. */
int nvme_queues_create(struct nvme *nvme);
/* Identify [5.15]: 4096 bytes into `page`.  -EIO, -ETIMEDOUT. */
int nvme_identify(struct nvme *nvme, uint32_t what, uint32_t namespace_id, void *page);
/* Puts a command on a ring. */
void nvme_put(struct nvme_queue *queue, const struct nvme_command *command);
/* Tells the controller of what was put there. */
void nvme_ring(struct nvme_queue *queue);
/* The next completion; false: there is none. */
bool nvme_take(struct nvme_queue *queue, struct nvme_completion *completion);
/* Gives back what was taken. */
void nvme_taken(struct nvme_queue *queue);

/* nvme.c: has it, after it was enabled again, the disks that it had?  -ENODEV, -EIO. */
int nvme_same_disks(struct nvme *nvme);

/* nvme-commands.c */

extern const struct disk_driver nvme_driver;

#endif
