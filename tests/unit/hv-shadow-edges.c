/*
 * Shadow mode at its edges: guests that fill the pool with tables that cannot be dropped, or the
 * list of those they write; what another CPU does in the middle of an operation; a map made large.
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
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "domain/guest-frames.h"
#include "lib/bits.h"
#include "lib/errno.h"
#include "lifecycle/audit.h"
#include "machine/registers.h"
#include "memory/frame-allocator.h"
#include "memory/frame-references.h"
#include "shadow-guest.h"
#include "shadow-paging/shadow.h"

/* A table of each level in many places, dropped again and again, until nothing is left but what
 * such places hold: the guest, and the hypervisor for it, get on. */
static void a_pool_of_dropped_tables(void **state)
{
    static const uint64_t path[] = { 1, 2, 3, 4, DATA };

    (void)state;
    for (unsigned i = 0; i < 512; i++) {
        table_at(1)[i] = entry(2);
        table_at(2)[i] = entry(3);
        table_at(3)[i] = entry(4);
        table_at(4)[i] = entry(DATA);
    }
    assert_int_equal(shadow_mode.set_kernel_root(vcpu, path[0]), 0);
    for (unsigned slot = 2; slot < 512; slot++) {
        assert_true(access_is(address_of(0, 0, 0), false, false));
        assert_true(access_is(address_of(0, 1, 0), false, false));
        assert_true(access_is(address_of(0, slot, 0), false, true));
        flush(1);
        assert_int_equal(shadow_mode.unpin(&domain, 4), 0);
    }
    for (unsigned round = 2; round < 2000; round++) {
        uint64_t slot = round % 250;

        assert_true(access_is(address_of(0, 0, 0), false, false));
        assert_true(access_is(address_of(0, 1, 0), false, false));
        assert_true(access_is(slot << 39 | slot << 30 | slot << 21, false, round % 2));
        flush(1);
        assert_int_equal(shadow_mode.unpin(&domain, 2 + round % 3), 0);
        assert_true(access_is(address_of(0, 0, 0), round % 4 == 0, true));
    }
    assert_int_equal(crashes, 0);
    assert_audit_clean();
}

/* As by MMUEXT_CLEAR_PAGE, say. */
static void write_from_outside(uint64_t gfn, unsigned index, pte_t value)
{
    mfn_t m;

    assert_int_equal(guest_frame_get_writable(&domain, gfn, &m), 0);
    table_at(gfn)[index] = value;
    frame_put_writable(m);
}

/* As many tables as have places on the list of those the guest writes. */
static void loosen_many(const uint64_t path[3])
{
    chain(path, 3, 7);
    for (unsigned i = 0; i < LOOSE_MAX; i++) {
        table_at(path[2])[i] = entry(120 + i);
        table_at(120 + i)[0] = entry(DATA + 2);
        assert_true(access_is(address_of(7, i, 0), false, false));
    }
    for (unsigned i = 0; i < LOOSE_MAX; i++)
        write_from_outside(120 + i, 3, 0);
}

/* The list of tables that are written is full of roots in use; a table in the way to itself is
 * written by a hypercall. */
static void a_list_of_roots(void **state)
{
    static const uint64_t path[] = { 100, 101, 102, 103, 103 }, other[] = { 100, 104, 105, 106 };
    static const uint64_t many[] = { 100, 110, 111 };

    (void)state;
    chain(path, 5, 0);
    chain(other, 4, 5);
    table_at(103)[1] = entry(DATA);
    for (unsigned i = 0; i < 4; i++)
        table_at(106)[i] = entry(102); /* more writers than are noted */
    assert_int_equal(shadow_mode.set_kernel_root(vcpu, path[0]), 0);
    for (unsigned i = 0; i < 4; i++)
        assert_true(access_is(address_of(5, 0, i), true, false));
    for (unsigned i = 1; i < CPUS; i++) {
        on(i);
        assert_int_equal(shadow_mode.set_kernel_root(vcpu, 10 + i), 0);
        assert_int_equal(shadow_mode.set_user_root(vcpu, 30 + i), 0);
    }
    on(0);
    assert_true(access_is(address_of(0, 0, 1), false, false));
    for (unsigned i = 1; i < CPUS; i++)
        for (unsigned k = 10; k <= 30; k += 20)
            write_from_outside(k + i, 3, entry(101));
    loosen_many(many);
    assert_true(access_is(address_of(0, 0, 0), true, true));
    assert_int_equal(crashes, 0);
    for (unsigned i = 1; i < CPUS; i++) { /* they are all still known to be written */
        on(i);
        assert_true(access_is(address_of(3, 0, 1), false, false));
        write_from_outside(10 + i, 3, 0);
        flush(BIT(CPUS) - 1);
        assert_false(access_is(address_of(3, 0, 1), false, false));
    }
    assert_audit_clean();
}

