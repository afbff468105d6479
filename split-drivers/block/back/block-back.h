/*
 * Block backend: serves dom0's disks to guests' blkfronts.
 *
 * It needs no command: it watches backend/vbd in the store, where the toolstack writes a node
 * for each guest disk, and takes each through the handshake (connect.c).
 */
#ifndef BLOCK_BACK_BLOCK_BACK_H
#define BLOCK_BACK_BLOCK_BACK_H

/* Starts the watching task; needs xenstore and the devices.  0 or -errno. */
int block_back_start(void);

#endif
