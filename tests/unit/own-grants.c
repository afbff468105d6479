/*
 * A domain's own grants: a table that grows by pages, references from a list, entries that cannot
 * be closed while they are in use.
 *
 * Sources: dom0/pv-kernel/own-grants.c
 * Flags: -include tests/unit/fake-grant-calls.h
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "hypercall-abi/errno.h"
#include "pv-kernel/foreign-frames.h"
#include "pv-kernel/frames.h"
#include "pv-kernel/own-grants.h"

#define ENTRIES (PAGE_SIZE / sizeof(struct grant_entry_v1))

static struct grant_entry_v1 table[OWN_GRANT_FRAMES_MAX][ENTRIES];
static unsigned int frames_allowed, frames_got;
static int map_error;

int64_t hypercall_grant_table_op(uint64_t command, uint64_t argument, uint64_t count)
{
    struct gnttab_setup_table *setup = (void *)argument;

    assert_int_equal(command, GNTTABOP_setup_table);
    assert_int_equal(count, 1);
    assert_int_equal(setup->dom, DOMID_SELF);
    setup->status = setup->nr_frames > frames_allowed ? GNTST_general_error : GNTST_okay;
    if (setup->status)
        return 0;
    frames_got = setup->nr_frames;
    for (unsigned int i = 0; i < frames_got; i++)
        ((uint64_t *)setup->frame_list)[i] = 100 + i;
    return 0;
}

int foreign_frames_map(domid_t domid, const uint64_t *gfns, size_t n, bool writable, void **va)
{
    assert_int_equal(domid, DOMID_SELF);
    assert_int_equal(n, 1);
    assert_true(writable);
    if (map_error)
        return map_error;
    *va = table[gfns[0] - 100];
    return 0;
}

static struct grant_entry_v1 *entry(grant_ref_t ref)
{
    assert_true(ref >= GNTTAB_NR_RESERVED_ENTRIES && ref < frames_got * ENTRIES);
    return &table[ref / ENTRIES][ref % ENTRIES];
}

/* In order: the table is the file's own and only grows. */

static void a_table_that_cannot_be_had(void **state)
{
    grant_ref_t ref;

    (void)state;
    assert_int_equal(grant_reference_take(&ref), -XEN_ENOSPC);
    frames_allowed = 3;
    map_error = -XEN_ENOMEM;
    assert_int_equal(grant_access_give(0, 1, false, &ref), -XEN_ENOMEM);
    map_error = 0;
}

static void entries_say_who_and_what(void **state)
{
    grant_ref_t ref, other;

    (void)state;
    table[0][20].flags = GTF_permit_access; /* a builder's, or a loader's */
    assert_int_equal(grant_access_give(7, 0x1234, true, &ref), 0);
    assert_int_equal(entry(ref)->flags, GTF_permit_access | GTF_readonly);
    assert_int_equal(entry(ref)->domid, 7);
    assert_int_equal(entry(ref)->frame, 0x1234);
    assert_int_equal(grant_access_give(8, 0x99, false, &other), 0);
    assert_int_not_equal(ref, other);
    assert_int_equal(entry(other)->flags, GTF_permit_access);
    assert_int_equal(grant_access_end(ref), 0);
    assert_int_equal(entry(ref)->flags, 0);
    assert_int_equal(grant_access_end(other), 0);
}

static void what_is_in_use_stays(void **state)
{
    grant_ref_t ref, other;

    (void)state;
    assert_int_equal(grant_access_give(7, 1, false, &ref), 0);
    for (uint16_t use = GTF_reading; use <= GTF_writing; use = (uint16_t)(use << 1)) {
        entry(ref)->flags |= use;
        assert_int_equal(grant_access_end(ref), -XEN_EBUSY);
        assert_int_equal(entry(ref)->flags, GTF_permit_access | use);
        assert_int_equal(grant_reference_take(&other), 0);
        assert_int_not_equal(ref, other);
        grant_reference_return(other);
        entry(ref)->flags &= (uint16_t)~use;
    }
    assert_int_equal(grant_access_end(ref), 0);
}

static void the_table_grows_to_its_end(void **state)
{
    static bool taken[OWN_GRANT_FRAMES_MAX * ENTRIES];
    grant_ref_t ref, last = 0;
    unsigned int count = 0;

    (void)state;
    while (!grant_reference_take(&ref)) {
        assert_int_equal(entry(ref)->flags, 0);
        assert_int_not_equal(ref, 20);
        assert_false(taken[ref]);
        taken[ref] = true;
        last = ref;
        count++;
    }
    assert_int_equal(count, 3 * ENTRIES - GNTTAB_NR_RESERVED_ENTRIES - 1);
    frames_allowed = OWN_GRANT_FRAMES_MAX + 1;
    while (!grant_reference_take(&ref)) {
        assert_false(taken[ref]);
        taken[ref] = true;
        count++;
    }
    assert_int_equal(count, OWN_GRANT_FRAMES_MAX * ENTRIES - GNTTAB_NR_RESERVED_ENTRIES - 1);
    grant_reference_return(last);
    assert_int_equal(grant_reference_take(&ref), 0);
    assert_int_equal(ref, last);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_that_cannot_be_had),
        cmocka_unit_test(entries_say_who_and_what),
        cmocka_unit_test(what_is_in_use_stays),
        cmocka_unit_test(the_table_grows_to_its_end),
    };

    return cmocka_run_group_tests_name("own-grants", tests, NULL, NULL);
}
