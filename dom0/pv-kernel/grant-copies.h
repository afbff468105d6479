/*
 * Grant copies: the hypervisor copies between pages, granted ones and our own, without any being
 * mapped.
 */
#ifndef PV_KERNEL_GRANT_COPIES_H
#define PV_KERNEL_GRANT_COPIES_H

#include "hypercall-abi/grants.h"
#include <stddef.h>

/* Makes n copies by one hypercall; each one's status says what became of it. */
void grant_copies_run(struct gnttab_copy *copies, size_t n);

#endif
