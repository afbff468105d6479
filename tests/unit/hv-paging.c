/*
 * Frames and page tables without a machine: the hypervisor's own files over a small memory.
 * Interruptions are forced at every place one may happen, and after each step the audit recounts
 * every reference from scratch.
 *
 * Sources: hypervisor/memory/frame-allocator.c hypervisor/memory/frame-owner.c
 * hypervisor/memory/frame-references.c hypervisor/memory/heap.c
 * hypervisor/machine/tlb-clock.c
 * hypervisor/guest-paging/entry-references.c hypervisor/guest-paging/update.c
 * hypervisor/guest-paging/walk.c hypervisor/guest-paging/pin.c
 * hypervisor/guest-paging/base-pointer.c hypervisor/guest-paging/audit.c
 * hypervisor/guest-paging/mirrors.c hypervisor/guest-paging/mirror-fault.c
 * hypervisor/guest-paging/write-log.c
 * hypervisor/lifecycle/audit.c
 *
 * Flags: -Ihypervisor -DHOST_TEST
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
#include "grants/grant-table.h"
#include "guest-paging/audit.h"
#include "guest-paging/paging.h"
#include "hypercall-abi/errno.h"
#include "lib/log.h"
#include "lifecycle/audit.h"
#include "machine/cpu-features.h"
#include "machine/interrupts.h"
#include "machine/remote.h"
#include "machine/tlb.h"
#include "memory/frame-allocator.h"
#include "memory/frame-references.h"
#include "memory/machine-to-physical.h"

#define FRAMES 1024

/* What the files under test need of the layers left out. */
struct cpu *cpu_table[MAX_CPUS];
struct cpu_set cpus_online;
unsigned cpu_words = CPU_WORDS, cpu_count = 1;
uint64_t clock_tsc_khz; /* no time is short */
struct cpu_features cpu_features = { .physical_bits = 40 };
static struct cpu cpu;
static const struct paging_mode mode = { .finish = paging_finish, .tally = paging_tally };
static struct domain domain;
static struct vcpu vcpu;
static unsigned preempt_in; /* interrupt at the n-th look; 0: never */
static unsigned looks;      /* so far */
static bool preempt_random;
static bool crashed;

struct cpu *this_cpu(void)
{
    return &cpu;
}

static void (*on_preempt)(void);  /* what another vCPU does at a look, with the lock down */
static unsigned on_preempt_after; /* so many others */

bool preempt_point(void)
{
    void (*turn)(void) = on_preempt;

    looks++;
    if (turn && !on_preempt_after--) {
        on_preempt = NULL;
        turn();
    }
    if (preempt_random)
        return rand() % 4 == 0;
    return preempt_in && !--preempt_in;
}

void panic(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vfprintf(stderr, format, args);
    abort();
}

void domain_crash(struct domain *d, const char *format, ...)
{
    (void)d;
    (void)format;
    crashed = true;
}

void domain_log(struct domain *d, const char *format, ...)
{
    (void)d;
    (void)format;
}

