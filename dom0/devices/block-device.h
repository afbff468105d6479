/*
 * Block devices: the one interface between disk drivers and who uses disks.
 *
 * A driver registers a device per disk; partitions.c adds one per partition.  A user claims the
 * device (many readers or one writer of its sectors), submits requests whose data is named by
 * machine address (so the pages may be granted ones of another domain), and is called back from a
 * task when a request is done.  Requests complete in any order; a flush request completes after
 * every write that was complete before it was submitted is on stable storage.
 */
#ifndef DEVICES_BLOCK_DEVICE_H
#define DEVICES_BLOCK_DEVICE_H

#include "tasks/turns.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BLOCK_SECTOR_SIZE  512u
#define BLOCK_MAX_SEGMENTS 256u

enum block_operation { BLOCK_READ, BLOCK_WRITE, BLOCK_FLUSH, BLOCK_DISCARD, BLOCK_WRITE_ZEROES };

/* A piece of memory: machine address and bytes (a multiple of 512, within one page). */
struct block_segment {
    uint64_t machine;
    uint32_t bytes;
};

/* How far a request is; of who cuts it into commands (disk.h). */
struct block_cursor {
    unsigned int segment;
    uint32_t offset; /* in that segment */
    uint64_t bytes;  /* of the request before it */
};

struct block_request {
    enum block_operation operation;
    bool fua;         /* a write: done only when it is on stable storage */
    uint64_t sector;  /* in units of 512 bytes, from the start of the device submitted to */
    uint64_t sectors; /* of a discard or of zeroes; else what the segments have */
    unsigned int segment_count;
    const struct block_segment *segments; /* the user's, until the request is done */
    /*
     * Copies between a buffer, within one page of frames_alloc's, and the request's memory from
     * byte `offset` on, for a disk that cannot reach it: to the buffer, or from it.  NULL: such a
     * request ends with -EIO.
     */
    int (*copy)(struct block_request *request, uint64_t offset, void *buffer, size_t bytes,
                bool to_buffer);
    /* Called once, from the driver's completion task; error is 0 or -errno. */
    void (*done)(struct block_request *request, int error);
    void *owner;                /* the user's */
    struct block_request *next; /* the driver's, and the user's once done */
    /* The driver's. */
    struct block_cursor cursor;
    uint64_t sectors_left;
    unsigned int commands;                          /* in flight */
    enum { BARE_NONE, BARE_LEFT, BARE_GIVEN } bare; /* a command without data: is it given? */
    int error;
};

/*
 * What a disk takes.  Users need not know: what a disk cannot take at once is cut into pieces, and
 * memory that it cannot reach is copied.  Only sector_size binds them, and what it can do at all.
 */
struct block_limits {
    uint32_t sector_size;          /* the disk's own (logical): what a request is a multiple of */
    uint32_t physical_sector_size; /* what it writes at once; a multiple of that */
    uint32_t bytes;                /* of one command at most; a multiple of sector_size */
    unsigned int segments;         /* of one command at most */
    uint32_t boundary;    /* 0, or: where a segment follows another in a command, the one's end and
                             the other's beginning are multiples of this (a power of two) */
    bool paged;           /* a segment lies in one page of memory */
    uint64_t address_end; /* 0, or: it reaches memory below this only */
    bool flush;           /* it has a cache that may be lost, and can be told to write it out */
    bool fua;
    uint64_t discard_sectors;     /* of 512 bytes in one command; 0: it cannot */
    uint32_t discard_granularity; /* bytes */
    uint64_t zeroes_sectors;      /* likewise */
};

struct block_device;

struct block_driver {
    /*
     * Queues the request; -EAGAIN if the queue is full (the driver calls block_device_room when
     * there is room again).  The device may sit on it until kick.
     */
    int (*submit)(struct block_device *device, struct block_request *request);
    /* Tells the device of all that was submitted since the last kick: one doorbell per batch. */
    void (*kick)(struct block_device *device);
    /* Nobody waits for his turn any more, for which the driver may be waiting elsewhere; NULL: it
     * waits for nothing but its disk. */
    void (*nobody_waits)(struct block_device *device);
};

