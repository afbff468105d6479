/*
 * A guest's life as the toolstack sees it: start, find, end, watch over.
 */
#ifndef TOOLS_VMCTL_DOMAIN_DOMAIN_H
#define TOOLS_VMCTL_DOMAIN_DOMAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hypercall-abi/domctl.h"
#include "vmctl/config/domain-config.h"
#include "vmctl/failure.h"

struct xs_client;

/* Why a guest stopped: the hypervisor's SHUTDOWN_* numbers, and two of our own. */
#define END_REASON_GONE 256u
#define END_REASON_NONE 257u /* it has not: the user typed Ctrl-C */

/* Builds a guest and its devices and leaves it paused.  On failure nothing is left behind. */
int domain_start(struct domain_config *config, struct xs_client *store, uint32_t *domid,
                 struct failure *failure);
/* Ends it at once and takes away its devices and nodes; its memory is free then.  -EBUSY with a
 * failure: it has ended, but others hold on to some of its memory. */
int domain_end(struct xs_client *store, uint32_t domid, struct failure *failure);

/* By name or number. -ESRCH with a failure. */
int domain_find(struct xs_client *store, const char *text, uint32_t *domid,
                struct failure *failure);
/* Of those this process made, is one known by that name, and has it still? */
bool domain_has_name(struct xs_client *store, const char *name, uint32_t *domid);
/* Gives it another name. */
int domain_set_name(struct xs_client *store, uint32_t domid, const char *name);
/* Its name; "(null)" if it has none.  Always terminated. */
void domain_name(struct xs_client *store, uint32_t domid, char *name, size_t size);
/* SHUTDOWN_* of a domain that has shut down. */
uint32_t domain_end_reason(const struct xen_domctl_getdomaininfo *info);
const char *domain_end_reason_name(uint32_t reason);

/* Waits until a guest ends, prints why and does what its config says, for restarts again and
 * again.  Returns the last reason; *domid is what the guest became. */
uint32_t domain_supervise(struct domain_config *config, uint32_t *domid);
/* The same beside the caller and without a word; takes over the (malloc'ed) config.  To be
 * called before the guest runs: an end that comes earlier would not be noticed. */
int domain_supervise_in_background(struct domain_config *config, uint32_t domid);

#endif
