/*
 * Own grants.  See own-grants.h.  Who writes an entry and when: grant_entry_v1 in
 * hypercall-abi/grants.h.
 */
#include "pv-kernel/own-grants.h"
#include "pv-kernel/foreign-frames.h"
#include "pv-kernel/frames.h"
#include "hypercall-abi/errno.h"
#include "hypercall-abi/guest-stubs.h"

#define ENTRIES_A_FRAME (PAGE_SIZE / sizeof(struct grant_entry_v1))
#define ENTRIES_MAX     (OWN_GRANT_FRAMES_MAX * ENTRIES_A_FRAME)
#define NONE            0u /* one of the entries set aside for the builder */

static volatile struct grant_entry_v1 *tables[OWN_GRANT_FRAMES_MAX];
static unsigned int table_count;
static uint16_t next_free[ENTRIES_MAX]; /* of a reference in the list */
static grant_ref_t first_free = NONE;

_Static_assert(ENTRIES_MAX <= UINT16_MAX, "a reference fits into the list");

static volatile struct grant_entry_v1 *entry_of(grant_ref_t ref)
{
    return &tables[ref / ENTRIES_A_FRAME][ref % ENTRIES_A_FRAME];
}

/* The hypervisor gives the whole list each time; what is new is the last one. */
static int table_grow(void)
{
    uint64_t frames[OWN_GRANT_FRAMES_MAX] = { 0 };
    struct gnttab_setup_table setup = { .dom = DOMID_SELF,
                                        .nr_frames = table_count + 1,
                                        .frame_list = HYPERCALL_ARG(frames) };
    grant_ref_t first = table_count * (grant_ref_t)ENTRIES_A_FRAME;
    void *va;
    int error;

    if (table_count == OWN_GRANT_FRAMES_MAX)
        return -XEN_ENOSPC;
    error = (int)hypercall_grant_table_op(GNTTABOP_setup_table, HYPERCALL_ARG(&setup), 1);
    if (error || setup.status)
        return error ? error : -XEN_ENOSPC;
    error = foreign_frames_map(DOMID_SELF, &frames[table_count], 1, true, &va);
    if (error)
        return error;
    tables[table_count++] = va;
    for (grant_ref_t ref = first + ENTRIES_A_FRAME - 1;; ref--) {
        /* a builder, or a loader before us, may have left entries that are open */
        if (ref >= GNTTAB_NR_RESERVED_ENTRIES && !entry_of(ref)->flags)
            grant_reference_return(ref);
        if (ref == first)
            return 0;
    }
}

int grant_reference_take(grant_ref_t *ref)
{
    int error = first_free == NONE ? table_grow() : 0;

    if (error)
        return error;
    if (first_free == NONE)
        return -XEN_ENOSPC;
    *ref = first_free;
    first_free = next_free[*ref];
    return 0;
}

void grant_reference_return(grant_ref_t ref)
{
    next_free[ref] = (uint16_t)first_free;
    first_free = ref;
}

void grant_reference_open(grant_ref_t ref, domid_t domid, uint64_t mfn, bool read_only)
{
    volatile struct grant_entry_v1 *entry = entry_of(ref);

    entry->domid = domid;
    entry->frame = (uint32_t)mfn;
    /* the hypervisor may look as soon as flags permit it: they come last */
    __atomic_store_n(&entry->flags, (uint16_t)(GTF_permit_access | (read_only ? GTF_readonly : 0)),
                     __ATOMIC_RELEASE);
}

int grant_reference_close(grant_ref_t ref)
{
    volatile struct grant_entry_v1 *entry = entry_of(ref);
    uint16_t flags = entry->flags;

    do {
        if (flags & (GTF_reading | GTF_writing))
            return -XEN_EBUSY;
    } while (!__atomic_compare_exchange_n(&entry->flags, &flags, 0, false, __ATOMIC_SEQ_CST,
                                          __ATOMIC_SEQ_CST));
    return 0;
}

int grant_access_give(domid_t domid, uint64_t mfn, bool read_only, grant_ref_t *ref)
{
    int error = grant_reference_take(ref);

    if (!error)
        grant_reference_open(*ref, domid, mfn, read_only);
    return error;
}

int grant_access_end(grant_ref_t ref)
{
    int error = grant_reference_close(ref);

    if (!error)
        grant_reference_return(ref);
    return error;
}
