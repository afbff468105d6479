/* Watchdogs: a domain that has one and does not set it anew in time is shut down. */
#ifndef LIFECYCLE_WATCHDOG_H
#define LIFECYCLE_WATCHDOG_H

#include "domain/domain.h"

void watchdogs_init(struct domain *d);
/* Id 0: a new one, whose id is returned; else sets it anew, or ends it with no seconds.  -ENOSPC:
 * there are two already; -EINVAL: no such. */
int must_check watchdog_set(struct domain *d, uint32_t id, uint32_t seconds);
/* For good: the domain is being torn down. */
void watchdogs_end(struct domain *d);

#endif
