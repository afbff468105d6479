/*
 * One disk of a config, in xl's syntax (xl-disk-configuration(5)):
 *     "phy:/dev/vda1,xvda,w"   "/dev/vda1,raw,xvda,rw"   "vdev=xvda,access=ro,target=/dev/vda1"
 *     "file:/data/disk.img,xvda,w"
 * A word for each key, in xl's order or by name, in any order.
 */
#ifndef TOOLS_VMCTL_CONFIG_DISK_H
#define TOOLS_VMCTL_CONFIG_DISK_H

#include <stdbool.h>
#include <stdint.h>

#include "vmctl/failure.h"

struct disk_config {
    char target[256]; /* the device or file in dom0 */
    char name[32];    /* in the guest: xvda, xvda1 ... */
    uint32_t number;  /* the same as the protocol's device number */
    bool writable;
    bool shared;     /* writable, whoever else uses it */
    bool no_discard; /* the guest is not to be told that it may give sectors back */
};

/* 0 or -EINVAL; where ("demo.cfg:3") starts the message. */
int disk_config_parse(struct disk_config *disk, const char *text, const char *where,
                      struct failure *failure);
/* The device number of a name such as xvda1; -EINVAL. */
int disk_name_number(const char *name, uint32_t *number);

#endif
