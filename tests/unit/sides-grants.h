/* Calls on grants by the running side of sides.h: that of a's frames, mapped at VA. */
#ifndef TESTS_UNIT_SIDES_GRANTS_H
#define TESTS_UNIT_SIDES_GRANTS_H

#include "hypercall-abi/grants.h"
#include "hypercalls/handlers.h"
#include "unit/sides.h"

/* a lets `to` use one of its frames. */
static maybe_unused grant_ref_t give(domid_t to, mfn_t frame, uint16_t flags)
{
    static grant_ref_t next = 8;
    struct grant_entry_v1 *e = grant_entry_locked(a.d->grants, next);

    e->domid = to;
    e->frame = (uint32_t)frame.n;
    e->flags = GTF_permit_access | flags;
    return next++;
}

static maybe_unused int map(grant_ref_t ref, uint32_t flags, grant_handle_t *handle)
{
    struct gnttab_map_grant_ref op = {
        .host_addr = VA, .flags = GNTMAP_host_map | flags, .ref = ref, .dom = a.d->id
    };

    assert_int_equal(hypercall_do_grant_table_op(GNTTABOP_map_grant_ref, ARG(&op), 1), 0);
    *handle = op.handle;
    return op.status;
}

static maybe_unused int unmap(grant_handle_t handle)
{
    struct gnttab_unmap_grant_ref op = { .host_addr = VA, .handle = handle };

    assert_int_equal(hypercall_do_grant_table_op(GNTTABOP_unmap_grant_ref, ARG(&op), 1), 0);
    return op.status;
}

static int copy(struct gnttab_copy op)
{
    assert_int_equal(hypercall_do_grant_table_op(GNTTABOP_copy, ARG(&op), 1), 0);
    return op.status;
}

#endif
