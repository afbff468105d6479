/*
 * Grant maps: pages another domain granted us, mapped by reference, in batches of one hypercall.
 *
 * Two kinds.  grant_maps_map gives addresses the CPU can use.  grant_frames_acquire takes no
 * virtual address: it pins the frame and tells its machine address, which is all a device needs
 * that reads or writes the page itself; no page-table entry and no TLB flush is spent on it.
 */
#ifndef PV_KERNEL_GRANT_MAPS_H
#define PV_KERNEL_GRANT_MAPS_H

#include "hypercall-abi/grants.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The most references one call of the functions below takes. */
#define GRANT_MAPS_BATCH 352

/*
 * Maps n references of `domid` at consecutive pages, *va the first, handles[i] the i-th handle.
 * All or nothing: if one reference is refused none stays mapped and its error is returned.
 */
int grant_maps_map(domid_t domid, const grant_ref_t *refs, size_t n, bool writable, void **va,
                   grant_handle_t *handles);
void grant_maps_unmap(void *va, const grant_handle_t *handles, size_t n);

/* One frame to pin for a device. */
struct grant_frame {
    domid_t domid;
    grant_ref_t ref;
    bool writable;         /* the device will write it */
    int error;             /* out: 0 or -errno; each frame stands for itself */
    grant_handle_t handle; /* out */
    uint64_t machine;      /* out: machine address of the page */
};

/* Pins n frames (n <= GRANT_MAPS_BATCH); each frame's error tells its own fate. */
void grant_frames_acquire(struct grant_frame *frames, size_t n);
/* Releases those of the n frames whose error is 0. */
void grant_frames_release(const struct grant_frame *frames, size_t n);

#endif
