/* A structure, or a field of one, as one set of headers has it. */
#ifndef HYPERCALL_ABI_LAYOUT_CHECKS_H
#define HYPERCALL_ABI_LAYOUT_CHECKS_H

#include <stddef.h>

struct layout {
    const char *name;
    size_t size, offset;
};

extern const struct layout layout_of_ours[], layout_of_xen[];
extern const unsigned layout_of_ours_count, layout_of_xen_count;

#endif
