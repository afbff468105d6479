/*
 * Image extents: the places of a file's bytes, as far as they were asked for.
 */
#ifndef STORAGE_IMAGE_EXTENTS_H
#define STORAGE_IMAGE_EXTENTS_H

#include "libc/file-system.h"

#define IMAGE_EXTENTS_MOST 2048u

struct image_extents {
    struct file_extent *list; /* no holes, in order, none touches another in part */
    unsigned int count, room;
};

/* What holds byte `at`; NULL: not known. */
const struct file_extent *image_extents_find(const struct image_extents *extents, uint64_t at);
/*
 * Remembers one that was found.  It may be a known one that has grown.  When there are too many all
 * are forgotten; for want of memory this one is.
 */
void image_extents_add(struct image_extents *extents, const struct file_extent *extent);
void image_extents_free(struct image_extents *extents);

#endif
