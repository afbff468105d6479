/*
 * Own grants: entries of our grant table, in which we let other domains use our frames.
 *
 * A reference is taken from a list, opened for a frame, closed, and perhaps opened again for
 * another, until it is given back; all of that costs no hypercall but when the table has to grow.
 *
 * While the other end maps a page or copies from it its reference cannot be closed: -EBUSY.  Until
 * that works the page is not ours alone, so it is kept and nothing else is done with it.
 */
#ifndef PV_KERNEL_OWN_GRANTS_H
#define PV_KERNEL_OWN_GRANTS_H

#include "hypercall-abi/grants.h"
#include <stdbool.h>
#include <stdint.h>

/* The table's pages are got as they are needed; a domain may be allowed fewer. */
#define OWN_GRANT_FRAMES_MAX 8u

/* A reference that nobody has.  -ENOSPC: there is none left. */
int grant_reference_take(grant_ref_t *ref);
/* It is closed. */
void grant_reference_return(grant_ref_t ref);

/* Lets `domid` use our frame from here on. */
void grant_reference_open(grant_ref_t ref, domid_t domid, uint64_t mfn, bool read_only);
/* It can use it no more; -EBUSY: it does so now, nothing has changed. */
int grant_reference_close(grant_ref_t ref);

/* Both in one: *ref is the reference to tell the other end. */
int grant_access_give(domid_t domid, uint64_t mfn, bool read_only, grant_ref_t *ref);
int grant_access_end(grant_ref_t ref);

#endif
