/*
 * Disks: what drivers of real disks are built on.
 *
 * A driver tells of its disks what they take (struct block_limits) and how many commands each has
 * slots for.  Requests of any size and memory are cut into commands that fit (disk-cut.c), what the
 * disk cannot reach is copied through a page of dom0's, and commands are given slots
 * (disk-commands.c).  A controller is what is reset as a whole: one task for each takes what its
 * disks have finished, looks after them while they are at work, and resets what does not answer
 * (disk-controller.c).  The driver is left with the words that a command is in its protocol.
 *
 *     request (block-device.h) -> cut -> command in a slot -> issue, kick -> interrupt -> take
 *          done <- all its commands are done <------------- disk_command_done
 *
 * Nobody sleeps but in the controller's task, and there in `stop` and `restart` only.
 */
#ifndef DEVICES_DISK_H
#define DEVICES_DISK_H

#include "devices/block-device.h"
#include "tasks/wait-queue.h"
#include <stdbool.h>
#include <stdint.h>

#define DISK_SLOTS_MAX 256u

struct disk_controller;

/* What a disk is to do at once, from its slot's first use to disk_command_done. */
struct disk_command {
    struct block_request *request; /* NULL: the slot is free */
    enum block_operation operation;
    bool fua;
    bool bounced;             /* its data is in the disk's own page */
    struct block_cursor from; /* where in the request it starts */
    uint64_t sector, sectors; /* of 512 bytes, of the disk */
    uint64_t issued;          /* when, by clock_monotonic_ns */
    unsigned int tries;
};

struct disk {
    struct block_device block; /* first; driver and driver_state are not the driver's to set */
    struct disk_controller *controller;
    unsigned int slots;     /* commands at once: 1 to DISK_SLOTS_MAX */
    unsigned int slot_base; /* the driver's: the number of slot 0 in what its disks share */
    /* disk-commands.c's from here on. */
    struct disk_command *commands;
    uint16_t *free_slots;
    unsigned int free_count;
    struct block_request *partly; /* given in part: what is left takes the next free slots */
    void *bounce;                 /* a page, or NULL: never needed */
    bool bounce_used;
    struct disk *next; /* of the controller */
};

struct disk_driver {
    /*
     * The command in the slot, with its data (disk's memory addresses; none: no data) as segments
     * that are valid during the call only.  The disk may sit on it until kick.
     */
    void (*issue)(struct disk *disk, unsigned int slot, const struct block_segment *segments,
                  unsigned int count);
    /* Tells the controller of all that was issued since the last kick. */
    void (*kick)(struct disk_controller *controller);
    /* Calls disk_command_done for what is finished, until there is nothing and it will interrupt.
     */
    void (*take)(struct disk_controller *controller);
    /* While it is at work, once a second: 0; -EAGAIN: it is to be reset; -ENODEV: it is gone. */
    int (*look)(struct disk_controller *controller);
    /* Stops it: afterwards it touches no memory of commands, whatever this returns; if not 0 it
     * is of no use any more. */
    int (*stop)(struct disk_controller *controller);
    /* After that: it works again as before, without commands, or -errno. */
    int (*restart)(struct disk_controller *controller);
    /*
     * It is another domain's: it may take as long as it likes to answer, and go and come back as
     * often as it likes, without a word here; `restart` waits for it.  Once it is dead its task
     * asks for a look when it may be there again: then it is stopped and started again.
     */
    bool patient;
};

struct disk_controller {
    const char *name; /* of its task and messages */
    const struct disk_driver *driver;
    void *state; /* the driver's */
    /* disk-controller.c's from here on. */
    struct disk *disks;
    enum { DISKS_WORK, DISKS_RESET, DISKS_DEAD } health;
    unsigned int resets; /* without an answer in between */
    bool kick_needed;
    struct wait_queue work;
    bool woken;
    bool looked_after; /* it is at work: its task wakes without an interrupt, too */
    uint64_t next_look;
};

/* Starts the controller's task; its interrupts may come from now on.  -ENOMEM. */
int disk_controller_start(struct disk_controller *controller);
/* The controller has something to say; may be called from handlers. */
void disk_controller_wake(struct disk_controller *controller);
/* The driver's, in `take`: it wants to be looked at now, not only when a second is over. */
void disk_controller_look_now(struct disk_controller *controller);
/*
 * The disk is there: `block` has its names, size and limits, `slots` and `slot_base` are set. Looks
 * for partitions; sleeps.  -EINVAL: its limits make no sense; -ENOMEM, -EEXIST: then nothing knows
 * it.
 */
int disk_register(struct disk *disk, struct disk_controller *controller);

/* The driver's: a command is done, error 0 or -errno.  Slots that are free are passed over. */
void disk_command_done(struct disk *disk, unsigned int slot, int error);

/* Between the files. */

/*
 * The next piece of a request's memory as far as a command of at most `most` bytes (a multiple of
 * the sector size) takes it, in segments[limits->segments]; *bytes is how long it is, whole
 * sectors.  0: it can be reached in no way; else how many segments, and the cursor is behind it.
 */
unsigned int disk_cut(const struct block_limits *limits, const struct block_request *request,
                      struct block_cursor *cursor, uint64_t most, struct block_segment *segments,
                      uint32_t *bytes);
/* Moves the cursor by so many bytes. */
void disk_cursor_skip(const struct block_request *request, struct block_cursor *cursor,
                      uint64_t bytes);
extern const struct block_driver disk_requests;
void disk_controller_kick(struct disk_controller *controller);
int disk_commands_make(struct disk *disk);
void disk_commands_free(struct disk *disk);
/* What waits for slots goes on; then users in line are called. */
void disk_commands_go_on(struct disk *disk);
bool disk_is_idle(const struct disk *disk);
/* The oldest command is older than that. */
bool disk_hangs(const struct disk *disk, uint64_t ns);
/* After a stop: what has hung for so long ends with -EIO, all the rest if `dead`. */
void disk_commands_end(struct disk *disk, uint64_t ns, bool dead);
/* After a restart: what is left is issued again. */
void disk_commands_again(struct disk *disk);

#endif
