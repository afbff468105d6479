/*
 * Copies by grants: whose frames, how much of them, and many in one call.
 *
 * Sources: tests/model/machine.c tests/model/common.c tests/model/tlb.c tests/model/stubs.c
 * hypervisor/domain/guest-memory.c hypervisor/memory/frame-allocator.c
 * hypervisor/memory/frame-owner.c hypervisor/memory/frame-references.c hypervisor/memory/heap.c
 * hypervisor/machine/tlb-clock.c hypervisor/machine/timer.c hypervisor/domain/domain.c
 * hypervisor/guest-cpu/descriptors.c hypervisor/events/binding.c hypervisor/events/delivery.c
 * hypervisor/events/fifo.c hypervisor/events/fifo-queues.c hypervisor/events/port-table.c
 * hypervisor/guest-paging/entry-references.c hypervisor/guest-paging/update.c
 * hypervisor/guest-paging/walk.c hypervisor/guest-paging/pin.c
 * hypervisor/guest-paging/base-pointer.c hypervisor/guest-paging/audit.c
 * hypervisor/guest-paging/mirrors.c hypervisor/guest-paging/mirror-fault.c
 * hypervisor/guest-paging/write-log.c
 * hypervisor/guest-paging/direct-mode.c hypervisor/grants/claim.c hypervisor/grants/copy.c
 * hypervisor/grants/grant-table.c hypervisor/grants/map.c hypervisor/lifecycle/audit.c
 * hypervisor/lifecycle/create.c hypervisor/lifecycle/destroy.c hypervisor/lifecycle/parts.c
 * hypervisor/lifecycle/vcpu-parts.c hypervisor/scheduling/disturbance.c
 * hypervisor/hypercalls/dispatch.c hypervisor/hypercalls/mmu.c hypervisor/hypercalls/events.c
 * hypervisor/hypercalls/grants.c hypervisor/hypercalls/memory.c hypervisor/hypercalls/scheduling.c
 * hypervisor/hypercalls/paravane.c hypervisor/hypercalls/target.c
 * hypervisor/guest-cpu/trap-injection.c
 *
 * Flags: -Ihypervisor -DHOST_TEST -DHOST_MODEL
 * Libraries: -Wl,--wrap=frame_type_claim -Wl,--wrap=frames_allocate -Wl,--wrap=heap_free
 * -Wl,--wrap=virq_raise -Wl,--wrap=guest_read -Wl,--wrap=guest_write -Wl,--wrap=preempt_point
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "hypercalls/handlers.h"
#include "lib/errno.h"
#include "lifecycle/audit.h"
#include "lifecycle/create.h"
#include "lifecycle/destroy.h"
#include "model/tlb.h"
#include "unit/fake-machine.h"
#include "unit/sides-grants.h"
#include "unit/sides.h"

/* The guest's memory ends after so many accesses; somebody else wants the CPU. */
static unsigned reads_left = ~0u, writes_left = ~0u;
static unsigned looks_left = ~0u; /* until somebody else wants the CPU, once */

int __real_guest_read(void *to, guest_handle_t from, size_t bytes);
int __real_guest_write(guest_handle_t to, const void *from, size_t bytes);
bool __real_preempt_point(void);
int __wrap_guest_read(void *to, guest_handle_t from, size_t bytes);
int __wrap_guest_write(guest_handle_t to, const void *from, size_t bytes);
bool __wrap_preempt_point(void);

int __wrap_guest_read(void *to, guest_handle_t from, size_t bytes)
{
    if (!reads_left)
        return -EFAULT;
    reads_left--;
    return __real_guest_read(to, from, bytes);
}

int __wrap_guest_write(guest_handle_t to, const void *from, size_t bytes)
{
    if (!writes_left)
        return -EFAULT;
    writes_left--;
    return __real_guest_write(to, from, bytes);
}

bool __wrap_preempt_point(void)
{
    return !looks_left-- || __real_preempt_point();
}

