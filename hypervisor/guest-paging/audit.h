/* Counting what a domain's tables refer to, from scratch. */
#ifndef GUEST_PAGING_AUDIT_H
#define GUEST_PAGING_AUDIT_H

#include "guest-paging/paging.h"
#include "memory/tally.h"

/*
 * Adds all that the domain's validated tables, its pins and its vCPUs' roots account for, and
 * checks the tables themselves: bits, levels, and what may be written.  No walk is pending
 * (paging_finish), and nobody changes anything meanwhile.
 */
void paging_tally(struct domain *d, struct tally *t);

#endif