struct block_device {
    char name[16];    /* vda, vda1, nvme0n1p2 ... */
    uint64_t sectors; /* of 512 bytes, whatever the disk's own are */
    struct block_limits limits;
    bool read_only;
    const struct block_driver *driver;
    void *driver_state;
    struct block_device *parent; /* of a partition: what it is a part of */
    uint64_t first_sector;       /* of a partition: where it starts there */
    unsigned int partition;      /* its number */
    char partition_name[40];     /* GPT's name, as printable ASCII */
    char partition_uuid[37];     /* GPT's, in small letters */
    char model[44];
    char id[80];    /* of a disk: what it says of itself, as udev would name it: virtio-SERIAL,
                       nvme-MODEL_SERIAL ...; printable ASCII, may be empty */
    char place[40]; /* of a disk: its PCI place, 0000:00:04.0, and which of its disks: -nvme-1 */
    /* Claims: writers and readers of this very device; see block_device_claim. */
    unsigned int readers;
    unsigned int writers;
    struct turns turns; /* of a disk: who gets the next slot of its queue */
    struct block_device *next;
};

/* The first device, then ->next: in order of registration. */
struct block_device *block_devices_first(void);
/*
 * By one of its names (block-names.c):
 *   vda1, /dev/vda1                                          its name
 *   PARTLABEL=x, /dev/disk/by-partlabel/x                    GPT's name of a partition
 *   PARTUUID=x, /dev/disk/by-partuuid/x                      GPT's number of a partition
 *   /dev/disk/by-id/virtio-SERIAL[-partN]                    what the disk says of itself
 *   /dev/disk/by-path/pci-0000:00:04.0[-partN]               the disk's place in the machine
 * -ENODEV: none; -EMLINK: more than one, so that none can be meant.
 */
int block_device_find(const char *name, struct block_device **device);
#define BLOCK_NAMES_MAX 1280u
/* All its names, a line each. */
void block_device_names(const struct block_device *device, char names[BLOCK_NAMES_MAX]);
/* Do the two share sectors? */
bool block_devices_overlap(const struct block_device *a, const struct block_device *b);

/*
 * A writer excludes every other writer and reader of the device, of its disk and of its
 * partitions; readers exclude writers only.  -EBUSY, -EROFS.
 */
int block_device_claim(struct block_device *device, bool writable);
/* A writer who does not ask who else there is: what follows is theirs to settle.  -EROFS. */
int block_device_claim_shared(struct block_device *device);
void block_device_release(struct block_device *device, bool writable);

/*
 * Checks the range, submits.  -EINVAL: outside the device, or not whole sectors of its own; -EROFS;
 * -EOPNOTSUPP; -EIO; -EAGAIN: the disk's queue is full or others' turns come first, and the user's
 * `turn` is called when his has come.
 */
int block_device_submit(struct block_device *device, struct block_request *request,
                        struct turn *turn);
void block_device_kick(struct block_device *device);
/* A user goes: his turn passes to the next. */
void block_device_leave(struct block_device *device, struct turn *turn);

/* Sleeping helpers for whole sectors of the device's own; buffer must be frames_alloc memory. */
int block_device_read(struct block_device *device, uint64_t sector, void *buffer, size_t bytes);
int block_device_write(struct block_device *device, uint64_t sector, const void *buffer,
                       size_t bytes);
int block_device_flush(struct block_device *device);
/* Any request: sleeps until it is done, which uses its `done` and `owner`. */
int block_device_do(struct block_device *device, struct block_request *request);

/* For drivers. */
int block_device_register(struct block_device *device);
/* The disk's queue has room (again). */
void block_device_room(struct block_device *disk);
/*
 * Looks for GPT and MBR partitions and registers them; sleeps.  A table that makes no sense is no
 * error: the disk is there, without partitions, and a line says why.  -EIO, -ENOMEM.
 */
int partitions_scan(struct block_device *disk);

#endif
