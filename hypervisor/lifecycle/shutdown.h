/* Pausing, shutting down, crashing. */
#ifndef LIFECYCLE_SHUTDOWN_H
#define LIFECYCLE_SHUTDOWN_H

#include "domain/domain.h"

void domain_pause(struct domain *d);
/* -EINVAL if it is not paused. */
int must_check domain_unpause(struct domain *d);
/* Shuts a domain down with a reason (SHUTDOWN_*); the control domain's ends the machine's run. */
void domain_shutdown(struct domain *d, uint32_t reason);
/* Lets a suspended domain go on. */
int must_check domain_resume(struct domain *d);
void shutdown_init(void);

#endif
