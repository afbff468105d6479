/*
 * One operation on a frame with another CPU's whole operation put in at each of its steps in turn,
 * and what the flushes between two uses of a frame must cover.
 *
 * Sources: hypervisor/memory/frame-allocator.c hypervisor/memory/frame-owner.c
 * hypervisor/memory/frame-references.c hypervisor/machine/tlb-clock.c
 *
 * Flags: -Ihypervisor -DHOST_TEST -DHOST_MODEL
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <cmocka.h>
#include "lib/bits.h"
#include "lib/errno.h"
#include "machine/interrupts.h"
#include "machine/per-cpu.h"
#include "machine/tlb.h"
#include "memory/frame-allocator.h"
#include "model/cpu-sets.h"
#include "memory/frame-references.h"

#define FRAMES 64
#define CPUS   3

struct cpu *cpu_table[MAX_CPUS];
struct cpu_set cpus_online;
unsigned cpu_words = CPU_WORDS;
static struct cpu cpus[CPUS];
static struct frame_owner owner;
static uint64_t flushed;       /* CPUs, by the flushes of one operation */
static mfn_t written_by_stale; /* a frame that a CPU can write until it is flushed */
static unsigned steps_left;    /* until the other CPU's turn */
static void (*other)(void);

void model_step(void)
{
    if (steps_left && !--steps_left)
        other();
}

struct cpu *this_cpu(void)
{
    return &cpus[0];
}

bool preempt_point(void)
{
    return false;
}

void cpu_wait_step(void)
{
    abort();
}

void panic(const char *format, ...)
{
    (void)format;
    abort();
}

void tlb_flush_cpus(const struct cpu_set *set)
{
    flushed |= cpus_in(set);
    if (!mfn_is_none(written_by_stale))
        memset(frame_virt(written_by_stale), 0xaa, PAGE_SIZE);
}

