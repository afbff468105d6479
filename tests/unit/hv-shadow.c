/*
 * Shadow mode against a model of processors: random guest tables, linked in all ways at once,
 * changed by stores that they make through the shadows, or through what their TLBs kept of them,
 * and by backends; after each flush every access must be let through, or be the guest's own fault,
 * and leave accessed and dirty bits, exactly as the guest's tables say.  At first the pool is too
 * small for all of them.  After each stretch the audit recounts everything.
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
 *
 * Flags: -Ihypervisor -Itests/model -DHOST_TEST
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <cmocka.h>
#include "domain/guest-frames.h"
#include "grants/grant-table.h"
#include "lib/bits.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lifecycle/audit.h"
#include "machine/cpu-features.h"
#include "machine/interrupts.h"
#include "machine/registers.h"
#include "machine/remote.h"
#include "machine/tlb.h"
#include "memory/frame-allocator.h"
#include "memory/frame-references.h"
#include "shadow-paging/shadow.h"
#include "model/cpu-sets.h"
#include "processors.h"

#define RUNNING 2 /* CPUs */
#define FRAMES  2048
#define TRIES   64 /* faults until an access must be decided */

/* Guest frames: tables of each level, the tables of the alias through which all are written, then
 * data. */
#define ROOTS  6
#define L3S    (ROOTS + 12)
#define L2S    (L3S + 24)
#define TABLES (L2S + 200)
#define ALIAS  TABLES /* one of each level */
#define DATA   (ALIAS + 3)
#define GUEST  (DATA + 100)
#define SLOTS  8 /* entries of a table that are used */

#define ALIAS_SLOT 300U
#define OPEN       (PTE_P | PTE_RW | PTE_US | PTE_A | PTE_D)

static uint64_t frame[GUEST];      /* where each guest frame is; 0: nowhere */
static uint64_t roots[RUNNING][2]; /* the kernel's, and that of user mode, 0: the same */
static unsigned long seen[3], stores[2];

static uint64_t random_below(uint64_t n)
{
    return (uint64_t)rand() % n;
}

static pte_t *table_at(uint64_t gfn)
{
    return frame_virt(mfn(frame[gfn]));
}

static pte_t entry(uint64_t gfn, uint64_t flags)
{
    return gfn << PAGE_SHIFT | flags;
}

static unsigned level_of(uint64_t gfn)
{
    return gfn < ROOTS ? 4 : gfn < L3S ? 3 : gfn < L2S ? 2 : 1;
}

/* Some entry that may stand in a table of the level; now and then one that makes no sense. */
static pte_t random_entry(unsigned level)
{
    static const uint64_t first[5] = { 0, 0, L2S, L3S, ROOTS };
    static const uint64_t end[5] = { 0, GUEST, TABLES, L2S, L3S };
    uint64_t flags = PTE_P * (random_below(8) != 0) | PTE_RW * (random_below(4) != 0) |
                     PTE_US * (random_below(3) != 0) | PTE_A * random_below(2) |
                     PTE_D * random_below(2) | (random_below(4) ? 0 : PTE_NX);
    uint64_t gfn = first[level] + random_below(end[level] - first[level]);

    if (!random_below(40))
        gfn = random_below(2) ? random_below(2 * GUEST) : random_below(1UL << 30);
    if (gfn >= ALIAS && gfn < DATA)
        gfn += DATA - ALIAS; /* what all is written through stays */
    if (!random_below(60))
        flags |= PTE_PS;
    return entry(gfn, flags);
}

static uint64_t address_of(const unsigned index[5])
{
    uint64_t address = 0;

    for (unsigned level = 1; level <= 4; level++)
        address |= (uint64_t)index[level] << (PAGE_SHIFT + 9 * (level - 1));
    return (uint64_t)((int64_t)(address << 16) >> 16);
}

static uint64_t alias_of(uint64_t gfn)
{
    return address_of((unsigned[5]){ 0, (unsigned)gfn, 0, 0, ALIAS_SLOT });
}

static uint64_t random_address(void)
{
    unsigned index[5] = { 0 }, slots = random_below(2) ? SLOTS : 2; /* some more often */

    for (unsigned level = 1; level <= 4; level++)
        index[level] = (unsigned)random_below(slots);
    return address_of(index);
}

/* *used: whether entries say they were used for it. */
static uint64_t by_guest(const struct access *a, bool *present, bool *used)
{
    uint64_t gfn = roots[cpu->id][a->user && roots[cpu->id][1]];
    bool let = true;

    *present = false;
    *used = true;
    for (unsigned level = 4; level; level--) {
        pte_t e = gfn < GUEST && frame[gfn] ? table_at(gfn)[pt_index(a->address, level)] : 0;

        if (!(e & PTE_P))
            return 0;
        if ((level > 1 && (e & PTE_PS)) || e >> 40 & 0xfff) {
            *present = true;
            return 0;
        }
        let &= lets(e, a, a->user);
        *used &= (e & PTE_A) && (level > 1 || !a->write || (e & PTE_D));
        gfn = pte_mfn(e).n;
    }
    if (gfn >= GUEST || !frame[gfn])
        return 0;
    *present = true;
    return let ? frame[gfn] : 0;
}

