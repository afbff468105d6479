/*
 * Foreign frames: pages of another domain mapped by frame number (for the toolstack: building
 * guests, xenstore's and the console's ring pages).  Only the privileged domain may do this.
 */
#ifndef PV_KERNEL_FOREIGN_FRAMES_H
#define PV_KERNEL_FOREIGN_FRAMES_H

#include "hypercall-abi/types.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Maps the n frames (a PV guest's gfn is its machine frame) of `domid` at consecutive addresses,
 * *va being the first.  All or nothing.  -ENOMEM: no room; else the hypervisor's answer.
 */
int foreign_frames_map(domid_t domid, const uint64_t *gfns, size_t n, bool writable, void **va);
/* Undoes a whole foreign_frames_map. */
void foreign_frames_unmap(void *va, size_t n);

/*
 * Machine memory which is a device's (BARs, ACPI tables): uncached.  `machine` need not be page
 * aligned; *va points at the same offset.
 */
int device_memory_map(uint64_t machine, size_t bytes, void **va);
void device_memory_unmap(void *va, size_t bytes);

#endif
