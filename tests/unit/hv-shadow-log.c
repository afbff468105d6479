/*
 * The log of guest frames that may have been written, against the truth: processors that write and
 * remember what they may, the hypervisor for the guest and for others, tables that come and go.
 *
 * Sources: hypervisor/memory/frame-allocator.c hypervisor/memory/frame-owner.c
 * hypervisor/memory/frame-references.c hypervisor/memory/heap.c hypervisor/machine/tlb-clock.c
 * hypervisor/shadow-paging/map.c hypervisor/shadow-paging/pages.c
 * hypervisor/shadow-paging/entries.c hypervisor/shadow-paging/fill.c
 * hypervisor/shadow-paging/sync.c hypervisor/shadow-paging/roots.c
 * hypervisor/shadow-paging/stores.c hypervisor/shadow-paging/copies.c
 * hypervisor/shadow-paging/granted.c hypervisor/shadow-paging/audit.c
 * hypervisor/shadow-paging/shadow-mode.c hypervisor/shadow-paging/dirty-log.c
 * hypervisor/hypercalls/dirty-log.c hypervisor/lifecycle/audit.c tests/model/processors.c
 * tests/model/shadow-guest.c
 *
 * Flags: -Ihypervisor -Itests/model -DHOST_TEST
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "domain/guest-frames.h"
#include "hypercall-abi/mmu.h"
#include "lib/bits.h"
#include "lib/errno.h"
#include "machine/registers.h"
#include "shadow-guest.h"
#include "log-reader.h"
#include "shadow-paging/shadow.h"

#define PAGES  64 /* from DATA on */
#define ROUNDS 300
#define STEPS  60

static bool written[GUEST]; /* since the log was read last */

static uint64_t address(uint64_t page)
{
    return address_of(4, 0, page);
}

/* Tables that lead to the pages, and some of them to the tables themselves. */
static void tables_up(void)
{
    static const uint64_t path[] = { 100, 101, 102, 103 };

    chain(path, 4, 4);
    for (unsigned i = 0; i < PAGES; i++)
        table_at(103)[i] = entry(DATA + i) & ~(uint64_t)(i % 3 ? PTE_D : 0);
    for (unsigned i = 0; i < 4; i++)
        table_at(103)[PAGES + i] = entry(100 + i);
    for (unsigned i = 0; i < 2; i++) {
        on(i);
        assert_int_equal(shadow_mode.set_kernel_root(vcpu, 100), 0);
    }
}

static void entry_changes(uint64_t index)
{
    pte_t e = table_at(103)[index] ^ (random_below(2) ? PTE_RW : PTE_P);
    struct mmu_update update = { .ptr = 103UL << PAGE_SHIFT | index * 8, .val = e };
    unsigned done;

    if (random_below(2)) {
        if (access_is(address(PAGES + 3), true, false)) {
            table_at(103)[index] = e;
            written[103] = true;
        }
    } else {
        assert_int_equal(shadow_mode.update(&domain, &domain, &update, 1, &done), 0);
        written[103] = true;
    }
    flush(BIT(CPUS) - 1);
}

static void page_is_written_for_it(uint64_t gfn)
{
    mfn_t m;

    assert_int_equal(guest_frame_get_writable(&domain, gfn, &m), 0);
    frame_put_writable(m);
    written[gfn] = true;
}

static void page_is_replaced(uint64_t gfn)
{
    int r;

    while ((r = shadow_mode.remove(&domain, gfn)) == -ERESTART)
        ;
    assert_int_equal(r, 0);
    frame[gfn] = frame_placed(gfn);
    written[gfn] = true;
}

static void step(void)
{
    uint64_t page = random_below(PAGES), kind = random_below(40);

    on((unsigned)random_below(2));
    if (kind == 0)
        page_is_written_for_it(DATA + page);
    else if (kind == 1)
        page_is_replaced(DATA + page);
    else if (kind < 6)
        entry_changes(page);
    else if (kind < 24)
        (void)access_is(address(page), false, kind % 4 == 0);
    else if (access_is(address(page), true, kind % 4 == 0))
        written[DATA + page] = true;
}

/* All that was written is reported; of the rest no page is, and no table that nobody touched. */
static void assert_true_to(const bool *truth)
{
    for (unsigned gfn = 0; gfn < GUEST; gfn++)
        if (truth[gfn])
            assert_true(is_reported(gfn));
        else if (gfn < 100 || gfn > 103)
            assert_false(is_reported(gfn));
}

