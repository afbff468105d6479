/* Copying between frames, granted or the caller's own. */
#ifndef GRANTS_COPY_H
#define GRANTS_COPY_H

#include "grants/grant-table.h"

/* GNTST_*. */
int must_check grant_copy(struct domain *d, const struct gnttab_copy *op);

#endif
