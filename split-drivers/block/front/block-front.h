/*
 * Block frontend: a guest's disks, each a disk (devices/disk.h) and so a block device
 * (devices/block-device.h), as those of real controllers are.
 *
 * It needs no command: it watches device/vbd in the store, where the toolstack writes a node for
 * each disk, and takes each through the conversation (connect.c).  While a backend that is to come
 * back is away, what was asked waits and is asked again.  Of a disk that was taken away everything
 * ends with -EIO; if it is given again, as large as it was, it is there again as the same device.
 *
 * On the command line: blkfront=WORD,WORD ...  Words that keep back what a backend offers:
 *
 *     no-flush no-discard no-indirect segments=N (1 to 256, of a request at most)
 *     queues=N (1 to 4) order=N (0 to 2: rings of 1, 2 or 4 pages)
 *
 * and one that asks for something: persistent.  All data then goes through pages of the frontend's
 * own, which the backend may keep mapped, and it never sees any other memory.
 */
#ifndef BLOCK_FRONT_BLOCK_FRONT_H
#define BLOCK_FRONT_BLOCK_FRONT_H

/*
 * Starts the watching task, and waits until the disks that there are now are devices, with their
 * partitions, or their backends have not answered for ten seconds.  -ENODEV: there is no store;
 * -ENOMEM.
 */
int block_front_start(const char *command_line);

#endif
