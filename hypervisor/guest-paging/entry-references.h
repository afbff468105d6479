/* References an entry holds: taken before it is written, dropped after it is gone. */
#ifndef GUEST_PAGING_ENTRY_REFERENCES_H
#define GUEST_PAGING_ENTRY_REFERENCES_H

#include "guest-paging/paging.h"

/* An L1 entry's.  -EBUSY: not a frame it may map, or not in that way; -EINVAL: nor is it device
 * memory of its. */
int must_check l1_entry_acquire(struct domain *d, struct domain *frames_of, pte_t e);
void l1_entry_release(pte_t e);

/*
 * A higher entry's: use and type of the table it points to.
 * -EAGAIN: both taken, but the table has yet to be validated; -EINVAL: it cannot be one.
 */
int must_check table_entry_acquire(struct domain *d, unsigned level, pte_t e);
/* -EAGAIN: that was the table's last use: it has to be walked; the use reference is still held. */
int must_check table_entry_release(pte_t e);

/* Device memory only the hypervisor may touch; called at boot. */
void device_frame_reserve(mfn_t m);
/* Is it device memory which this domain may map? */
bool device_frame_allowed(struct domain *d, mfn_t m);

#endif
