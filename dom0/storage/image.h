/*
 * Images: files of dom0's file systems as block devices.
 *
 * A request whose bytes lie together on the device below goes there at once, with the memory it
 * came with: nothing is copied.  Others, which meet a hole, an end of an extent or one whose place
 * is not known yet, are the image's task's, one after the other.  A flush has the places that were
 * found written down, too.
 *
 * Each user has an image of his own of the same file: its task, its turns on the device below.
 */
#ifndef STORAGE_IMAGE_H
#define STORAGE_IMAGE_H

#include "devices/block-device.h"
#include "libc/file-claims.h"

struct image;

/*
 * Begins to open it; does not sleep.  `opened` is called from the image's task: 0, and the device
 * is there; or -errno as of file_claim, -EINVAL: it is shorter than a sector; then the image is
 * gone afterwards.  -ENOMEM, -ENAMETOOLONG: `opened` is not called.
 */
int image_open(const char *path, enum file_claim_kind kind, void (*opened)(void *owner, int error),
               void *owner, struct image **image);
struct block_device *image_device(struct image *image);
/* No request is under way.  Others may claim the file from now on; does not sleep. */
void image_close(struct image *image);

#endif