static void map_at(uint64_t address, size_t bytes)
{
    assert_true(mmap((void *)address, bytes, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == (void *)address);
}

static int memory_up(void **state)
{
    (void)state;
    map_at(FRAME_TABLE_VIRT, FRAMES * sizeof(struct frame));
    map_at(M2P_VIRT, FRAMES * sizeof(uint64_t));
    map_at(DIRECT_VIRT, FRAMES * PAGE_SIZE);
    frame_limit = FRAMES;
    for (unsigned i = 0; i < CPUS; i++)
        cpu_table[i] = &cpus[i];
    cpus_online = set_of(7);
    frames_add(mfn(1), FRAMES - 1, true);
    return frame_owner_register(&owner, FRAMES);
}

/* A frame whose last writers' translations may be in TLBs of CPUs 1 (the owner's) and 2. */
static mfn_t frame_in_use(uint32_t type)
{
    mfn_t m;

    assert_int_equal(frame_owner_allocate(&owner, 0, 0, &m), 0);
    assert_int_equal(frame_type_claim(m, type), 0);
    owner.cpus = set_of(BIT(1));
    tlb_clock += 10;
    cpus[1].flush_seen = cpus[2].flush_seen = tlb_clock; /* before they made use of it */
    flushed = 0;
    return m;
}

static void a_claim_flushes_where_the_owner_runs(void **state)
{
    mfn_t m = frame_in_use(TYPE_WRITABLE);

    (void)state;
    frame_type_put_plain(m);
    assert_int_equal(frame_type_claim(m, TYPE_L1), -EAGAIN);
    assert_int_equal(flushed, BIT(1));
}

static void a_claim_flushes_all_who_could_write(void **state)
{
    mfn_t m = frame_in_use(TYPE_WRITABLE | TYPE_FOREIGN);

    (void)state;
    frame_type_put_plain(m);
    assert_int_equal(frame_type_claim(m, TYPE_WRITABLE), 0); /* the same use: they stay */
    assert_int_equal(flushed, 0);
    frame_type_put_plain(m);
    assert_int_equal(frame_type_claim(m, TYPE_L1), -EAGAIN);
    assert_int_equal(flushed & 6, 6);
}

/* The running vCPU pays for CPUs that are not its own (scheduling/disturbance.c). */
static void flushes_of_others_are_counted(void **state)
{
    mfn_t m = frame_in_use(TYPE_WRITABLE | TYPE_FOREIGN);

    (void)state;
    cpus[0].disturbed = cpus[0].deferred = 0;
    frame_type_put_plain(m);
    assert_int_equal(frame_type_claim(m, TYPE_L1), -EAGAIN);
    assert_int_equal(cpus[0].disturbed, 1);
    assert_int_equal(cpus[0].deferred, DEFERRED_CHARGE);
    m = frame_in_use(TYPE_WRITABLE);
    frame_type_put_plain(m);
    assert_int_equal(frame_type_claim(m, TYPE_L1), -EAGAIN);
    assert_int_equal(flushed, BIT(1)); /* the owner's */
    assert_int_equal(cpus[0].disturbed, 1);
    frame_type_retire(m);
    flushed = 0;
    assert_int_equal(frame_owner_release(&owner, m), 0);
    assert_int_equal(frame_owner_allocate(&owner, 0, 0, &m), 0);
    assert_true(flushed & BIT(2));
    assert_int_equal(cpus[0].disturbed, 2);
}

/* Frames that others have just let go cost a flush, too: it is not who grows that pays for it. */
static void growing_alone_is_free(void **state)
{
    mfn_t m[4];

    (void)state;
    cpus[0].disturbed = 0;
    owner.let_go = 2;
    for (unsigned i = 0; i < 4; i++) {
        cpus[1].flush_seen = cpus[2].flush_seen = ++tlb_clock;
        for (unsigned f = 1; f < FRAMES; f++)
            frame_table[f].stamp = ++tlb_clock; /* somebody has just had it */
        flushed = 0;
        assert_int_equal(frame_owner_allocate(&owner, 0, 0, &m[i]), 0);
        assert_true(flushed & BIT(2));
        assert_int_equal(cpus[0].disturbed, i < 2 ? i + 1 : 2);
    }
    assert_int_equal(owner.let_go, 0);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(frame_owner_release(&owner, m[i]), 0);
    assert_int_equal(owner.let_go, 4);
}

static void a_cpu_that_flushed_since_is_left_alone(void **state)
{
    mfn_t m = frame_in_use(TYPE_WRITABLE);

    (void)state;
    frame_type_put_plain(m);
    cpus[1].flush_seen = ++tlb_clock;
    assert_int_equal(frame_type_claim(m, TYPE_L1), -EAGAIN);
    assert_int_equal(flushed, 0);
}

static void a_cpu_far_behind_is_not_taken_for_flushed(void **state)
{
    (void)state;
    for (unsigned far = 0; far < 1000; far++) {
        mfn_t m = frame_in_use(TYPE_WRITABLE);

        tlb_clock += far;
        frame_type_put_plain(m);
        tlb_clock += far / 3;
        assert_int_equal(frame_type_claim(m, TYPE_L1), -EAGAIN);
        assert_true(flushed & BIT(1));
        frame_type_retire(m);
        assert_int_equal(frame_owner_release(&owner, m), 0);
    }
}

static mfn_t contested;
static int claimed;

static void claim_as_table(void)
{
    claimed = frame_type_claim(contested, TYPE_L1);
}

/* Whenever the other CPU gets the frame, it has flushed the one that could write it. */
static void a_table_is_claimed_while_the_last_writer_goes(void **state)
{
    unsigned got = 0;

    (void)state;
    other = claim_as_table;
    for (unsigned at = 1; at < 30; at++) {
        contested = frame_in_use(TYPE_WRITABLE);
        claimed = -EBUSY;
        steps_left = at;
        frame_type_put_plain(contested);
        if (steps_left) /* it was over before: now, then */
            claim_as_table();
        steps_left = 0;
        if (claimed != -EAGAIN)
            continue;
        got++;
        assert_true(flushed & BIT(1));
        frame_type_retire(contested);
    }
    assert_true(got > 0);
}

static void a_tick(void)
{
    tlb_clock += 5;
    steps_left = 1; /* and another one at the next step */
}

/* The youngest of a block's frames is found, whatever the clock does meanwhile. */
static void a_block_is_flushed_for_its_youngest_frame(void **state)
{
    mfn_t m;

    (void)state;
    for (unsigned young = 0; young < 4; young++) {
        assert_int_equal(frame_owner_allocate(&owner, 2, 0, &m), 0);
        tlb_clock += 10;
        for (unsigned i = 0; i < 4; i++)
            if (i != young)
                assert_int_equal(frame_owner_release(&owner, mfn(m.n + i)), 0);
        cpus[2].flush_seen = ++tlb_clock; /* then it made use of the one that is left */
        assert_int_equal(frame_owner_release(&owner, mfn(m.n + young)), 0);
        tlb_clock += 5;
        flushed = 0;
        other = a_tick;
        steps_left = 1;
        assert_int_equal(frame_owner_allocate(&owner, 2, 0, &m), 0);
        steps_left = 0;
        assert_true(flushed & BIT(2));
        for (unsigned i = 0; i < 4; i++)
            assert_int_equal(frame_owner_release(&owner, mfn(m.n + i)), 0);
    }
}

/* Who can reach a freed frame can write it until the flush: it is cleared after that. */
static void a_new_frame_is_clear(void **state)
{
    mfn_t m = frame_in_use(TYPE_WRITABLE), again;

    (void)state;
    frame_type_put_plain(m);
    assert_int_equal(frame_owner_release(&owner, m), 0);
    written_by_stale = m;
    assert_int_equal(frame_owner_allocate(&owner, 0, 0, &again), 0);
    written_by_stale = MFN_NONE;
    assert_int_equal(again.n, m.n);
    assert_true(flushed & 6);
    for (unsigned i = 0; i < PAGE_SIZE; i++)
        assert_int_equal(((uint8_t *)frame_virt(m))[i], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_claim_flushes_where_the_owner_runs),
        cmocka_unit_test(a_claim_flushes_all_who_could_write),
        cmocka_unit_test(flushes_of_others_are_counted),
        cmocka_unit_test(growing_alone_is_free),
        cmocka_unit_test(a_cpu_that_flushed_since_is_left_alone),
        cmocka_unit_test(a_cpu_far_behind_is_not_taken_for_flushed),
        cmocka_unit_test(a_table_is_claimed_while_the_last_writer_goes),
        cmocka_unit_test(a_block_is_flushed_for_its_youngest_frame),
        cmocka_unit_test(a_new_frame_is_clear),
    };

    written_by_stale = MFN_NONE;
    return cmocka_run_group_tests(tests, memory_up, NULL);
}
