/*
 * The log of frames that may have been written, for a guest whose own tables the processors walk:
 * against the truth, on processors that remember pages and tables until they are told to forget.
 *
 * Sources: hypervisor/memory/frame-allocator.c hypervisor/memory/frame-owner.c
 * hypervisor/memory/frame-references.c hypervisor/memory/heap.c hypervisor/machine/tlb-clock.c
 * hypervisor/guest-paging/entry-references.c hypervisor/guest-paging/update.c
 * hypervisor/guest-paging/walk.c hypervisor/guest-paging/pin.c
 * hypervisor/guest-paging/base-pointer.c hypervisor/guest-paging/audit.c
 * hypervisor/guest-paging/mirrors.c hypervisor/guest-paging/mirror-fault.c
 * hypervisor/guest-paging/write-log.c hypervisor/guest-paging/direct-mode.c
 * hypervisor/guest-cpu/descriptors.c hypervisor/hypercalls/dirty-log.c
 * hypervisor/lifecycle/audit.c tests/model/direct-guest.c
 *
 * Flags: -Ihypervisor -Itests/model -DHOST_TEST -DHOST_MODEL
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <cmocka.h>
#include "direct-guest.h"
#include "domain/guest-frames.h"
#include "guest-paging/mirrors.h"
#include "hypercall-abi/mmu.h"
#include "lib/errno.h"
#include "log-reader.h"
#include "machine/per-cpu.h"
#include "machine/tlb.h"

#define ROUNDS 400
#define STEPS  80

static void log_end(void)
{
    int r;

    while ((r = dirty_log_end(&domain)) == -ERESTART)
        ;
    assert_int_equal(r, 0);
}

/* All that was written is reported; of the rest no page is. */
static void assert_true_to(const bool *truth)
{
    for (unsigned pfn = 0; pfn < GUEST; pfn++)
        if (truth[pfn])
            assert_true(is_reported(pfn));
        else if (pfn >= DATA)
            assert_false(is_reported(pfn));
}

static void assert_log_is_true(void)
{
    if (!domain.log.on)
        return;
    assert_int_equal(log_read(false), 0);
    assert_true_to(written);
    assert_int_equal(log_read(true), 0);
    assert_true_to(written);
    memset(written, 0, sizeof(written));
}

/* Another value in place of an entry, by one of the ways there are. */
static void entry_changes(unsigned l1, unsigned index)
{
    static const pte_t bits[] = { PTE_RW, PTE_P, PTE_D, PTE_A };
    pte_t e = *entry_of(l1, index) ^ bits[random_below(4)];
    pte_t *slot;
    int r;

    if (!random_below(4))
        e = (e & ~PTE_ADDRESS) | frame[DATA + random_below(PAGES)] << PAGE_SHIFT;
    switch (random_below(3)) {
    case 0:
        r = direct_mode.update_va(vcpu, &domain, address(l1, index), e);
        break;
    case 1:
        entry_set(L1 + l1, index, e);
        r = 0;
        break;
    default:
        r = direct_mode.store_begin(vcpu, address_of_table(l1) + index * sizeof(e), &slot);
        if (!r) {
            r = direct_mode.store_exchange(vcpu, slot, *slot, e);
            direct_mode.store_end(vcpu);
        }
    }
    if (!r)
        written[L1 + l1] = true;
}

/* A table is taken out of the tree, and put back. */
static void table_leaves_or_returns(unsigned l1)
{
    pte_t e = *entry_at(L2, l1);

    entry_set(L2, l1, e ? 0 : entry(L1 + l1));
    written[L2] = true;
}

static void written_for_it(uint64_t pfn)
{
    mfn_t m;

    assert_int_equal(guest_frame_get_writable(&domain, frame[pfn], &m), 0);
    written[pfn] = true;
    if (random_below(2)) /* it is not written yet when it is read, perhaps */
        assert_log_is_true();
    written[pfn] = true;
    guest_frame_put_written(&domain, m);
}

