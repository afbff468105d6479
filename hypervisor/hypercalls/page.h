/* The hypercall page, for guests that call through it. */
#ifndef HYPERCALLS_PAGE_H
#define HYPERCALLS_PAGE_H

#include "domain/domain.h"

/* Fills a page with a stub of 32 bytes per hypercall. */
void hypercall_page_fill(uint8_t *page);
/* Fills a guest frame of a domain's, which must be writable.  -EINVAL. */
int must_check hypercall_page_write(struct domain *d, uint64_t gfn);

#endif
