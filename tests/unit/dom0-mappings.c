/*
 * dom0's mappings of other domains' pages: addresses of pages that could not be unmapped are never
 * handed out again.
 *
 * Sources: dom0/pv-kernel/grant-maps.c dom0/pv-kernel/foreign-frames.c
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
#include "pv-kernel/grant-maps.h"
#include "pv-kernel/page-tables.h"
#include "pv-kernel/print.h"

static char area[64 << 12];
static size_t reserved, mapped; /* pages */
static int map_error, unmap_error;
static uint32_t bad_ref, bad_handle; /* refused when mapping, when unmapping */
static int64_t call_error;

int kprintf(const char *format, ...)
{
    (void)format;
    return 0;
}

void *mapping_area_reserve(size_t n)
{
    assert_int_equal(reserved, 0);
    reserved = n;
    return area;
}

void mapping_area_release(void *va, size_t n)
{
    assert_ptr_equal(va, area);
    assert_int_equal(n, reserved);
    assert_int_equal(mapped, 0);
    reserved = 0;
}

int page_tables_map(void *va, const uint64_t *mfns, size_t n, uint64_t flags, domid_t domid,
                    size_t *done)
{
    (void)va;
    (void)mfns;
    (void)flags;
    (void)domid;
    *done = map_error ? n / 2 : n;
    mapped += *done;
    return map_error;
}

int page_tables_unmap(void *va, size_t n)
{
    (void)va;
    if (!unmap_error)
        mapped -= n;
    return unmap_error;
}

int64_t hypercall_grant_table_op(uint64_t command, uint64_t argument, uint64_t count)
{
    struct gnttab_map_grant_ref *map = (void *)argument;
    struct gnttab_unmap_grant_ref *unmap = (void *)argument;

    if (call_error)
        return call_error;
    for (size_t i = 0; i < count; i++)
        if (command == GNTTABOP_map_grant_ref) {
            map[i].status = map[i].ref == bad_ref ? GNTST_bad_gntref : GNTST_okay;
            map[i].handle = map[i].ref + 1000;
            mapped += !map[i].status;
        } else {
            unmap[i].status = unmap[i].handle == bad_handle ? GNTST_bad_handle : GNTST_okay;
            mapped -= !unmap[i].status;
        }
    return 0;
}

static int setup(void **state)
{
    (void)state;
    reserved = mapped = 0;
    map_error = unmap_error = 0;
    bad_ref = bad_handle = UINT32_MAX;
    call_error = 0;
    return 0;
}

static void test_foreign_frames(void **state)
{
    static const uint64_t frames[4] = { 1, 2, 3, 4 };
    void *va;

    (void)state;
    assert_int_equal(foreign_frames_map(1, frames, 4, true, &va), 0);
    foreign_frames_unmap(va, 4);
    assert_int_equal(reserved, 0);
    assert_int_equal(foreign_frames_map(1, frames, 4, true, &va), 0);
    unmap_error = -XEN_EINVAL;
    foreign_frames_unmap(va, 4);
    assert_int_equal(reserved, 4);
}

static void test_half_mapped(void **state)
{
    static const uint64_t frames[4] = { 1, 2, 3, 4 };
    void *va;

    (void)state;
    map_error = -XEN_EPERM;
    assert_int_equal(foreign_frames_map(1, frames, 4, true, &va), -XEN_EPERM);
    assert_int_equal(reserved, 0);
    unmap_error = -XEN_EINVAL;
    assert_int_equal(foreign_frames_map(1, frames, 4, true, &va), -XEN_EPERM);
    assert_int_equal(reserved, 4);
}

static void map_three(void **va, grant_handle_t *handles)
{
    static const grant_ref_t refs[3] = { 8, 9, 10 };

    assert_int_equal(grant_maps_map(1, refs, 3, true, va, handles), 0);
}

static void test_grants(void **state)
{
    grant_handle_t handles[3];
    void *va;

    (void)state;
    map_three(&va, handles);
    grant_maps_unmap(va, handles, 3);
    assert_int_equal(reserved, 0);
    map_three(&va, handles);
    bad_handle = 1009;
    grant_maps_unmap(va, handles, 3);
    assert_int_equal(mapped, 1);
    assert_int_equal(reserved, 3);
    setup(NULL);
    map_three(&va, handles);
    call_error = -XEN_EFAULT;
    grant_maps_unmap(va, handles, 3);
    assert_int_equal(reserved, 3);
}

static void test_grants_refused(void **state)
{
    static const grant_ref_t refs[3] = { 8, 9, 10 };
    grant_handle_t handles[3];
    void *va;

    (void)state;
    bad_ref = 10;
    assert_int_not_equal(grant_maps_map(1, refs, 3, true, &va, handles), 0);
    assert_int_equal(reserved, 0);
    bad_handle = 1008;
    assert_int_not_equal(grant_maps_map(1, refs, 3, true, &va, handles), 0);
    assert_int_equal(mapped, 1);
    assert_int_equal(reserved, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_foreign_frames, setup),
        cmocka_unit_test_setup(test_half_mapped, setup),
        cmocka_unit_test_setup(test_grants, setup),
        cmocka_unit_test_setup(test_grants_refused, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
