/*
 * Copying between frames, granted or the caller's own.
 *
 * What a copy used stays claimed until one wants something else there: a page that several copies
 * in a row come from or go to is claimed once, as with Xen.
 */
#ifndef GRANTS_COPY_H
#define GRANTS_COPY_H

#include "grants/grant-table.h"

struct grant_copy_end {
    struct domain *owner; /* referenced; NULL: nothing is claimed */
    uint64_t name;        /* as the caller gave it: a grant reference, or a frame number */
    uint64_t frame;
    domid_t domid; /* as the caller gave it */
    bool granted, write;
};

/* One caller's copies in one hypercall; starts with all but `self` 0. */
struct grant_copier {
    struct domain *self;
    struct grant_copy_end from, to;
};

/* GNTST_*. */
int must_check grant_copy(struct grant_copier *copier, const struct gnttab_copy *op);

/* Nothing may stay claimed when the hypercall is left, be it for a while. */
void grant_copier_release(struct grant_copier *copier);

#endif