static void number_changes(void)
{
    uint64_t pfn = DATA + random_below(PAGES), spare = SPARE + random_below(4), m = frame[pfn];
    struct mmu_update u[] = { { m << PAGE_SHIFT | MMU_MACHPHYS_UPDATE, spare },
                              { frame[spare] << PAGE_SHIFT | MMU_MACHPHYS_UPDATE, pfn } };
    unsigned done;
    int r;

    while ((r = direct_mode.update(&domain, &domain, u, 2, &done)) == -ERESTART)
        ; /* before the first of them */
    assert_int_equal(r, 0);
    frame[pfn] = frame[spare];
    frame[spare] = m;
    written[pfn] = written[spare] = true;
}

static void page_is_replaced(uint64_t pfn)
{
    assert_int_equal(direct_mode.remove(&domain, frame[pfn]), 0);
    frame[pfn] = frame_placed(pfn);
    written[pfn] = true;
}

static void step(void)
{
    unsigned l1 = (unsigned)random_below(TABLES), index = (unsigned)random_below(ENTRIES);
    uint64_t kind = random_below(60);

    on((unsigned)random_below(CPUS));
    if (kind == 0)
        written_for_it(DATA + random_below(PAGES));
    else if (kind == 1)
        page_is_replaced(UNMAPPED + random_below(4));
    else if (kind == 2)
        number_changes();
    else if (kind == 3)
        root_set((unsigned)random_below(2));
    else if (kind == 4)
        table_leaves_or_returns(l1);
    else if (kind < 10)
        entry_changes(l1, index);
    else if (kind < 12)
        flush();
    else
        (void)access_is(address(l1, index), kind < 40);
}

static void against_the_truth(void **state)
{
    (void)state;
    for (unsigned again = 0; again < 3; again++) {
        assert_int_equal(log_begin(), 0);
        memset(written, 0, sizeof(written));
        for (unsigned round = 0; round < ROUNDS; round++) {
            for (uint64_t n = random_below(STEPS); n; n--)
                step();
            assert_log_is_true();
            if (round % 16 == 0)
                assert_audit_clean();
        }
        log_end();
        for (unsigned n = 0; n < 200; n++)
            step(); /* by its own tables, all of them */
        assert_audit_clean();
    }
    assert_true(by_tlb[0] && by_tlb[1]);
}

/* What the guest sees of accessed and dirty bits is what it would see without a log. */
static void accessed_and_dirty(void **state)
{
    (void)state;
    on(0);
    assert_int_equal(log_begin(), 0);
    entry_set(L1, 0, entry(DATA) & ~(PTE_A | PTE_D));
    flush();
    assert_int_equal(log_read(true), 0);
    assert_true(access_is(address(0, 0), false));
    assert_int_equal(*entry_of(0, 0) & (PTE_A | PTE_D), PTE_A);
    assert_int_equal(log_read(true), 0);
    assert_true(is_reported(L1)); /* that is a write, too */
    assert_true(access_is(address(0, 0), true));
    assert_int_equal(*entry_of(0, 0) & (PTE_A | PTE_D), PTE_A | PTE_D);
    entry_set(L1, 0, entry(DATA) & ~PTE_D); /* its mark stands: the write is seen all the same */
    flush();
    assert_true(access_is(address(0, 0), true));
    assert_true(*entry_of(0, 0) & PTE_D);
    entry_set(L1, 0, entry(DATA) & ~PTE_RW);
    flush();
    assert_false(access_is(address(0, 0), true));
    assert_true(access_is(address(0, 0), false));
    entry_set(L1, 0, entry(DATA) | PTE_NX);
    flush();
    assert_false(fetch_is(address(0, 0)));
    assert_true(fetch_is(address(0, 1)));
    assert_false(access_is(address(0, ENTRIES), false));
    entry_set(L2, 0, entry(L1) & ~PTE_RW); /* one for many */
    flush();
    assert_false(access_is(address(0, 1), true));
    entry_set(L2, 0, entry(L1) | PTE_NX);
    flush();
    assert_true(access_is(address(0, 1), true));
    assert_true(access_is(address(0, 2), false));
    assert_false(fetch_is(address(0, 2)));
    entry_set(L2, 0, entry(L1));
    flush();
    assert_true(fetch_is(address(0, 2)));
    entry_set(L2, 0, entry(L1) | PTE_NX);
    flush();
    assert_false(fetch_is(address(0, 2)));
    assert_audit_clean();
}