/* An access of the hypervisor to both sides of a page's end: how many faults it takes. */
static unsigned faults_across(uint64_t end)
{
    struct access below = { end - PAGE_SIZE, false, false, false },
                  above = { end, false, false, false };
    unsigned n = 0;

    cpu->root = vcpu->kernel_root;
    for (; n < TRIES; n++) {
        struct access *a = by_processor(&below) ? &above : &below;
        uint32_t code = 0;

        if (by_processor(a))
            break;
        assert_int_equal(shadow_mode.fault(vcpu, a->address, &code), FAULT_RESOLVED);
    }
    return n;
}

/* Both sides by tables of their own, none of which can be guarded, and the list is full of others:
 * making the one does not take the other. */
static void an_access_to_two_pages(void **state)
{
    static const uint64_t writers[] = { 100, 107, 108, 109 }, many[] = { 100, 110, 111 };
    static const uint64_t above[] = { 100, 104, 105, 106, DATA + 1 };

    (void)state;
    table_at(100)[3] = entry(101);
    for (uint64_t gfn = 101; gfn < 104; gfn++)
        table_at(gfn)[511] = entry(gfn < 103 ? gfn + 1 : DATA);
    chain(above, 5, 4);
    chain(writers, 4, 6);
    for (unsigned i = 0; i < 24; i++)
        table_at(109)[i] = entry(101 + i / 4);
    assert_int_equal(shadow_mode.set_kernel_root(vcpu, 100), 0);
    for (unsigned i = 0; i < 24; i++)
        assert_true(access_is(address_of(6, 0, i), true, false));
    loosen_many(many);
    assert_in_range(faults_across(4UL << 39), 1, 20);
    flush(BIT(CPUS) - 1);
    assert_audit_clean();
}

/* One more table is written through the one that has been on the full list longest: the place of
 * another is given up for it. */
static void a_store_by_way_of_the_oldest(void **state)
{
    static const uint64_t many[] = { 100, 110, 111 };
    uint64_t in_step = 140, through = address_of(7, 0, 1);

    (void)state;
    assert_int_equal(shadow_mode.set_kernel_root(vcpu, 100), 0);
    table_at(120)[1] = entry(in_step);
    table_at(in_step)[0] = entry(DATA + 3);
    loosen_many(many);
    table_at(many[2])[LOOSE_MAX] = entry(in_step);
    assert_true(access_is(address_of(7, LOOSE_MAX, 0), false, false));
    assert_int_equal(domain.shadow->loose_count, LOOSE_MAX);
    assert_int_equal(domain.shadow->loose[0], 120);
    assert_true(access_is(through, true, true));
    assert_int_equal(domain.shadow->loose_count, LOOSE_MAX);
    assert_int_equal(domain.shadow->loose[0], 120);
    assert_audit_clean();
}

/* Processes come and go while the pool is full; a vCPU that idles has a root with nothing in it. */
static void roots_when_the_pool_is_full(void **state)
{
    (void)state;
    on(1);
    assert_int_equal(shadow_mode.set_kernel_root(vcpu, 500), 0);
    on(0);
    for (unsigned i = 0; i < 400; i++) {
        uint64_t gfn = 1 + i % 100 * 4, path[] = { gfn, gfn + 1, gfn + 2, gfn + 3, DATA };

        chain(path, 5, 0);
        assert_int_equal(shadow_mode.set_kernel_root(vcpu, gfn), 0);
        assert_true(access_is(0, false, false));
    }
    /* And while it is large, and all of it has just been used. */
    domain.frames.limit = 96 * 6000;
    spin_lock(&domain.shadow->lock);
    for (unsigned level = 1; level < 4; level++)
        for (unsigned view = 0; view < 2; view++)
            for (uint64_t gfn = 1; gfn < DATA; gfn++) {
                struct shadow_page *p = page_get(&domain, gfn, level, view, true);

                assert_non_null(p);
                p->recent = true;
            }
    domain.frames.limit = 0;
    while (domain.shadow->free)
        assert_non_null(page_get(&domain, DATA + domain.shadow->free % 90, 1, 0, true));
    spin_unlock(&domain.shadow->lock);
    assert_int_equal(shadow_mode.set_kernel_root(vcpu, 899), 0);
    assert_int_equal(crashes, 0);
    assert_audit_clean();
}

/* vCPU 1 may still write the table when vCPU 0 first walks it. */
static void entry_goes(void)
{
    on_flush = NULL;
    table_at(203)[0] = 0;
}

static void a_store_while_a_table_is_guarded(void **state)
{
    static const uint64_t path[] = { 200, 201, 202, 203, DATA + 7 },
                          other[] = { 200, 204, 205, 206, 203 };
    struct access a = { 0, true, false, false };
    uint32_t code = PF_USER;

    (void)state;
    chain(path, 5, 0);
    chain(other, 5, 5);
    on(1);
    assert_int_equal(shadow_mode.set_kernel_root(vcpu, path[0]), 0);
    assert_true(access_is(address_of(5, 0, 0), true, false));
    on(0);
    assert_int_equal(shadow_mode.set_kernel_root(vcpu, path[0]), 0);
    on_flush = entry_goes;
    cpu->root = vcpu->user_root;
    (void)shadow_mode.fault(vcpu, a.address, &code);
    assert_null(on_flush); /* it came in between */
    on(1);
    flush(BIT(CPUS) - 1);
    on(0);
    assert_int_equal(by_processor(&a), 0);
    assert_audit_clean();
}