static void against_the_truth(void **state)
{
    (void)state;
    tables_up();
    assert_int_equal(log_begin(), 0);
    for (unsigned round = 0; round < ROUNDS; round++) {
        memset(written, 0, sizeof(written));
        for (uint64_t n = random_below(STEPS); n; n--)
            step();
        assert_int_equal(log_read(false), 0);
        assert_true_to(written);
        assert_int_equal(log_read(true), 0);
        assert_true_to(written);
    }
    assert_audit_clean();
    assert_true(by_tlb[2]);
}

/* Who holds a frame for writing is not seen to write it: it is reported each time, until he lets
 * go. */
static void held_for_writing(void **state)
{
    mfn_t m;

    (void)state;
    tables_up();
    assert_int_equal(log_begin(), 0);
    memset(written, 0, sizeof(written));
    assert_int_equal(guest_frame_get_writable(&domain, DATA + 5, &m), 0);
    written[DATA + 5] = true;
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(log_read(true), 0);
        assert_true_to(written);
    }
    frame_put_writable(m);
    assert_int_equal(log_read(true), 0); /* he may have written it after the last time */
    assert_true_to(written);
    assert_int_equal(log_read(true), 0);
    written[DATA + 5] = false;
    assert_true_to(written);
}

/* Stores finished for the guest, and the processor's own notes in its tables. */
static void tables_in_step(void **state)
{
    pte_t *slot;

    (void)state;
    tables_up();
    on(0);
    table_at(103)[0] &= ~PTE_A;
    assert_true(access_is(address(1), false, false));
    assert_int_equal(log_begin(), 0);
    memset(written, 0, sizeof(written));
    assert_int_equal(shadow_mode.store_begin(vcpu, address(PAGES + 3) + 2 * 8, &slot), 0);
    assert_int_equal(shadow_mode.store_exchange(vcpu, slot, *slot, 0), 0);
    shadow_mode.store_end(vcpu);
    written[103] = true;
    assert_int_equal(log_read(true), 0);
    assert_true_to(written);
    assert_true(access_is(address(0), false, false)); /* A, where it was not */
    assert_int_equal(log_read(true), 0);
    assert_true_to(written);
    assert_int_equal(log_read(true), 0);
    assert_false(is_reported(103));
}

/* Others ask while the reader has been interrupted: they are told so, and he misses nothing. */
static void others_in_between(void **state)
{
    uint64_t dirty, frames = GUEST;
    unsigned refused = 0;
    int r;

    (void)state;
    tables_up();
    assert_int_equal(log_begin(), 0);
    for (unsigned i = 0; i < 200; i++) {
        memset(written, 0, sizeof(written));
        assert_true(access_is(address(3 + i % 8), true, false));
        written[DATA + 3 + i % 8] = true;
        memset(bitmap, 0, sizeof(bitmap));
        while ((r = dirty_log_read(&domain, (guest_handle_t)(uintptr_t)bitmap, &frames, true,
                                   &dirty)) == -ERESTART) {
            assert_int_equal(dirty_log_read(&domain, 0, &frames, false, &dirty), -EBUSY);
            assert_int_equal(dirty_log_begin(&domain), -EBUSY);
            refused++;
        }
        assert_int_equal(r, 0);
        assert_true_to(written);
    }
    assert_true(refused);
    frames = UINT64_MAX;
    while ((r = dirty_log_read(&domain, 0, &frames, false, &dirty)) == -ERESTART)
        ;
    assert_int_equal(frames, GFN_LIMIT);
}

/* What does not reach the reader is not lost. */
static void a_reader_without_memory(void **state)
{
    (void)state;
    tables_up();
    assert_int_equal(log_read(true), -XEN_EINVAL);
    assert_int_equal(log_begin(), 0);
    assert_int_equal(log_begin(), -XEN_EINVAL);
    assert_true(access_is(address(3), true, false));
    writes_fail = true;
    assert_int_equal(log_read(true), -XEN_EFAULT);
    writes_fail = false;
    assert_int_equal(log_read(true), 0);
    for (unsigned gfn = 0; gfn < GUEST; gfn++)
        assert_true(is_reported(gfn));
    assert_int_equal(log_read(true), 0);
    memset(written, 0, sizeof(written));
    assert_true_to(written);
    assert_int_equal(dirty_log_end(&domain), 0);
    assert_int_equal(log_read(false), -XEN_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(against_the_truth, guest_up, guest_down),
        cmocka_unit_test_setup_teardown(held_for_writing, guest_up, guest_down),
        cmocka_unit_test_setup_teardown(tables_in_step, guest_up, guest_down),
        cmocka_unit_test_setup_teardown(others_in_between, guest_up, guest_down),
        cmocka_unit_test_setup_teardown(a_reader_without_memory, guest_up, guest_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