void log_print(enum log_level level, const char *format, ...)
{
    va_list args;

    (void)level;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

void cpu_wait_step(void)
{
    abort(); /* one thread: nobody to wait for */
}

void remote_answer(void)
{
}

void remote_call(const struct cpu_set *cpus, void (*fn)(uint64_t), uint64_t argument)
{
    if (cpu_set_has(cpus, 0))
        fn(argument);
}

void root_load(uint64_t root)
{
    (void)root;
}

void root_table_fill(pte_t *l4)
{
    memset(l4 + HYPERVISOR_FIRST_SLOT, 0, HYPERVISOR_SLOTS * sizeof(pte_t));
}

int cpus_park(void)
{
    return 0;
}

void cpus_unpark(void)
{
}

struct domain *domain_get_next(domid_t from)
{
    return from <= domain.id ? &domain : NULL;
}

void domain_put(struct domain *d)
{
    (void)d;
}

void fifo_tally(const struct domain *d, struct tally *t)
{
    (void)d, (void)t;
}

void grant_table_tally(struct domain *d, struct tally *t)
{
    (void)d;
    (void)t;
}

void tlb_flush_cpus(const struct cpu_set *cpus)
{
    (void)cpus;
}

/* A domain's memory: a 4-level tree over some data frames. */
#define TABLES 5 /* L4 L3 L2 L1 L1 */
#define DATA   64
static mfn_t table[TABLES], data[DATA];

static void map_at(uint64_t address, size_t bytes)
{
    void *p = mmap((void *)address, bytes, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

    assert_true(p == (void *)address);
}

static int memory_up(void **state)
{
    (void)state;
    map_at(FRAME_TABLE_VIRT, FRAMES * sizeof(struct frame));
    map_at(M2P_VIRT, FRAMES * sizeof(uint64_t));
    map_at(DIRECT_VIRT, FRAMES * PAGE_SIZE);
    frame_limit = FRAMES;
    frames_add(mfn(0), FRAMES, true);
    return 0;
}

static mfn_t frame_new(void)
{
    mfn_t m;

    assert_int_equal(frame_owner_allocate(&domain.frames, 0, 0, &m), 0);
    return m;
}

static pte_t *entries(unsigned t)
{
    return frame_virt(table[t]);
}

static pte_t to(mfn_t m, uint64_t flags)
{
    return pte_make(m, PTE_P | PTE_A | flags);
}

static void build_tree(void)
{
    entries(0)[5] = to(table[1], PTE_RW);
    entries(1)[7] = to(table[2], PTE_RW);
    entries(2)[0] = to(table[3], PTE_RW);
    entries(2)[1] = to(table[4], PTE_RW);
    for (unsigned i = 0; i < DATA; i++) {
        entries(3)[i * 8] = to(data[i], PTE_RW);
        entries(4)[i] = to(data[i], i & 1 ? PTE_RW : 0);
    }
    for (unsigned i = 0; i < TABLES; i++)
        entries(4)[256 + i] = to(table[i], 0); /* tables may be mapped, read-only */
}

static int domain_up(void **state)
{
    (void)state;
    crashed = false;
    memset(&domain, 0, sizeof(domain));
    memset(&vcpu, 0, sizeof(vcpu));
    domain.id = 1;
    domain.mode = &mode;
    domain.max_vcpus = 1;
    domain.vcpus[0] = &vcpu;
    vcpu.domain = &domain;
    vcpu.info_frame = MFN_NONE;
    for (unsigned i = 0; i < GDT_GUEST_PAGES; i++)
        vcpu.gdt_frames[i] = MFN_NONE;
    for (unsigned i = 0; i < LDT_PAGES; i++)
        vcpu.ldt_frames[i] = MFN_NONE;
    assert_int_equal(frame_owner_register(&domain.frames, 512), 0);
    assert_int_equal(paging_create(&domain), 0);
    for (unsigned i = 0; i < TABLES; i++)
        table[i] = frame_new();
    for (unsigned i = 0; i < DATA; i++)
        data[i] = frame_new();
    build_tree();
    return 0;
}

static void assert_audit_clean(void)
{
    uint64_t frames, differences;

    assert_int_equal(domain_audit(&domain, &frames, &differences), 0);
    assert_int_equal(frames, TABLES + DATA);
    assert_int_equal(differences, 0);
}

/* Everything is given back, and nothing of it is left in the allocator's books. */
static int domain_down(void **state)
{
    static uint64_t free_before;
    uint64_t free_after;
    mfn_t m;
    int r;

    (void)state;
    preempt_in = 0;
    preempt_random = false;
    assert_int_equal(paging_drop_roots(&vcpu), 0);
    assert_int_equal(paging_finish(&domain), 0);
    while (m = frame_owner_first(&domain.frames), !mfn_is_none(m)) {
        r = paging_unpin_all(&domain, m);
        assert_true(r == 0);
        (void)!frame_owner_release(&domain.frames, m); /* one may have been given back before */
        frame_put(m);
    }
    assert_int_equal(paging_finish(&domain), 0);
    assert_int_equal(domain.frames.count, 0);
    paging_destroy(&domain);
    frame_owner_unregister(&domain.frames);
    free_after = frames_free_count();
    if (free_before)
        assert_int_equal(free_after, free_before);
    free_before = free_after;
    assert_false(crashed);
    return 0;
}

static uint32_t type_count(mfn_t m)
{
    return frame_of(m)->type & TYPE_COUNT;
}

static int pin(mfn_t m, unsigned level)
{
    int r;

    do {
        r = paging_pin(&domain, m, level);
    } while (r == -XEN_ERESTART);
    return r;
}

static int unpin(mfn_t m)
{
    int r;

    do {
        r = paging_unpin(&domain, m);
    } while (r == -XEN_ERESTART);
    return r;
}

static int update(mfn_t t, unsigned index, pte_t value)
{
    int r;

    do {
        r = paging_lock(&domain);
        if (r)
            continue;
        r = paging_update_locked(&domain, &domain, (t.n << PAGE_SHIFT) + index * 8, value, false);
        paging_leave_locked(&domain);
    } while (r == -XEN_ERESTART);
    return r;
}

static void assert_all_released(void)
{
    assert_int_equal(paging_finish(&domain), 0);
    for (unsigned i = 0; i < TABLES; i++)
        assert_int_equal(type_count(table[i]), 0);
    for (unsigned i = 0; i < DATA; i++)
        assert_int_equal(type_count(data[i]), 0);
    assert_audit_clean();
}

/* Each entry of a table may cost a flush of other CPUs: however they are spread, interrupts come in
 * between them. */
static void a_long_table_lets_interrupts_in(void **state)
{
    (void)state;
    for (unsigned stride = 7; stride <= 8; stride++) {
        unsigned present = 0;

        for (unsigned i = 0; i < PT_ENTRIES; i++) {
            entries(3)[i] = i % stride ? to(data[i % DATA], PTE_RW) : 0;
            present += i % stride != 0;
        }
        looks = 0;
        assert_int_equal(pin(table[3], 1), 0);
        assert_in_range(looks, present / 8, present / 8 + 2); /* WALK_AT_ONCE */
        assert_audit_clean();
        assert_int_equal(unpin(table[3]), 0);
    }
    assert_all_released();
}

static void pin_and_unpin(void **state)
{
    (void)state;
    assert_int_equal(pin(table[0], 4), 0);
    assert_int_equal(frame_of(table[0])->type & TYPE_MASK, TYPE_L4);
    assert_int_equal(type_count(data[1]), 2); /* written through both L1s */
    assert_int_equal(type_count(data[2]), 1);
    assert_audit_clean();
    assert_int_equal(pin(table[0], 4), -XEN_EINVAL); /* it has its pin */
    assert_audit_clean();
    assert_int_equal(unpin(table[0]), 0);
    assert_int_equal(unpin(table[0]), -XEN_EINVAL);
    assert_all_released();
}

static void a_bad_entry_undoes_everything(void **state)
{
    static const uint64_t bad[] = { PTE_PS, 1UL << 3, 0 };

    (void)state;
    for (unsigned b = 0; b < 3; b++) {
        pte_t old = entries(4)[500];

        /* a forbidden bit, a forbidden bit, a table mapped for writing */
        entries(4)[500] = bad[b] ? to(data[0], bad[b]) : to(table[2], PTE_RW);
        assert_int_not_equal(pin(table[0], 4), 0);
        assert_all_released();
        entries(4)[500] = old;
    }
    entries(2)[2] = to(table[0], PTE_RW); /* a table of the wrong level: linear tables */
    assert_int_equal(pin(table[0], 4), -XEN_EINVAL);
    assert_all_released();
    entries(2)[2] = to(mfn(FRAMES + 5), PTE_RW); /* no frame at all */
    assert_int_equal(pin(table[0], 4), -XEN_EINVAL);
    assert_all_released();
}

static void interrupted_anywhere(void **state)
{
    (void)state;
    for (unsigned at = 1; at < 12; at++) {
        preempt_in = at;
        assert_int_equal(pin(table[0], 4), 0);
        preempt_in = 0;
        assert_audit_clean();
        preempt_in = at;
        assert_int_equal(unpin(table[0]), 0);
        preempt_in = 0;
        assert_all_released();
    }
}

static void interrupted_and_never_resumed(void **state)
{
    (void)state;
    preempt_in = 1;
    assert_int_equal(paging_pin(&domain, table[0], 4), -XEN_ERESTART);
    preempt_in = 0;
    /* Somebody else's call finishes it; the result is kept, then dropped by a third. */
    assert_int_equal(pin(table[3], 1), 0);
    assert_audit_clean();
    assert_int_equal(unpin(table[3]), 0);
    assert_all_released();
}

static mfn_t shared_frame;
static unsigned other_stops; /* at its n-th look; 0: it does not */

static void pin_it_as_l1(void)
{
    preempt_in = other_stops;
    (void)!paging_pin(&domain, shared_frame, 1);
    preempt_in = 0;
}

static void two_vcpus_want_it(unsigned comes, unsigned stops)
{
    int r;

    other_stops = stops;
    on_preempt = pin_it_as_l1;
    on_preempt_after = comes;
    r = paging_pin(&domain, shared_frame, 2);
    on_preempt = NULL;
    if (!r)
        assert_int_equal(frame_of(shared_frame)->type & (TYPE_MASK | TYPE_PINNED),
                         TYPE_L2 | TYPE_PINNED);
    assert_int_equal(paging_finish(&domain), 0);
    assert_audit_clean();
    (void)!unpin(shared_frame);
    assert_all_released();
}

/* Two vCPUs want the same frame as tables of different levels, which it is fit for: entries that
 * only read a table may refer to it or map it. */
static void a_walk_is_not_taken_for_another(void **state)
{
    (void)state;
    shared_frame = table[4];
    memset(frame_virt(shared_frame), 0, PAGE_SIZE);
    entries(2)[1] = 0;
    for (unsigned filled = 0; filled <= 120; filled += 40) {
        for (unsigned i = 0; i < filled; i++)
            entries(4)[i] = to(table[3], 0);
        for (unsigned comes = 0; comes < 12; comes++)
            for (unsigned stops = 0; stops < 24; stops++)
                two_vcpus_want_it(comes, stops);
    }
}

/* The result that an interrupted pin left is nothing for who wants the frame at another level. */
static void a_kept_table_serves_its_level_only(void **state)
{
    (void)state;
    preempt_in = 1;
    assert_int_equal(paging_pin(&domain, table[1], 3), -XEN_ERESTART);
    preempt_in = 0;
    assert_int_not_equal(paging_set_kernel_root(&vcpu, table[1]), 0);
    assert_audit_clean();
    assert_all_released();
}

/* A pinned tree whose root the guest gave back is found, and let go, when the domain ends. */
static void a_pinned_root_may_be_given_back(void **state)
{
    (void)state;
    assert_int_equal(pin(table[0], 4), 0);
    assert_int_equal(frame_owner_release(&domain.frames, table[0]), 0);
    assert_audit_clean();
}

static void updates_move_references(void **state)
{
    (void)state;
    assert_int_equal(pin(table[0], 4), 0);
    assert_int_equal(update(table[3], 1, to(data[3], PTE_RW)), 0);
    assert_int_equal(type_count(data[3]), 3);
    assert_int_equal(update(table[3], 1, to(data[3], 0)), 0);
    assert_int_equal(type_count(data[3]), 2);
    assert_int_equal(update(table[3], 1, 0), 0);
    assert_int_equal(update(table[3], 1, to(table[1], PTE_RW)), -XEN_EBUSY);
    assert_int_equal(update(table[0], 260, to(table[1], PTE_RW)), -XEN_EINVAL);
    assert_int_equal(update(table[2], 1, 0), 0); /* unhooks an L1, which is no table any more */
    assert_int_equal(type_count(table[4]), 0);
    assert_audit_clean();
    assert_int_equal(update(table[2], 9, to(table[4], PTE_RW)), 0);
    assert_audit_clean();
    assert_int_equal(unpin(table[0]), 0);
    assert_all_released();
}

static void roots_hold_tables(void **state)
{
    (void)state;
    assert_int_equal(paging_set_kernel_root(&vcpu, table[0]), 0);
    assert_int_equal(paging_set_user_root(&vcpu, table[0]), 0);
    assert_int_equal(type_count(table[0]), 2);
    assert_audit_clean();
    assert_int_equal(paging_set_user_root(&vcpu, mfn(0)), 0);
    assert_int_equal(paging_set_kernel_root(&vcpu, table[1]), -XEN_EINVAL);
    assert_audit_clean();
    assert_int_equal(paging_drop_roots(&vcpu), 0);
    assert_all_released();
}

/* Any operation with any argument, interrupted at random: counts always agree in the end. */
static void random_operations(void **state)
{
    (void)state;
    srand(7);
    preempt_random = true;
    for (unsigned n = 0; n < 20000; n++) {
        mfn_t t = table[rand() % TABLES],
              target = rand() % 3 ? data[rand() % DATA] : table[rand() % TABLES];
        uint64_t flags = rand() % 2 ? PTE_RW : 0;

        switch (rand() % 8) {
        case 0:
            (void)!paging_pin(&domain, t, 1 + (unsigned)rand() % 4);
            break;
        case 1:
            (void)!paging_unpin(&domain, t);
            break;
        case 2:
            (void)!paging_set_kernel_root(&vcpu, t);
            break;
        case 3:
            (void)!paging_set_user_root(&vcpu, rand() % 2 ? t : mfn(0));
            break;
        default:
            (void)!update(t, (unsigned)rand() % 512, rand() % 4 ? to(target, flags) : 0);
        }
        if (n % 100 == 0) {
            preempt_random = false;
            assert_audit_clean();
            preempt_random = true;
        }
    }
    preempt_random = false;
    assert_audit_clean();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_long_table_lets_interrupts_in, domain_up, domain_down),
        cmocka_unit_test_setup_teardown(pin_and_unpin, domain_up, domain_down),
        cmocka_unit_test_setup_teardown(a_bad_entry_undoes_everything, domain_up, domain_down),
        cmocka_unit_test_setup_teardown(interrupted_anywhere, domain_up, domain_down),
        cmocka_unit_test_setup_teardown(interrupted_and_never_resumed, domain_up, domain_down),
        cmocka_unit_test_setup_teardown(a_walk_is_not_taken_for_another, domain_up, domain_down),
        cmocka_unit_test_setup_teardown(a_kept_table_serves_its_level_only, domain_up, domain_down),
        cmocka_unit_test_setup_teardown(a_pinned_root_may_be_given_back, domain_up, domain_down),
        cmocka_unit_test_setup_teardown(updates_move_references, domain_up, domain_down),
        cmocka_unit_test_setup_teardown(roots_hold_tables, domain_up, domain_down),
        cmocka_unit_test_setup_teardown(random_operations, domain_up, domain_down),
    };

    return cmocka_run_group_tests(tests, memory_up, NULL);
}
