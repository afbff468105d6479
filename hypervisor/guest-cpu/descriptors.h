/* Descriptors a guest may have in its GDT and LDT. */
#ifndef GUEST_CPU_DESCRIPTORS_H
#define GUEST_CPU_DESCRIPTORS_H

#include "domain/domain.h"

/* Raises a descriptor to ring 3; false if it may not be there at all. */
bool must_check descriptor_check(uint64_t *descriptor);

/* Takes a frame of the domain's as a descriptor frame: a use and a type reference, every
 * descriptor checked.  -EINVAL if it is not the domain's, in use as something else, or unfit. */
int must_check descriptor_frame_get(struct domain *d, mfn_t m);
void descriptor_frame_put(mfn_t m);

/* Installs a GDT of `entries` descriptors in guest frames; they are taken, the old ones dropped.
 * -EINVAL, -ERESTART. */
int must_check vcpu_set_gdt(struct vcpu *v, const uint64_t *frames, unsigned entries);
/* Installs an LDT whose frames the caller has taken (count of them; their references move). */
void vcpu_set_ldt(struct vcpu *v, uint64_t base, unsigned entries, const mfn_t *frames,
                  unsigned count);
/* Drops both. */
void vcpu_drop_descriptors(struct vcpu *v);

/* Writes one checked descriptor at a machine address. */
int must_check descriptor_update(struct domain *d, uint64_t machine_address, uint64_t descriptor);

#endif