/* What its mirror had of a table is gone when it is one again. */
static void a_table_that_was_none_meanwhile(void **state)
{
    (void)state;
    assert_int_equal(log_begin(), 0);
    on(0);
    assert_true(access_is(address(5, 0), true));
    assert_true(access_is(address(5, 1), true));
    entry_set(L2, 5, 0);
    flush();
    assert_false(access_is(address(5, 0), false));
    *entry_of(5, 1) = entry(DATA) & ~PTE_RW; /* an ordinary page for the moment */
    entry_set(L2, 5, entry(L1 + 5));
    assert_true(access_is(address(5, 0), true));
    assert_false(access_is(address(5, 1), true));
    assert_true(access_is(address(5, 1), false));
    assert_audit_clean();
}

/* More tables than there are mirrors for: all go, and come back. */
static void no_room(void **state)
{
    unsigned made;

    (void)state;
    assert_int_equal(log_begin(), 0);
    for (unsigned l1 = 0; l1 < TABLES; l1++) {
        on(l1 % CPUS);
        assert_true(access_is(address(l1, 0), true));
    }
    made = domain.paging->mirrors->made;
    assert_true(made < TABLES);
    for (unsigned l1 = 0; l1 < TABLES; l1++) {
        on(l1 % CPUS);
        assert_true(access_is(address(l1, 0), true));
    }
    assert_int_equal(domain.paging->mirrors->made, made);
    for (unsigned n = TABLES / 2; n < 2 * TABLES; n += 7) {
        on(0);
        flush();
        assert_true(access_is(address(0, 0), true));
        on(1);
        for (unsigned l1 = 1; l1 <= n; l1++)
            assert_true(access_is(address(l1 % TABLES, 0), true));
        on(0);
        assert_true(access_is(address(0, 1), true)); /* by the table it remembers? */
    }
    for (unsigned l1 = 0; l1 < 2 * TABLES && domain.paging->mirrors->unused != 1; l1++)
        assert_true(access_is(address(l1 % TABLES, 0), true));
    assert_true(access_is(address_far(), true)); /* three at once */
    flush();
    entry_set(0, 6, 0); /* they are not reached any more, and go when they are needed */
    for (unsigned l1 = 0; l1 < 2 * TABLES && domain.paging->mirrors->unused != 3; l1++)
        assert_true(access_is(address(l1 % TABLES, 0), true));
    entry_set(0, 6, entry(FAR));
    flush();
    assert_true(access_is(address_far(), true));
    root_set(1); /* one more, with the last ones gone, perhaps */
    assert_true(access_is(address(0, 0), true));
    assert_audit_clean();
    memset(written, 0, sizeof(written));
    assert_int_equal(log_read(true), 0);
    assert_log_is_true();
}

/* Who holds a frame for writing is not seen to write it: it is reported each time, until he lets
 * go. */
static void held_for_writing(void **state)
{
    uint64_t at = frame[OTHERS_L1] << PAGE_SHIFT;
    struct mmu_update u = { at, entry(DATA + 5) };
    unsigned done;

    (void)state;
    entry_set(L1, 5, entry(DATA + 6)); /* the guest itself does not map it for writing any more */
    for (unsigned l1 = 0; l1 < TABLES; l1++)
        entry_set(L2, l1, 0);
    assert_int_equal(direct_mode.update(&other, &domain, &u, 1, &done), 0);
    assert_int_equal(log_begin(), 0);
    for (unsigned i = 0; i < 3; i++) {
        memset(written, 0, sizeof(written));
        written[DATA + 5] = true;
        assert_log_is_true();
    }
    u.val = 0;
    assert_int_equal(direct_mode.update(&other, &other, &u, 1, &done), 0);
    written[DATA + 5] = true; /* he may have written it after the last time */
    assert_log_is_true();
    assert_log_is_true();
    vcpus[1].info_frame = mfn(frame[DATA + 7]);
    assert_log_is_true();
    for (unsigned i = 0; i < 3; i++) {
        written[DATA + 7] = true;
        assert_log_is_true();
    }
    vcpus[1].info_frame = MFN_NONE;
}

