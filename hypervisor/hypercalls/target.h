/* The domain an operation is about. */
#ifndef HYPERCALLS_TARGET_H
#define HYPERCALLS_TARGET_H

#include "domain/domain.h"

/* The caller itself, or any domain for the control domain; referenced.
 * -EPERM: somebody else's affair; -ESRCH: no such domain. */
int must_check target_get(domid_t id, struct domain **out);

/* What domctls and audits do must not meet: one at a time, whatever vCPU of the control domain
 * asks. False: another one is under way, try again later. */
bool must_check control_begin(void);
void control_end(void);

#endif