/* A grant's user writes a frame of a domain that is being destroyed. */
static uint64_t dropped;

static void others_drop_it(void)
{
    on_wait = NULL;
    pages_drop_of(&domain, guest_frame_find(domain.shadow, dropped));
    spin_unlock(&domain.shadow->lock);
}

static void a_table_goes_while_all_do(void **state)
{
    static const uint64_t path[] = { 1, 2, 3, 4, DATA };

    (void)state;
    chain(path, 5, 0);
    assert_int_equal(shadow_mode.set_kernel_root(vcpu, path[0]), 0);
    assert_true(access_is(0, false, false));
    shadow_mode.close(&domain);
    assert_int_equal(shadow_mode.drop_roots(vcpu), 0);
    for (page_id id = domain.shadow->pages; id; id--)
        if (page_of(domain.shadow, id)->level)
            dropped = page_of(domain.shadow, id)->gfn;
    spin_lock(&domain.shadow->lock);
    on_wait = others_drop_it;
    while (shadow_mode.finish(&domain))
        ;
    assert_null(on_wait);
}

/* dom0 audits another domain when this one is closed and still has its roots. */
static void an_audit_of_a_dying_domain(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 300; i++) { /* so many that the clock has gone some way */
        uint64_t gfn = 1 + i % 100 * 4, path[] = { gfn, gfn + 1, gfn + 2, gfn + 3, DATA + i % 50 };

        chain(path, 5, 0);
        assert_int_equal(shadow_mode.set_kernel_root(vcpu, gfn), 0);
        assert_true(access_is(0, true, false));
    }
    shadow_mode.close(&domain);
    assert_audit_clean();                          /* and all frames go: guest_down */
    assert_int_not_equal(domain.shadow->pages, 0); /* CPUs may still walk them */
}

/* One frame that is given back and placed somewhere else, on and on. */
static void a_map_of_one_frame(void **state)
{
    int r = 0;

    (void)state;
    for (uint64_t gfn = 25600; gfn < SHARED_GFN && !r; gfn += 256) {
        mfn_t m;

        assert_int_equal(frame_owner_allocate(&domain.frames, 0, 0, &m), 0);
        r = shadow_mode.place(&domain, m, gfn);
        if (r)
            assert_int_equal(frame_owner_release(&domain.frames, m), 0);
        else
            while ((r = shadow_mode.remove(&domain, gfn)) == -ERESTART)
                ;
    }
    assert_int_equal(r, -XEN_ENOMEM);
    assert_in_range(domain.shadow->map_pages, 1, 100);
}

/* A guest of few frames has no more copies of its descriptor tables than its vCPUs may need. */
static void copies_of_descriptors_have_a_bound(void **state)
{
    const unsigned most = 2 * (GDT_GUEST_PAGES + LDT_PAGES) + 4 * domain.max_vcpus;
    mfn_t copy[200], none;

    (void)state;
    assert_true(most <= ARRAY_SIZE(copy));
    memset(frame_virt(guest_frame_mfn(domain.shadow, DATA)), 0, PAGE_SIZE);
    for (unsigned i = 0; i < most; i++)
        assert_int_equal(copy_get(&domain, DATA, &copy[i]), 0);
    assert_int_equal(copy_get(&domain, DATA, &none), -ENOMEM);
    copy_put(&domain, copy[3]);
    assert_int_equal(copy_get(&domain, DATA, &copy[3]), 0);
    assert_int_equal(copy_get(&domain, DATA, &none), -ENOMEM);
    for (unsigned i = 0; i < most; i++)
        copy_put(&domain, copy[i]);
    assert_null(domain.shadow->copies);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_pool_of_dropped_tables, guest_up, guest_down),
        cmocka_unit_test_setup_teardown(a_list_of_roots, guest_up, guest_down),
        cmocka_unit_test_setup_teardown(an_access_to_two_pages, guest_up, guest_down),
        cmocka_unit_test_setup_teardown(a_store_by_way_of_the_oldest, guest_up, guest_down),
        cmocka_unit_test_setup_teardown(roots_when_the_pool_is_full, guest_up, guest_down),
        cmocka_unit_test_setup_teardown(an_audit_of_a_dying_domain, guest_up, guest_down),
        cmocka_unit_test_setup_teardown(a_store_while_a_table_is_guarded, guest_up, guest_down),
        cmocka_unit_test_setup_teardown(a_table_goes_while_all_do, guest_up, guest_down),
        cmocka_unit_test_setup_teardown(a_map_of_one_frame, guest_up, guest_down),
        cmocka_unit_test_setup_teardown(copies_of_descriptors_have_a_bound, guest_up, guest_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
