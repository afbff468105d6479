/*
 * Grants of another domain in a guest in shadow mode: whatever the guest's tables and its
 * processors make of them while they are mapped, nothing leads to the frame once they are not.
 *
 * Sources: hypervisor/memory/frame-allocator.c hypervisor/memory/frame-owner.c
 * hypervisor/memory/frame-references.c hypervisor/memory/heap.c hypervisor/machine/tlb-clock.c
 * hypervisor/shadow-paging/map.c hypervisor/shadow-paging/pages.c
 * hypervisor/shadow-paging/entries.c hypervisor/shadow-paging/fill.c
 * hypervisor/shadow-paging/sync.c hypervisor/shadow-paging/roots.c
 * hypervisor/shadow-paging/stores.c hypervisor/shadow-paging/copies.c
 * hypervisor/shadow-paging/granted.c hypervisor/shadow-paging/audit.c
 * hypervisor/shadow-paging/shadow-mode.c hypervisor/shadow-paging/dirty-log.c
 * hypervisor/lifecycle/audit.c tests/model/processors.c
 * tests/model/shadow-guest.c
 *
 * Flags: -Ihypervisor -Itests/model -DHOST_TEST
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "hypercall-abi/mmu.h"
#include "lib/bits.h"
#include "lib/errno.h"
#include "machine/registers.h"
#include "memory/frame-references.h"
#include "shadow-guest.h"
#include "shadow-paging/shadow.h"

#define PLACE 2000 /* guest frames that are nothing yet */
#define CODE  (PF_USER | PF_WRITE)

static struct domain granter;
static uint64_t uses;

static uint32_t uses_now(void)
{
    return frame_of(mfn(granted_mfn))->use & USE_COUNT;
}

/* The granter's frame, claimed as a handle that allows writing does. */
static int granted_up(void **state)
{
    mfn_t m;

    guest_up(state);
    assert_int_equal(frame_owner_register(&granter.frames, 10), 0);
    assert_int_equal(frame_owner_allocate(&granter.frames, 0, 0, &m), 0);
    assert_true(frame_get(m, granter.frames.index));
    assert_int_equal(frame_type_claim(m, TYPE_WRITABLE), 0);
    granted_mfn = m.n;
    granted_times = granted_to_write = 0;
    uses = uses_now();
    return 0;
}

static int granted_down(void **state)
{
    guest_down(state);
    assert_int_equal(uses_now(), uses);
    assert_int_equal(frame_of(mfn(granted_mfn))->type & TYPE_COUNT, 1);
    frame_type_put_plain(mfn(granted_mfn));
    frame_put(mfn(granted_mfn));
    assert_int_equal(frame_owner_release(&granter.frames, mfn(granted_mfn)), 0);
    frame_owner_unregister(&granter.frames);
    return 0;
}

static pte_t granted(bool write)
{
    return pte_make(mfn(granted_mfn), write ? PTE_RW : 0);
}

static int map_at_gfn(uint64_t gfn, bool write)
{
    int r = shadow_map_granted(vcpu, &granter, gfn << PAGE_SHIFT, false, granted(write));

    granted_times += !r;
    granted_to_write += !r && write;
    return r;
}

/* As a hypercall does, with its flush. */
static int unmap_at_gfn(uint64_t gfn, bool write)
{
    int r = shadow_unmap_granted(vcpu, gfn << PAGE_SHIFT, false, granted(write));

    granted_times -= !r;
    granted_to_write -= !r && write;
    for (unsigned i = 0; i < CPUS; i++)
        flush_on(i);
    return r;
}

/* Some addresses, and tables for them, that lead to PLACE and behind. */
static uint64_t addresses_up(void)
{
    static const uint64_t path[] = { 100, 101, 102, 103 };

    chain(path, 4, 4);
    for (unsigned i = 0; i < 8; i++)
        table_at(103)[i] = entry(PLACE);
    for (unsigned i = 8; i < 16; i++)
        table_at(103)[i] = entry(PLACE + 1);
    for (unsigned i = 0; i < CPUS; i++) {
        on(i);
        assert_int_equal(shadow_mode.set_kernel_root(vcpu, 100), 0);
    }
    on(0);
    return 4UL << 39;
}

static uint64_t at(uint64_t base, unsigned i)
{
    return base + i * PAGE_SIZE;
}

static uint64_t reached(uint64_t address)
{
    struct access a = { address, false, false, false };

    return by_processor(&a);
}

/* A table that the guest may write by now, as far as shadows go. */
static pte_t *written_table(uint64_t gfn)
{
    struct guest_frame *f = guest_frame_find(domain.shadow, gfn);

    if (guest_frame_is_guarded(domain.shadow, f))
        table_loosen(&domain, f);
    return table_at(gfn);
}