static void frames_of_others_are_not_copied(void **state)
{
    struct gnttab_copy op = { .source = { .u.gmfn = a.data[1].n, .domid = a.d->id },
                              .dest = { .u.gmfn = b.data[1].n, .domid = DOMID_SELF },
                              .len = 8 };

    (void)state;
    assert_int_equal(copy(op), GNTST_permission_denied);
    op.source.domid = DOMID_SELF;
    assert_int_equal(copy(op), GNTST_bad_page);
    op.source.u.gmfn = b.data[2].n;
    op.dest.u.gmfn = a.data[1].n;
    assert_int_equal(copy(op), GNTST_bad_page);
    op.dest.domid = a.d->id;
    assert_int_equal(copy(op), GNTST_permission_denied);
    op.dest = (struct gnttab_copy_ptr){ .u.gmfn = b.table[0].n, .domid = DOMID_SELF };
    assert_int_equal(copy(op), GNTST_bad_page); /* a table is no place to copy to */
}

static void a_copy_ends_with_its_page(void **state)
{
    struct gnttab_copy op = { .source = { .u.gmfn = b.data[1].n, .domid = DOMID_SELF },
                              .dest = { .u.gmfn = b.data[2].n, .domid = DOMID_SELF },
                              .len = 1 };

    (void)state;
    op.source.offset = op.dest.offset = PAGE_SIZE - 1;
    assert_int_equal(copy(op), GNTST_okay);
    op.len = 2;
    op.source.offset = 0;
    assert_int_equal(copy(op), GNTST_bad_copy_arg);
    op.source.offset = PAGE_SIZE - 1;
    op.dest.offset = 0;
    assert_int_equal(copy(op), GNTST_bad_copy_arg);
    op.source.offset = UINT16_MAX; /* a sum that fits no 16 bits */
    op.len = 1;
    assert_int_equal(copy(op), GNTST_bad_copy_arg);
    op.source.offset = PAGE_SIZE;
    op.len = 1;
    assert_int_equal(copy(op), GNTST_bad_copy_arg);
}

#define COPIES 6

static void marked(grant_ref_t ref, unsigned in_use)
{
    assert_int_equal(grant_entry_locked(a.d->grants, ref)->flags & (GTF_reading | GTF_writing),
                     in_use);
}

/* What one copy leaves claimed serves the next only if that means the very same; and at the end of
 * the call nothing is claimed. */
static void copies_in_a_row(void **state)
{
    grant_ref_t read = give(b.d->id, a.data[1], GTF_readonly), own = (grant_ref_t)b.data[1].n;
    struct gnttab_copy ops[COPIES];
    static const int16_t wanted[COPIES] = { GNTST_okay, GNTST_okay,          GNTST_bad_gntref,
                                            GNTST_okay, GNTST_general_error, GNTST_bad_domain };

    (void)state;
    for (unsigned i = 0; i < COPIES; i++)
        ops[i] = (struct gnttab_copy){ .source = { .u.ref = read, .domid = a.d->id },
                                       .dest = { .u.gmfn = own, .domid = DOMID_SELF },
                                       .len = 8,
                                       .flags = GNTCOPY_source_gref };
    ops[2].source = (struct gnttab_copy_ptr){ .u.ref = own, .domid = a.d->id };
    ops[2].flags = GNTCOPY_source_gref;
    ops[4].dest = (struct gnttab_copy_ptr){ .u.ref = read, .domid = a.d->id };
    ops[4].flags |= GNTCOPY_dest_gref;
    ops[5].source.domid = 1234;
    assert_int_equal(hypercall_do_grant_table_op(GNTTABOP_copy, ARG(ops), COPIES), 0);
    for (unsigned i = 0; i < COPIES; i++)
        assert_int_equal(ops[i].status, wanted[i]);
    marked(read, 0);
    assert_int_equal(grant_pin_locked(a.d->grants, read)->readers, 0);
    assert_int_equal(frame_of(b.data[1])->type & 0xff, frame_of(b.data[2])->type & 0xff);
}

