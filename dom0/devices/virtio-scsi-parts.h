/*
 * virtio-scsi, between its files: the controller and its disks' commands (virtio-scsi.c), who is
 * there and what they are (virtio-scsi-scan.c).
 */
#ifndef DEVICES_VIRTIO_SCSI_PARTS_H
#define DEVICES_VIRTIO_SCSI_PARTS_H

#include "devices/disk.h"
#include "devices/scsi.h"
#include "devices/virtio-slots.h"

#define VIRTIO_SCSI_SLOTS  128u
#define VIRTIO_SCSI_DISKS  64u
#define VIRTIO_SCSI_AROUND 2u /* pieces of a request that are no data */

/* virtio 1.1, 5.6.6.1, with the sizes that a device has after a reset. */
struct virtio_scsi_request {
    uint8_t lun[8];
    uint64_t id;
    uint8_t attribute, priority, reference;
    uint8_t cdb[32];
} __attribute__((packed));

#define VIRTIO_SCSI_SENSE 96u

struct virtio_scsi_response {
    uint32_t sense_bytes, residual;
    uint16_t qualifier;
    uint8_t status, response;
    uint8_t sense[VIRTIO_SCSI_SENSE];
} __attribute__((packed));

enum {
    VIRTIO_SCSI_OK = 0,
    VIRTIO_SCSI_ABORTED = 2,
    VIRTIO_SCSI_BAD_TARGET = 3,
    VIRTIO_SCSI_RESET = 4,
    VIRTIO_SCSI_BUSY = 5,
    VIRTIO_SCSI_NO_ANSWER = 0xff /* ours, until there is one */
};

/* What a slot has besides the data. */
struct virtio_scsi_memory {
    struct virtio_scsi_request request;
    uint8_t parameters[SCSI_UNMAP];
    uint8_t pad[53];
    struct virtio_scsi_response response;
    uint8_t rest[20];
};
#define VIRTIO_SCSI_IN_PAGE 16u
_Static_assert(sizeof(struct virtio_scsi_memory) * VIRTIO_SCSI_IN_PAGE == 4096, "a page of them");

struct virtio_scsi;

struct scsi_disk {
    struct disk disk; /* first */
    struct virtio_scsi *scsi;
    uint8_t target;
    uint16_t lun;
    struct scsi_identity identity;
};

struct virtio_scsi {
    struct disk_controller controller;
    char name[16];
    struct virtio_device virtio;
    struct virtqueue queue;
    struct virtio_slots slots;
    struct virtio_scsi_memory *memory[VIRTIO_SCSI_SLOTS / VIRTIO_SCSI_IN_PAGE];
    uint8_t tries[VIRTIO_SCSI_SLOTS];
    bool later[VIRTIO_SCSI_SLOTS]; /* the disk was busy: when it has done another, or in a second */
    bool again;                    /* there is something to publish */
    uint64_t features;
    struct scsi_disk *disks[VIRTIO_SCSI_DISKS];
    unsigned int disk_count;
    unsigned int share; /* slots of each disk: disks[n] has those from n * share on */
    uint64_t told;      /* when a line was printed about an error */
    uint8_t *answer;    /* a page, of the scan's */
    uint8_t *zeroes;    /* a page */
    struct virtio_scsi *next;
};

/* virtio-scsi.c */
struct virtio_scsi_memory *virtio_scsi_memory_of(const struct virtio_scsi *scsi, unsigned int slot);
/* The request whose command is in the slot's memory. */
void virtio_scsi_put(struct virtio_scsi *scsi, unsigned int slot, uint8_t target, uint16_t lun,
                     const struct block_segment *data, unsigned int count, bool to_memory);
void virtio_scsi_kick(struct virtio_scsi *scsi);
enum scsi_verdict virtio_scsi_verdict(const struct virtio_scsi_response *response);
/* Resets it, and it works again.  -errno: it does not. */
int virtio_scsi_renew(struct virtio_scsi *scsi);
/* A number of its configuration (virtio 1.1, 5.6.4). */
uint32_t virtio_scsi_config(const struct virtio_scsi *scsi, unsigned int offset);

/* virtio-scsi-scan.c: fills `disks`; sleeps.  -errno: the controller does not work. */
int virtio_scsi_scan(struct virtio_scsi *scsi);

#define VIRTIO_SCSI_SEG_MAX     4
#define VIRTIO_SCSI_MAX_SECTORS 8
#define VIRTIO_SCSI_CMD_PER_LUN 12
#define VIRTIO_SCSI_SENSE_SIZE  20
#define VIRTIO_SCSI_CDB_SIZE    24
#define VIRTIO_SCSI_TARGETS     28 /* max_channel below, max_target above */

#endif