static void given_back(uint64_t gfn)
{
    int r;

    while ((r = shadow_mode.remove(&domain, gfn)) == -ERESTART)
        ;
    assert_int_equal(r, 0);
}

/* In more places than are noted, and on two processors; then it is there no more. */
static void in_many_places(void **state)
{
    uint64_t base = addresses_up();

    (void)state;
    assert_false(access_is(base, false, false));
    assert_int_equal(map_at_gfn(PLACE, true), 0);
    for (unsigned round = 0; round < 3; round++)
        for (unsigned i = 0; i < 8; i++) {
            on(i % 2);
            assert_true(access_is(at(base, i), round != 1, round == 2));
            assert_in_range(uses_now() - uses, 1, 2);
        }
    on(0);
    assert_audit_clean();
    assert_int_equal(unmap_at_gfn(PLACE + 1, true), -XEN_ENOENT);
    assert_int_equal(unmap_at_gfn(PLACE, false), -XEN_ENOENT);
    assert_int_equal(unmap_at_gfn(PLACE, true), 0);
    assert_int_equal(uses_now(), uses);
    for (unsigned i = 0; i < 8; i++)
        assert_false(access_is(at(base, i), false, false));
    assert_int_equal(unmap_at_gfn(PLACE, true), -XEN_ENOENT);
    assert_audit_clean();
}

/* A write is the guest's fault, by its own doing or the hypervisor's for it, whatever its tables
 * allow. */
static void for_reading(void **state)
{
    uint64_t base = addresses_up();
    uint32_t code = CODE;

    (void)state;
    assert_int_equal(map_at_gfn(PLACE, false), 0);
    assert_false(access_is(base, true, false));
    assert_true(access_is(base, false, false));
    assert_false(access_is(base, true, true));
    cpu->root = vcpu->kernel_root;
    assert_int_equal(shadow_mode.fault(vcpu, base, &code), FAULT_OF_GUEST);
    assert_int_equal(code, CODE | PF_PRESENT);
    assert_audit_clean();
    assert_int_equal(unmap_at_gfn(PLACE, false), 0);
    assert_int_equal(uses_now(), uses);
}

/* By two numbers, one for reading; an entry goes from the one to the other and back, with nobody
 * told.  What is unmapped leaves no way. */
static void by_two_numbers(void **state)
{
    uint64_t base = addresses_up();

    (void)state;
    assert_int_equal(map_at_gfn(PLACE, true), 0);
    assert_int_equal(map_at_gfn(PLACE + 1, false), 0);
    for (unsigned i = 0; i < 4; i++)
        assert_true(access_is(at(base, i), i % 2, false));
    table_at(103)[2] = entry(PLACE + 1);
    flush(BIT(CPUS) - 1);
    assert_true(access_is(at(base, 2), false, false));
    assert_int_equal(unmap_at_gfn(PLACE, true), 0);
    flush(BIT(CPUS) - 1);
    assert_true(access_is(at(base, 2), false, false));
    assert_false(access_is(at(base, 2), true, false));
    assert_false(access_is(base, false, false));
    assert_audit_clean();
    assert_int_equal(unmap_at_gfn(PLACE + 1, false), 0);
    assert_int_equal(uses_now(), uses);
    assert_audit_clean();
}

/* An entry goes from one number to the other, by a hypercall or in a table that the guest writes;
 * the one it has now is unmapped, and then is a frame of the guest's own. */
static void and_then_a_frame_of_its_own(void **state)
{
    uint64_t base = addresses_up();

    (void)state;
    for (unsigned round = 0; round < 4; round++) {
        struct mmu_update update = { .ptr = 103UL << PAGE_SHIFT | 8 * 8, .val = entry(PLACE) };
        unsigned done;
        uint64_t own;

        table_at(103)[8] = entry(PLACE + 1);
        flush(BIT(CPUS) - 1);
        assert_int_equal(map_at_gfn(PLACE, round != 3), 0);
        assert_int_equal(map_at_gfn(PLACE + 1, true), 0);
        assert_true(access_is(at(base, 8), true, false));
        if (round == 0) {
            assert_int_equal(shadow_mode.update(&domain, &domain, &update, 1, &done), 0);
        } else {
            written_table(103)[8] = entry(PLACE);
            flush(BIT(CPUS) - 1);
        }
        if (round == 2)
            assert_true(access_is(at(base, 8), true, false));
        if (round == 3)
            assert_false(access_is(at(base, 8), true, false));
        assert_audit_clean();
        assert_int_equal(unmap_at_gfn(PLACE, round != 3), 0);
        assert_false(access_is(at(base, 8), false, false));
        own = frame_placed(PLACE);
        assert_true(access_is(at(base, 8), true, false));
        assert_int_equal(reached(at(base, 8)), own);
        assert_int_equal(unmap_at_gfn(PLACE + 1, true), 0);
        given_back(PLACE);
        assert_audit_clean();
    }
    assert_int_equal(uses_now(), uses);
}

