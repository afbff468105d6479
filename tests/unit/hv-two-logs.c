/*
 * The log of frames that may have been written, of a domain whose frames others use by grants, and
 * of one that uses others'; and what the hypervisor stores for it.
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
 * hypervisor/guest-cpu/trap-injection.c hypervisor/hypercalls/dirty-log.c
 *
 * Flags: -Ihypervisor -DHOST_TEST -DHOST_MODEL
 * Libraries: -Wl,--wrap=frame_type_claim -Wl,--wrap=frames_allocate -Wl,--wrap=heap_free
 * -Wl,--wrap=virq_raise
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "domain/guest-frames.h"
#include "grants/claim.h"
#include "hypercall-abi/mmu.h"
#include "hypercalls/dirty-log.h"
#include "lib/bits.h"
#include "machine/registers.h"
#include "memory/machine-to-physical.h"
#include "unit/fake-machine.h"
#include "unit/sides-grants.h"
#include "unit/sides.h"

/* Which of a's first 64 frames may have been written since the last time. */
static uint64_t log_of_a(void)
{
    uint64_t bits = 0, frames = 64, dirty;
    int r;

    do
        r = dirty_log_read(a.d, ARG(&bits), &frames, true, &dirty);
    while (r == -ERESTART);
    assert_int_equal(r, 0);
    assert_int_equal(bit_count(bits), dirty);
    return bits;
}

static void log_begins(void)
{
    int r;

    for (unsigned i = 0; i < FRAMES; i++)
        machine_to_physical_set(a.data[i], i);
    for (unsigned i = 0; i < 4; i++)
        machine_to_physical_set(a.table[i], 60 + i);
    while ((r = dirty_log_begin(a.d)) == -ERESTART)
        ;
    assert_int_equal(r, 0);
    assert_int_equal(log_of_a(), 0);
}

/* What users of its grants write is in the granter's log: each time while they may. */
static void writes_by_grants_are_logged(void **state)
{
    grant_ref_t ref = give(b.d->id, a.data[1], 0), other = give(b.d->id, a.data[3], 0);
    struct gnttab_copy op = { .source = { .u.gmfn = b.data[1].n, .domid = DOMID_SELF },
                              .dest = { .u.ref = other, .domid = a.d->id },
                              .len = 8,
                              .flags = GNTCOPY_dest_gref };
    grant_handle_t handle;

    (void)state;
    log_begins();
    assert_int_equal(map(ref, GNTMAP_readonly, &handle), GNTST_okay);
    assert_int_equal(log_of_a(), 0);
    assert_int_equal(unmap(handle), GNTST_okay);
    assert_int_equal(map(ref, 0, &handle), GNTST_okay);
    assert_int_equal(copy(op), GNTST_okay);
    assert_int_equal(log_of_a(), BIT(1) | BIT(3));
    assert_int_equal(log_of_a(), BIT(1));
    assert_int_equal(unmap(handle), GNTST_okay);
    assert_int_equal(log_of_a(), BIT(1));
    assert_int_equal(log_of_a(), 0);
}

/* A user of a grant is logged, too: what it mapped is not its own, and is gone with the mapping. */
static void a_mapped_grant_in_the_users_log(void **state)
{
    grant_ref_t ref = give(b.d->id, a.data[1], 0);
    uint64_t frames, differences, dirty = 0;
    uint32_t code = PF_USER | PF_WRITE;
    grant_handle_t handle;
    int r;

    (void)state;
    log_begins();
    while ((r = dirty_log_begin(b.d)) == -ERESTART)
        ;
    assert_int_equal(r, 0);
    this_cpu()->root = b.v->kernel_root;
    for (unsigned part = 0; part < 2; part++) {
        assert_int_equal(map(ref, 0, &handle), GNTST_okay);
        assert_int_equal(b.d->mode->fault(b.v, VA, &code), FAULT_RESOLVED);
        frames = 1;
        while ((r = dirty_log_read(b.d, 0, &frames, true, &dirty)) == -ERESTART)
            ;
        assert_int_equal(dirty, 0);
        assert_int_equal(unmap(handle), GNTST_okay);
        assert_int_equal(domain_audit(b.d, &frames, &differences), 0);
        assert_int_equal(differences, 0);
        code = PF_USER | PF_WRITE;
        assert_int_equal(b.d->mode->fault(b.v, VA, &code), FAULT_OF_GUEST);
        code = PF_USER | PF_WRITE;
    }
}

/* Claimed, read by somebody else, written, and let go: the write is in the log all the same. */
static void a_write_after_the_mark_was_taken_is_logged(void **state)
{
    grant_ref_t ref = give(b.d->id, a.data[1], 0);
    uint64_t frame;
    mfn_t m;

    (void)state;
    log_begins();
    assert_int_equal(guest_frame_get_writable(a.d, a.data[2].n, &m), 0);
    assert_int_equal(log_of_a(), BIT(2));
    assert_int_equal(log_of_a(), 0);
    guest_frame_put_written(a.d, m);
    assert_int_equal(log_of_a(), BIT(2));
    assert_int_equal(grant_claim(a.d, b.d->id, ref, true, &frame), GNTST_okay);
    (void)log_of_a();
    grant_unclaim(a.d, ref, true, frame);
    assert_int_equal(log_of_a(), BIT(1));
    assert_int_equal(log_of_a(), 0);
}

/* What the hypervisor stores for a itself. */
static void stores_for_the_guest_are_logged(void **state)
{
    struct mmuext_op clear = { .cmd = MMUEXT_CLEAR_PAGE, .arg1.mfn = a.data[7].n };
    struct mmu_update u = { .ptr = a.data[2].n << PAGE_SHIFT };
    unsigned done;

    (void)state;
    become(&a);
    log_begins();
    assert_int_equal(a.d->mode->update(a.d, a.d, &u, 1, &done), 0);
    assert_int_equal(log_of_a(), BIT(2));
    u = (struct mmu_update){ slot_machine(&a, 1, 3), entry(a.data[4], 0) };
    assert_int_equal(a.d->mode->update(a.d, a.d, &u, 1, &done), 0);
    assert_int_equal(log_of_a(), BIT(60));
    while (a.d->mode->pin(a.d, a.data[5].n, 1) == -ERESTART)
        ;
    assert_int_equal(log_of_a(), BIT(5)); /* entries may have been adjusted */
    assert_int_equal(a.d->mode->descriptor_update(a.d, a.data[6].n << PAGE_SHIFT, 0), 0);
    assert_int_equal(log_of_a(), BIT(6));
    assert_int_equal(hypercall_do_mmuext_op(ARG(&clear), 1, 0, DOMID_SELF), 0);
    assert_int_equal(log_of_a(), BIT(7));
    become(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(writes_by_grants_are_logged, sides_up, sides_down),
        cmocka_unit_test_setup_teardown(a_mapped_grant_in_the_users_log, sides_up, sides_down),
        cmocka_unit_test_setup_teardown(a_write_after_the_mark_was_taken_is_logged, sides_up,
                                        sides_down),
        cmocka_unit_test_setup_teardown(stores_for_the_guest_are_logged, sides_up, sides_down),
    };

    model_memory_up();
    model_seed(1);
    lifecycle_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
