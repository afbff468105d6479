/* The domain an operation is about. */
#ifndef HYPERCALLS_TARGET_H
#define HYPERCALLS_TARGET_H

#include "domain/domain.h"

/* The caller itself, or any domain for the control domain; referenced.
 * -EPERM: somebody else's affair; -ESRCH: no such domain. */
int must_check target_get(domid_t id, struct domain **out);

#endif
