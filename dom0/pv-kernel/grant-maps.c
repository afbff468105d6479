/*
 * Grant maps: references of other domains mapped or pinned, in batches.
 */
#include "pv-kernel/grant-maps.h"
#include "pv-kernel/frames.h"
#include "pv-kernel/page-tables.h"
#include "pv-kernel/print.h"
#include "pv-kernel/string.h"
#include "hypercall-abi/errno.h"
#include "hypercall-abi/guest-stubs.h"
#include "hypercall-abi/sched.h"

/* One batch, used and left by one task between two sleeps: the kernel is cooperative. */
static struct gnttab_map_grant_ref map_ops[GRANT_MAPS_BATCH];
static struct gnttab_unmap_grant_ref unmap_ops[GRANT_MAPS_BATCH];

static int error_of_status(int16_t status)
{
    switch (status) {
    case GNTST_okay:
        return 0;
    case GNTST_permission_denied:
        return -XEN_EACCES;
    case GNTST_no_device_space:
    case GNTST_no_space:
        return -XEN_ENOSPC;
    case GNTST_eagain:
        return -XEN_EAGAIN;
    case GNTST_bad_domain:
        return -XEN_ESRCH;
    default:
        return -XEN_EINVAL;
    }
}

/* One pass over map_ops; a page that is paged out elsewhere answers eagain and is retried. */
static void map_batch(size_t n)
{
    int64_t result = hypercall_grant_table_op(GNTTABOP_map_grant_ref, HYPERCALL_ARG(map_ops), n);

    if (result) {
        for (size_t i = 0; i < n; i++)
            map_ops[i].status = GNTST_general_error;
    }
}

/* True if all of unmap_ops are gone.  What stays mapped is another domain's: its addresses must not
 * be used again. */
static bool unmap_batch(size_t n)
{
    size_t stay = 0;

    for (size_t i = 0; i < n; i++)
        unmap_ops[i].status = GNTST_general_error;
    if (n)
        hypercall_grant_table_op(GNTTABOP_unmap_grant_ref, HYPERCALL_ARG(unmap_ops), n);
    for (size_t i = 0; i < n; i++)
        stay += unmap_ops[i].status != GNTST_okay;
    if (stay)
        kprintf("dom0: %zu of %zu granted pages cannot be given back\n", stay, n);
    return !stay;
}

/* *none: nothing is mapped after a failure. */
static int map_all_or_nothing(size_t n, grant_handle_t *handles, bool *none)
{
    size_t good = 0;
    int error = 0;

    map_batch(n);
    for (size_t i = 0; i < n; i++) {
        if (map_ops[i].status) {
            error = error_of_status(map_ops[i].status);
            continue;
        }
        handles[i] = map_ops[i].handle;
        unmap_ops[good++] = (struct gnttab_unmap_grant_ref){ .host_addr = map_ops[i].host_addr,
                                                             .handle = map_ops[i].handle };
    }
    *none = !error || unmap_batch(good);
    return error;
}

int grant_maps_map(domid_t domid, const grant_ref_t *refs, size_t n, bool writable, void **va,
                   grant_handle_t *handles)
{
    char *at;
    bool none;
    int error;

    if (!n || n > GRANT_MAPS_BATCH)
        return -XEN_EINVAL;
    at = mapping_area_reserve(n);
    if (!at)
        return -XEN_ENOMEM;
    for (size_t i = 0; i < n; i++)
        map_ops[i] = (struct gnttab_map_grant_ref){ .host_addr = (uint64_t)(at + (i << PAGE_SHIFT)),
                                                    .flags = GNTMAP_host_map |
                                                             (writable ? 0 : GNTMAP_readonly),
                                                    .ref = refs[i],
                                                    .dom = domid };
    error = map_all_or_nothing(n, handles, &none);
    if (error) {
        if (none)
            mapping_area_release(at, n);
        return error;
    }
    *va = at;
    return 0;
}

void grant_maps_unmap(void *va, const grant_handle_t *handles, size_t n)
{
    for (size_t i = 0; i < n; i++)
        unmap_ops[i] =
            (struct gnttab_unmap_grant_ref){ .host_addr = (uint64_t)va + (i << PAGE_SHIFT),
                                             .handle = handles[i] };
    if (unmap_batch(n))
        mapping_area_release(va, n);
}

void grant_frames_acquire(struct grant_frame *frames, size_t n)
{
    for (size_t i = 0; i < n; i++)
        map_ops[i] =
            (struct gnttab_map_grant_ref){ .flags = GNTMAP_device_map |
                                                    (frames[i].writable ? 0 : GNTMAP_readonly),
                                           .ref = frames[i].ref,
                                           .dom = frames[i].domid };
    map_batch(n);
    for (size_t i = 0; i < n; i++) {
        frames[i].error = error_of_status(map_ops[i].status);
        frames[i].handle = map_ops[i].handle;
        frames[i].machine = map_ops[i].dev_bus_addr;
    }
}

void grant_frames_release(const struct grant_frame *frames, size_t n)
{
    size_t held = 0;

    for (size_t i = 0; i < n; i++)
        if (!frames[i].error)
            unmap_ops[held++] = (struct gnttab_unmap_grant_ref){ .dev_bus_addr = frames[i].machine,
                                                                 .handle = frames[i].handle };
    unmap_batch(held);
}