/* What the guest named is what it is shown. */
static void roots_by_their_names(void **state)
{
    uint64_t gfn;

    (void)state;
    assert_int_equal(log_begin(), 0);
    on(0);
    assert_int_equal(direct_mode.root_gfn(vcpu, false), frame[0]);
    assert_int_equal(direct_mode.root_gfn(vcpu, true), 0);
    assert_int_equal(direct_mode.set_user_root(vcpu, frame[1]), 0);
    assert_int_equal(direct_mode.root_gfn(vcpu, true), frame[1]);
    assert_int_equal(direct_mode.frame_at(vcpu, address(0, 1), &gfn), 0);
    assert_int_equal(gfn, frame[DATA + 1]);
    log_end();
    assert_int_equal(vcpu->user_root >> PAGE_SHIFT, frame[1]);
    assert_int_equal(vcpu->kernel_root >> PAGE_SHIFT, frame[0]);
}

/* The end of a log in the midst of a reading is one, and leaves nothing to be waited for. */
static void ended_while_it_is_read(void **state)
{
    uint64_t dirty, frames = GUEST;
    unsigned ended = 0;

    (void)state;
    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(log_begin(), 0);
        ended += dirty_log_read(&domain, 0, &frames, true, &dirty) == -ERESTART;
        log_end();
    }
    assert_true(ended);
}

/* What does not reach the reader is not lost; nor does a second begin do harm. */
static void a_reader_without_memory(void **state)
{
    (void)state;
    assert_int_equal(log_read(true), -XEN_EINVAL);
    assert_int_equal(log_begin(), 0);
    assert_int_equal(log_begin(), -XEN_EINVAL);
    writes_fail = true;
    assert_int_equal(log_read(true), -XEN_EFAULT);
    writes_fail = false;
    assert_int_equal(log_read(true), 0);
    for (unsigned pfn = 0; pfn < GUEST; pfn++)
        assert_int_equal(is_reported(pfn), frame[pfn] && pfn != OTHERS_L1);
    log_end();
    assert_int_equal(log_read(false), -XEN_EINVAL);
}

/* Stop and start again in the midst of each other, and processors that are on their way. */
static void interrupted_ends(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 50; i++) {
        assert_int_equal(log_begin(), 0);
        memset(written, 0, sizeof(written));
        for (unsigned n = 0; n < 20; n++)
            step();
        (void)!dirty_log_end(&domain);
        for (unsigned n = 0; n < 20; n++)
            step();
    }
    assert_audit_clean();
    log_end();
    assert_int_equal(domain.paging->mirrors->made, 0);
}

static void *watched; /* a root: the first store to it has others come in */
static unsigned came_in;

/* Another processor's guest flushes its own TLB, which takes no lock, and goes on without a fault.
 */
static void another_walks(int number)
{
    (void)number;
    assert_int_equal(mprotect(watched, PAGE_SIZE, PROT_READ | PROT_WRITE), 0);
    came_in++;
    on(1);
    tlb_flush_local();
    assert_true(access_is(address(0, 0), true));
    on(0);
}

/* All mirrors go, and he who finds the way to one a last time still counts as one who knows it. */
static void dropped_while_another_walks(void **state)
{
    struct mirrors *s;

    (void)state;
    assert_int_equal(log_begin(), 0);
    on(1);
    assert_true(access_is(address(0, 0), true));
    watched = frame_virt(mfn(this_cpu()->root >> PAGE_SHIFT));
    on(0);
    s = domain.paging->mirrors;
    signal(SIGSEGV, another_walks);
    for (unsigned l1 = 1; l1 < TABLES && !came_in; l1++) {
        if (s->unused < 3 && s->made == s->limit)
            assert_int_equal(mprotect(watched, PAGE_SIZE, PROT_READ), 0);
        assert_true(access_is(address(l1, 0), true));
    }
    signal(SIGSEGV, SIG_DFL);
    assert_int_equal(came_in, 1);
    for (unsigned l1 = 1; l1 < TABLES * 2 / 3; l1++) {
        on(0);
        assert_true(access_is(address(l1, 0), true));
        on(1);
        assert_true(access_is(address(0, 1), true)); /* by the table it remembers? */
    }
}