/* A frame's number is no grant reference, and the same number of two domains' is not the same. */
static void copies_of_one_number(void **state)
{
    grant_ref_t ref = give(b.d->id, a.data[1], 0);
    struct gnttab_copy ops[2];

    (void)state;
    for (unsigned i = 0; i < 2; i++)
        ops[i] = (struct gnttab_copy){ .source = { .u.ref = ref, .domid = a.d->id },
                                       .dest = { .u.gmfn = b.data[2].n, .domid = DOMID_SELF },
                                       .len = 8,
                                       .flags = GNTCOPY_source_gref };
    ops[1].flags = 0; /* b's frame of that number: it has none */
    ops[1].source.domid = DOMID_SELF;
    assert_int_equal(hypercall_do_grant_table_op(GNTTABOP_copy, ARG(ops), 2), 0);
    assert_int_equal(ops[0].status, GNTST_okay);
    assert_int_equal(ops[1].status, GNTST_bad_page);
    ops[1].flags = GNTCOPY_source_gref; /* b's own entry of that number: it grants nothing */
    assert_int_equal(hypercall_do_grant_table_op(GNTTABOP_copy, ARG(ops), 2), 0);
    assert_int_not_equal(ops[1].status, GNTST_okay);
    ops[1].source.domid = a.d->id;
    ops[1].flags = 0;
    assert_int_equal(hypercall_do_grant_table_op(GNTTABOP_copy, ARG(ops), 2), 0);
    assert_int_equal(ops[1].status, GNTST_permission_denied);
    marked(ref, 0);
}

/* What was refused is refused again, and not taken for what the last copy left. */
static void a_refusal_stays_one(void **state)
{
    struct gnttab_copy ops[3];
    char *target = frame_virt(b.data[2]);

    (void)state;
    memset(target, 0x5a, PAGE_SIZE);
    for (unsigned i = 0; i < 3; i++)
        ops[i] = (struct gnttab_copy){ .source = { .u.ref = 5, .domid = a.d->id },
                                       .dest = { .u.gmfn = b.data[2].n, .domid = DOMID_SELF },
                                       .len = 64,
                                       .flags = GNTCOPY_source_gref };
    assert_int_equal(hypercall_do_grant_table_op(GNTTABOP_copy, ARG(ops), 3), 0);
    for (unsigned i = 0; i < 3; i++)
        assert_true(ops[i].status < 0);
    for (unsigned i = 0; i < 64; i++)
        assert_int_equal(target[i], 0x5a);
}

#define MANY 200

/* However the call ends, nothing stays claimed. */
static void nothing_stays_claimed(void **state)
{
    static struct gnttab_copy ops[MANY];
    grant_ref_t read = give(b.d->id, a.data[1], GTF_readonly);

    (void)state;
    for (unsigned how = 0; how < 3; how++) {
        for (unsigned i = 0; i < MANY; i++)
            ops[i] = (struct gnttab_copy){ .source = { .u.ref = read, .domid = a.d->id },
                                           .dest = { .u.gmfn = b.data[1].n, .domid = DOMID_SELF },
                                           .len = 8,
                                           .flags = GNTCOPY_source_gref,
                                           .status = 77 };
        reads_left = how == 0 ? 3 : ~0u;
        writes_left = how == 1 ? 3 : ~0u;
        looks_left = how == 2 ? 5 : ~0u;
        int64_t result = hypercall_do_grant_table_op(GNTTABOP_copy, ARG(ops), MANY);

        reads_left = writes_left = ~0u;
        assert_true(how < 2 || looks_left > MANY);
        assert_int_equal(result, how < 2 ? -EFAULT : 0);
        assert_int_equal(ops[2].status, GNTST_okay);
        assert_int_equal(ops[MANY - 1].status, how < 2 ? 77 : GNTST_okay);
        marked(read, 0);
        assert_int_equal(grant_pin_locked(a.d->grants, read)->readers, 0);
        assert_int_equal(frame_of(b.data[1])->type & 0xff, frame_of(b.data[2])->type & 0xff);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_refusal_stays_one, sides_up, sides_down),
        cmocka_unit_test_setup_teardown(nothing_stays_claimed, sides_up, sides_down),
        cmocka_unit_test_setup_teardown(frames_of_others_are_not_copied, sides_up, sides_down),
        cmocka_unit_test_setup_teardown(a_copy_ends_with_its_page, sides_up, sides_down),
        cmocka_unit_test_setup_teardown(copies_in_a_row, sides_up, sides_down),
        cmocka_unit_test_setup_teardown(copies_of_one_number, sides_up, sides_down),
    };

    model_memory_up();
    model_seed(1);
    lifecycle_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
