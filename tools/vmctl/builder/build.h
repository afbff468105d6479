/*
 * Building a guest: from an empty domain to one that only needs to be unpaused.
 *
 * Steps, one function each, in the order of guest_build(): memory, kernel, ramdisk, page
 * tables, p2m list, start info, hypercall page, shared info, grants, pin, vCPU 0.
 * On failure the domain is half-built; the caller destroys it.
 */
#ifndef TOOLS_VMCTL_BUILDER_BUILD_H
#define TOOLS_VMCTL_BUILDER_BUILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmctl/builder/layout.h"
#include "vmctl/failure.h"
#include "vmctl/image/image.h"

struct guest_build {
    /* In: */
    uint32_t domid;
    const char *name; /* for messages */
    const struct kernel_image *kernel;
    const void *ramdisk;
    size_t ramdisk_size;
    const char *command_line;
    uint64_t memory_kib;
    uint32_t vcpus;
    bool translated; /* shadow mode */
    uint32_t store_port, console_port;
    /* Out: the rings' machine frames, for xenstore. */
    uint64_t store_mfn, console_mfn;
    /* While building: */
    struct guest_layout layout;
    uint64_t *p2m;
    struct failure *failure;
};

int guest_build(struct guest_build *build);

#endif
