/*
 * The disks and partitions that there are, as the toolstack sees them: nodes in the store.
 *
 *   /local/domain/0/disk/NAME/names  all names it answers to, a line each (devices/block-device.h)
 *                            /place  its disk, first sector there, sectors (of 512 bytes), r or w
 */
#ifndef BLOCK_BACK_DISK_NODES_H
#define BLOCK_BACK_DISK_NODES_H

struct xs_client;

/* Writes them all; after the last disk was registered. */
int disk_nodes_publish(struct xs_client *store);

#endif