/* What is somebody else's is no table, whatever it holds, and no frame to give back. */
static void as_a_table(void **state)
{
    uint64_t base = addresses_up();
    pte_t *words = frame_virt(mfn(granted_mfn));

    (void)state;
    for (unsigned i = 0; i < PT_ENTRIES; i++)
        words[i] = entry(DATA) & ~(PTE_A | PTE_D);
    assert_int_equal(map_at_gfn(PLACE, false), 0);
    assert_int_equal(shadow_mode.set_kernel_root(vcpu, PLACE), -XEN_EINVAL);
    for (unsigned i = 101; i < 104; i++) {
        table_at(i)[20] = entry(PLACE);
        for (unsigned k = 0; k < 3; k++)
            assert_int_equal(access_is(base + ((uint64_t)20 << (12 + 9 * (103 - i))), false, k),
                             i == 103);
    }
    for (unsigned i = 0; i < PT_ENTRIES; i++)
        assert_int_equal(words[i], entry(DATA) & ~(PTE_A | PTE_D));
    assert_int_equal(shadow_mode.leave(&domain, PLACE), -XEN_EINVAL);
    assert_int_equal(shadow_mode.remove(&domain, PLACE), -XEN_EINVAL);
    assert_int_equal(shadow_mode.place(&domain, mfn(granted_mfn), PLACE), -XEN_EINVAL);
    assert_int_equal(unmap_at_gfn(PLACE, false), 0);
}

/* Where a table was that is still on the list of those the guest writes, and where a root is. */
static void where_tables_were(void **state)
{
    static const uint64_t other[] = { 100, 107, 108, 109, 103 };
    uint64_t base = addresses_up();

    (void)state;
    chain(other, 5, 6);
    table_at(103)[30] = entry(103);
    for (unsigned i = 0; i < 8; i++) /* then it may write it */
        assert_true(access_is(at(base, 30), true, false));
    given_back(103);
    assert_int_equal(map_at_gfn(103, true), 0);
    assert_true(access_is(6UL << 39, true, false));
    flush(BIT(CPUS) - 1);
    assert_false(access_is(base, false, false));
    assert_int_equal(unmap_at_gfn(103, true), 0);
    assert_false(access_is(6UL << 39, false, false));
    given_back(100);
    assert_int_equal(map_at_gfn(100, true), -XEN_EINVAL);
    flush(BIT(CPUS) - 1);
    frame[103] = frame_placed(103);
    frame[100] = frame_placed(100);
    assert_audit_clean();
}

static void refusals(void **state)
{
    uint64_t place = (uint64_t)PLACE << PAGE_SHIFT;

    (void)state;
    assert_int_equal(shadow_map_granted(vcpu, &granter, place, true, granted(true)), -XEN_EINVAL);
    assert_int_equal(shadow_map_granted(vcpu, &granter, place + 8, false, granted(true)),
                     -XEN_EINVAL);
    given_back(0);
    assert_int_equal(map_at_gfn(0, true), -XEN_EINVAL);
    frame[0] = frame_placed(0);
    assert_int_equal(map_at_gfn(DATA, true), -XEN_EINVAL);
    assert_int_equal(map_at_gfn(SHARED_GFN + 5, true), -XEN_EINVAL);
    assert_int_equal(map_at_gfn(GFN_LIMIT, true), -XEN_EINVAL);
    assert_int_equal(unmap_at_gfn(GFN_LIMIT, true), -XEN_ENOENT);
    assert_int_equal(unmap_at_gfn(DATA, true), -XEN_ENOENT);
    assert_int_equal(map_at_gfn(PLACE, true), 0);
    assert_int_equal(map_at_gfn(PLACE, true), -XEN_EINVAL);
    assert_int_equal(unmap_at_gfn(PLACE, true), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(in_many_places, granted_up, granted_down),
        cmocka_unit_test_setup_teardown(for_reading, granted_up, granted_down),
        cmocka_unit_test_setup_teardown(by_two_numbers, granted_up, granted_down),
        cmocka_unit_test_setup_teardown(and_then_a_frame_of_its_own, granted_up, granted_down),
        cmocka_unit_test_setup_teardown(as_a_table, granted_up, granted_down),
        cmocka_unit_test_setup_teardown(where_tables_were, granted_up, granted_down),
        cmocka_unit_test_setup_teardown(refusals, granted_up, granted_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