/* An entry is there, and has not been noted as one of another's: the log is read. */
static void read_before_it_is_noted(void)
{
    if (!(*entry_at(OTHERS_L1, 0) & PTE_P))
        return;
    on_step = NULL;
    came_in++;
    assert_int_equal(log_read(true), 0);
}

static void held_while_it_is_read(void **state)
{
    struct mmu_update u = { frame[OTHERS_L1] << PAGE_SHIFT, entry(DATA + 5) };
    unsigned done;

    (void)state;
    came_in = 0;
    for (unsigned l1 = 0; l1 < TABLES; l1++)
        entry_set(L2, l1, 0);
    assert_int_equal(log_begin(), 0);
    on_step = read_before_it_is_noted;
    assert_int_equal(direct_mode.update(&other, &domain, &u, 1, &done), 0);
    assert_int_equal(came_in, 1);
    memset(written, 0, sizeof(written));
    written[DATA + 5] = true;
    assert_log_is_true();
}

/* A table that may not be one: entries before the bad one were adjusted. */
static void adjusted_and_refused(void **state)
{
    pte_t *e = entry_at(UNMAPPED, 0);
    int r;

    (void)state;
    assert_int_equal(log_begin(), 0);
    e[0] = entry(DATA) & ~PTE_US;
    e[1] = entry(DATA) | PTE_PS;
    assert_int_equal(log_read(true), 0);
    while ((r = direct_mode.pin(&domain, frame[UNMAPPED], 1)) == -ERESTART)
        ;
    assert_int_equal(r, -XEN_EINVAL);
    assert_true(e[0] & PTE_US);
    assert_int_equal(log_read(true), 0);
    assert_true(is_reported(UNMAPPED));
}

static uint64_t seen[2];

static void see(struct frame_owner *owner, mfn_t m)
{
    (void)owner;
    seen[0]++;
    seen[1] = m.n;
}

/* Who looks at all of them goes on behind the one that has gone; what came last is the first. */
static void frames_leave_meanwhile(void **state)
{
    (void)state;
    assert_false(frame_owner_look(&domain.frames, true, 0, see));
    assert_int_equal(direct_mode.remove(&domain, frame[UNMAPPED + 3]), 0);
    assert_false(frame_owner_look(&domain.frames, false, 1, see));
    assert_int_equal(seen[1], frame[UNMAPPED + 2]);
    assert_int_equal(direct_mode.remove(&domain, frame[UNMAPPED + 1]), 0);
    assert_true(frame_owner_look(&domain.frames, false, GUEST, see));
    assert_int_equal(seen[0], domain.frames.count);
}

static void a_dying_domain(void **state)
{
    uint64_t dirty, frames = GUEST;

    (void)state;
    assert_int_equal(log_begin(), 0);
    on(0);
    assert_true(access_is(address(0, 0), true));
    direct_mode.close(&domain);
    assert_false(access_is(address(1, 0), true));
    while (dirty_log_read(&domain, 0, &frames, true, &dirty) == -ERESTART)
        ;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(against_the_truth, guest_up, guest_down),
        cmocka_unit_test_setup_teardown(accessed_and_dirty, guest_up, guest_down),
        cmocka_unit_test_setup_teardown(a_table_that_was_none_meanwhile, guest_up, guest_down),
        cmocka_unit_test_setup_teardown(no_room, guest_up, guest_down),
        cmocka_unit_test_setup_teardown(held_for_writing, guest_up, guest_down),
        cmocka_unit_test_setup_teardown(roots_by_their_names, guest_up, guest_down),
        cmocka_unit_test_setup_teardown(ended_while_it_is_read, guest_up, guest_down),
        cmocka_unit_test_setup_teardown(a_reader_without_memory, guest_up, guest_down),
        cmocka_unit_test_setup_teardown(interrupted_ends, guest_up, guest_down),
        cmocka_unit_test_setup_teardown(dropped_while_another_walks, guest_up, guest_down),
        cmocka_unit_test_setup_teardown(held_while_it_is_read, guest_up, guest_down),
        cmocka_unit_test_setup_teardown(adjusted_and_refused, guest_up, guest_down),
        cmocka_unit_test_setup_teardown(frames_leave_meanwhile, guest_up, guest_down),
        cmocka_unit_test_setup_teardown(a_dying_domain, guest_up, guest_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