static void assert_not_in_step(uint64_t at)
{
    const struct guest_frame *f = guest_frame_of(domain.shadow, mfn(at));

    assert_false(f && guest_frame_is_guarded(domain.shadow, f));
}

/* One access, with its faults.  value: what it writes, if it does.  0: the guest's fault. */
static uint64_t make_access(const struct access *a, const pte_t *value, uint32_t *code)
{
    for (unsigned tries = 0; tries < TRIES; tries++) {
        uint64_t at = by_processor(a);
        pte_t *slot;

        *code = PF_USER | (a->write ? PF_WRITE : 0) | (a->fetch ? PF_FETCH : 0);
        if (at) {
            slot = (pte_t *)frame_virt(mfn(at)) + (a->address & (PAGE_SIZE - 1)) / 8;
            if (value)
                assert_not_in_step(at);
            if (value)
                *slot = *value;
            stores[0] += value != NULL;
            return at;
        }
        cpu->root = a->user ? vcpu->user_root : vcpu->kernel_root;
        switch (shadow_mode.fault(vcpu, a->address, code)) {
        case FAULT_OF_GUEST:
            seen[FAULT_OF_GUEST]++;
            return 0;
        case FAULT_RESOLVED:
            seen[FAULT_RESOLVED]++;
            continue;
        default:
            seen[FAULT_OF_STORE]++;
        }
        if (!random_below(4)) {
            assert_true(shadow_mode.store_refused(vcpu, a->address));
            continue;
        }
        assert_int_equal(shadow_mode.store_begin(vcpu, a->address, &slot), 0);
        assert_int_equal(shadow_mode.store_exchange(vcpu, slot, *slot, value ? *value : *slot), 0);
        shadow_mode.store_end(vcpu);
        stores[1]++;
        return virt_mfn(slot).n;
    }
    fail_msg("the same fault again and again");
    return 0;
}

static void store(uint64_t gfn, unsigned index, pte_t value)
{
    struct access a = { alias_of(gfn) + index * sizeof(pte_t), false, true, false };
    uint32_t code;

    assert_int_equal(make_access(&a, &value, &code), frame[gfn]);
    assert_true(table_at(gfn)[index] == value);
}

/* Any access, whatever it leads to before a flush; it may also write an entry. */
static void make_some_access(void)
{
    struct access a = { random_address(), random_below(2), random_below(2), false };
    pte_t value = random_entry(1 + (unsigned)random_below(4));
    uint32_t code;

    a.address += random_below(SLOTS) * sizeof(pte_t);
    (void)make_access(&a, a.write ? &value : NULL, &code);
}

static void check_access(void)
{
    struct access a = { random_address(), random_below(2), random_below(2), false };
    uint64_t want, got;
    uint32_t code;
    bool present, used;

    a.fetch = !a.write && random_below(3) == 0;
    want = by_guest(&a, &present, &used);
    got = make_access(&a, NULL, &code);
    assert_int_equal(got, want);
    if (!want)
        assert_int_equal((code & PF_PRESENT) != 0, present);
    if (want && by_guest(&a, &present, &used) == want)
        assert_true(used);
}

static void assert_audit_clean(void)
{
    uint64_t frames, differences;

    assert_int_equal(domain_audit(&domain, &frames, &differences), 0);
    assert_int_equal(frames, GUEST + 1); /* and shared_info */
    assert_int_equal(differences, 0);
}

static void flush(uint64_t mask)
{
    shadow_mode.flush(vcpu, SET_OF(mask), FLUSH_ALL, 0);
}

static void load_roots(void)
{
    uint64_t *root = roots[cpu->id];

    if (!root[0] || random_below(2)) {
        root[0] = 1 + random_below(ROOTS - 1);
        assert_int_equal(shadow_mode.set_kernel_root(vcpu, root[0]), 0);
    } else {
        root[1] = random_below(ROOTS);
        assert_int_equal(shadow_mode.set_user_root(vcpu, root[1]), 0);
        flush_on(cpu->id); /* when it is loaded */
    }
    assert_int_equal(shadow_mode.root_gfn(vcpu, false), root[0]);
    assert_int_equal(shadow_mode.root_gfn(vcpu, true), root[1]);
}

/* The other CPU, and the vCPU on it. */
static void change_over(void)
{
    unsigned other = !cpu->id;

    cpu = &cpus[other];
    vcpu = &vcpus[other];
}

