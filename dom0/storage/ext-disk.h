/*
 * Ext disk: a block device as an ext file system sees it: blocks, the newest of which are kept in
 * memory, and changes that wait there until they may go to the disk.
 *
 * A changed block is data, which may be written at any time, or metadata, which must be in the
 * journal first (ext-journal.h).  Whoever uses a disk holds its file system's mutex.
 */
#ifndef STORAGE_EXT_DISK_H
#define STORAGE_EXT_DISK_H

#include "devices/block-device.h"

#define EXT_BLOCK_MAX 4096u
#define EXT_RUN_BYTES 65536u /* moved at once */

enum ext_block_state {
    EXT_CLEAN,    /* as on the disk */
    EXT_DATA,     /* a file's, changed */
    EXT_METADATA, /* the file system's own, changed */
    EXT_STATES
};

struct ext_block {
    struct ext_block *same_hash;
    struct ext_block *older, *newer; /* of clean ones: in the order of their use */
    uint64_t number;
    enum ext_block_state state;
    uint8_t data[];
};

#define EXT_HASH 2048u

struct ext_disk {
    struct block_device *device;
    uint32_t block_size;
    uint64_t blocks; /* the device's */
    struct ext_block *hash[EXT_HASH];
    struct ext_block *oldest, *newest;
    size_t count[EXT_STATES];
    struct ext_block **sorted; /* room for every changed block */
    size_t sorted_room;
    uint8_t *run; /* EXT_RUN_BYTES of frames, which is read or is to be written: */
    uint64_t run_block;
    uint32_t run_count;
    uint64_t budget;   /* blocks that may still be asked for: a damaged disk may lead in circles */
    uint64_t ran_from; /* when this task last gave way */
};

/* block_size: of the file system.  0, -EINVAL, -ENOMEM. */
int ext_disk_open(struct ext_disk *disk, struct block_device *device, uint32_t block_size);
/* What was not written is lost. */
void ext_disk_close(struct ext_disk *disk);
/* An operation begins: so many blocks may be asked for, and the task has just come. */
void ext_disk_begin(struct ext_disk *disk);
/* Gives way if this task has run for long. */
void ext_disk_pause(struct ext_disk *disk);

/* The block as it is to be read; it stays while the task does not ask for another. */
int ext_disk_get(struct ext_disk *disk, uint64_t block, struct ext_block **found);
/* Brings so many blocks (EXT_RUN_BYTES of them at most) from the disk that will be asked for. */
int ext_disk_prefetch(struct ext_disk *disk, uint64_t block, uint32_t count);
/* Changes bytes of a block. */
int ext_disk_write(struct ext_disk *disk, uint64_t block, size_t offset, const void *data,
                   size_t bytes, enum ext_block_state state);
/* The block has been freed: what waits to be written to it is not. */
void ext_disk_forget(struct ext_disk *disk, uint64_t block);
/* Forgets all that is as on the disk. */
void ext_disk_forget_clean(struct ext_disk *disk);
/* Drops all that waits. */
void ext_disk_drop_changes(struct ext_disk *disk);

/* The changed blocks of a kind, in their order on the disk, in disk->sorted: until one is
 * forgotten. */
size_t ext_disk_sort(struct ext_disk *disk, enum ext_block_state state);
/* Writes the changed blocks of a kind to their places.  They count as clean then. */
int ext_disk_write_back(struct ext_disk *disk, enum ext_block_state state);

/* Likewise, and forgets them. */
int ext_disk_write_away(struct ext_disk *disk, enum ext_block_state state);

/* Past all that is kept: to a block of the disk, in runs as long as they follow each other. */
int ext_disk_put(struct ext_disk *disk, uint64_t block, const void *data);
int ext_disk_put_end(struct ext_disk *disk);
int ext_disk_flush(struct ext_disk *disk);

#endif
