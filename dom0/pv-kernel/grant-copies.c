/*
 * Grant copies.  See grant-copies.h.
 */
#include "pv-kernel/grant-copies.h"
#include "hypercall-abi/guest-stubs.h"

void grant_copies_run(struct gnttab_copy *copies, size_t n)
{
    for (size_t i = 0; i < n; i++)
        copies[i].status = GNTST_general_error; /* of those the hypervisor does not come to */
    if (n)
        hypercall_grant_table_op(GNTTABOP_copy, HYPERCALL_ARG(copies), n);
}