/* A backend, say, fills a frame that is a table, too. */
static void store_from_outside(void)
{
    uint64_t gfn = random_below(TABLES);
    mfn_t m;

    assert_int_equal(guest_frame_get_writable(&domain, gfn, &m), 0);
    for (uint64_t n = 1 + random_below(6); n; n--)
        table_at(gfn)[random_below(SLOTS)] = random_entry(level_of(gfn));
    frame_put_writable(m);
}

/* A frame leaves, and another comes in its place. */
static void replace(uint64_t gfn)
{
    int r;

    do {
        r = shadow_mode.remove(&domain, gfn);
    } while (r == -ERESTART);
    assert_int_equal(r, 0);
    frame[gfn] = 0;
    for (unsigned i = 0; i < 3; i++)
        check_access(); /* it is nowhere: nothing may still lead there */
    frame[gfn] = frame_placed(gfn);
}

static void step(void)
{
    bool here = random_below(3) != 0; /* only this CPU flushes: the other goes on as it was */
    uint64_t gfn;

    if (random_below(2))
        change_over();
    switch (random_below(13)) {
    case 0:
    case 1:
        load_roots();
        break;
    case 2:
        if (random_below(8)) {
            for (unsigned i = 0; i < 20; i++)
                make_some_access();
            break;
        }
        flush(BIT(RUNNING) - 1);
        replace(random_below(4) ? DATA + random_below(GUEST - DATA)
                                : ROOTS + random_below(TABLES - ROOTS));
        break;
    case 3:
        (void)!shadow_mode.unpin(&domain, random_below(ROOTS));
        break;
    case 4:
        store_from_outside();
        break;
    default:
        gfn = random_below(TABLES);
        for (uint64_t n = 1 + random_below(6); n; n--) {
            if (random_below(4) == 0)
                change_over();
            if (random_below(4) == 0)
                make_some_access();
            store(gfn, (unsigned)random_below(SLOTS), random_entry(level_of(gfn)));
        }
        break;
    }
    flush(here ? BIT(cpu->id) : BIT(RUNNING) - 1);
    for (unsigned i = 0; i < 6; i++) {
        if (!here && random_below(2))
            change_over();
        check_access();
    }
}

static void tables_begin(void)
{
    for (uint64_t gfn = 0; gfn < TABLES; gfn++)
        for (unsigned i = 0; i < SLOTS; i++)
            table_at(gfn)[i] = random_entry(level_of(gfn));
    for (uint64_t gfn = 0; gfn < ROOTS; gfn++)
        table_at(gfn)[ALIAS_SLOT] = entry(ALIAS, OPEN);
    table_at(ALIAS)[0] = entry(ALIAS + 1, OPEN);
    table_at(ALIAS + 1)[0] = entry(ALIAS + 2, OPEN);
    for (uint64_t gfn = 0; gfn < TABLES; gfn++)
        table_at(ALIAS + 2)[gfn] = entry(gfn, OPEN & ~PTE_US);
}

static int domain_up(void **state)
{
    (void)state;
    shadow_domain_up(FRAMES, GUEST);
    for (uint64_t gfn = 0; gfn < GUEST; gfn++)
        frame[gfn] = frame_placed(gfn);
    tables_begin();
    return 0;
}

static void shadows_show_what_the_tables_say(void **state)
{
    const char *programs = getenv("SHADOW_STEPS");
    unsigned long steps = programs ? strtoul(programs, NULL, 10) : 1000000;

    (void)state;
    srand(1);
    load_roots();
    change_over();
    load_roots();
    for (unsigned long i = 0; i < steps; i++) {
        if (i == steps / 2)
            domain.frames.limit = 96 * FRAMES; /* from now on there is room for all tables */
        step();
        if (i % 250 == 0)
            assert_audit_clean();
    }
    assert_audit_clean();
    fprintf(stderr,
            "faults: %lu the guest's, %lu filled, %lu stores; %lu stores went in, %lu by us; "
            "remembered: %lu tables, %lu pages read, %lu written\n",
            seen[FAULT_OF_GUEST], seen[FAULT_RESOLVED], seen[FAULT_OF_STORE], stores[0], stores[1],
            by_tlb[0], by_tlb[1], by_tlb[2]);
    assert_true(seen[FAULT_OF_GUEST] && seen[FAULT_RESOLVED] && stores[0] && stores[1]);
}

static void all_of_it_is_given_back(void **state)
{
    (void)state;
    shadow_domain_down();
    assert_in_range(frames_free_count(), FRAMES - 16, FRAMES - 1); /* the heap keeps some pages */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shadows_show_what_the_tables_say),
        cmocka_unit_test(all_of_it_is_given_back),
    };

    return cmocka_run_group_tests(tests, domain_up, NULL);
}
