/* See direct-guest.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <cmocka.h>
#include "direct-guest.h"
#include "domain/guest-memory.h"
#include "grants/grant-table.h"
#include "guest-cpu/switch.h"
#include "guest-paging/mirrors.h"
#include "hypercall-abi/mmu.h"
#include "lib/bits.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lifecycle/audit.h"
#include "machine/interrupts.h"
#include "machine/remote.h"
#include "machine/tlb.h"
#include "memory/frame-allocator.h"
#include "memory/frame-references.h"
#include "model/cpu-sets.h"
#include "memory/machine-to-physical.h"

#define FRAMES 4096
#define TRIES  4
#define OPEN   (PTE_P | PTE_RW | PTE_US | PTE_A | PTE_D)

struct cpu *cpu_table[MAX_CPUS];
struct cpu_set cpus_online;
unsigned cpu_words = CPU_WORDS, cpu_count = CPUS;
uint64_t clock_tsc_khz; /* no time is short */
struct cpu_features cpu_features = { .physical_bits = 40 };
struct domain domain, other;
struct vcpu vcpus[CPUS], *vcpu = &vcpus[0];
uint64_t frame[GUEST];
bool written[GUEST], writes_fail;
unsigned long by_tlb[2];
void (*on_step)(void);
static struct cpu cpus[CPUS], *cpu = &cpus[0];

/* What a processor remembers: translations of pages, and tables of level 1 by what they cover. */
struct translation {
    uint64_t page; /* plus 1; 0: none */
    mfn_t at;
    pte_t rights;
    uint64_t table; /* of the guest's, if `at` is a mirror */
};
static struct {
    struct translation pages[64], tables[16];
} tlb[CPUS];

void model_step(void)
{
    if (on_step)
        on_step();
}

struct cpu *this_cpu(void)
{
    return cpu;
}

bool preempt_point(void)
{
    return rand() % 4 == 0;
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
    panic("%s", format);
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

void remote_call(const struct cpu_set *of, void (*fn)(uint64_t), uint64_t argument)
{
    struct cpu *was = cpu;

    for_each_cpu(id, of) {
        cpu = &cpus[id];
        fn(argument);
    }
    cpu = was;
}

void root_load(uint64_t root)
{
    cpu->root = root;
    tlb_note_flush();
    memset(&tlb[cpu->id], 0, sizeof(tlb[0]));
}

void tlb_flush_local(void)
{
    root_load(cpu->root);
}

static void flush_one(uint64_t unused)
{
    (void)unused;
    tlb_flush_local();
}

void tlb_flush_cpus(const struct cpu_set *of)
{
    remote_call(of, flush_one, 0);
}

void tlb_flush_page_cpus(const struct cpu_set *of, uint64_t page)
{
    (void)page;
    tlb_flush_cpus(of);
}

void tlb_flush_page_local(uint64_t page)
{
    (void)page;
    tlb_flush_local();
}

void vcpu_load_descriptors(struct vcpu *v)
{
    (void)v;
}

void root_table_fill(pte_t *l4)
{
    for (unsigned i = 0; i < HYPERVISOR_SLOTS; i++)
        l4[HYPERVISOR_FIRST_SLOT + i] = PTE_P;
}

int cpus_park(void)
{
    return 0;
}

void cpus_unpark(void)
{
}

int guest_write(guest_handle_t to, const void *from, size_t bytes)
{
    if (writes_fail)
        return -EFAULT;
    memcpy((void *)to, from, bytes);
    return 0;
}

struct domain *domain_get_next(domid_t from)
{
    return from <= domain.id ? &domain : from <= other.id ? &other : NULL;
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

bool grants_for_writing_mark(struct domain *d, uint64_t *next)
{
    (void)d;
    (void)next;
    return true;
}

/* Whatever root a processor has, the hypervisor is in it. */
static void assert_hypervisor_is_there(void)
{
    const pte_t *l4 = frame_virt(mfn(cpu->root >> PAGE_SHIFT));

    for (unsigned i = 0; cpu->root && i < HYPERVISOR_SLOTS; i++)
        assert_int_equal(l4[HYPERVISOR_FIRST_SLOT + i], PTE_P);
}

void on(unsigned id)
{
    cpu = &cpus[id];
    vcpu = &vcpus[id];
}

/* A table that a processor remembers is still that, or nobody's. */
static void assert_not_another(const struct translation *t)
{
    const struct mirror *m;

    if (frame_of(t->at)->owner)
        return;
    m = mirror_behind(domain.paging->mirrors, t->at.n << PAGE_SHIFT);
    assert_true(!m->level || (m->level == 1 && m->table == t->table));
}

/* The processor writes to no mirror: accessed and dirty bits stand in it from the first. */
static pte_t entry_use(mfn_t table, unsigned index)
{
    pte_t e = ((pte_t *)frame_virt(table))[index];

    if ((e & PTE_P) && !frame_of(table)->owner)
        assert_true((e & PTE_A) && (!(e & PTE_RW) || (e & PTE_D)));
    return e;
}

static bool lets(pte_t rights, bool write, bool fetch)
{
    return (!write || (rights & PTE_RW)) && (!fetch || !(rights & PTE_NX));
}

/* From a table it remembers, if it has one, and into what it remembers of pages. */
static bool walks(uint64_t at, bool write, bool fetch)
{
    struct translation *t = &tlb[cpu->id].tables[(at >> 21) % 13];
    mfn_t table = mfn(cpu->root >> PAGE_SHIFT);
    pte_t rights = OPEN;
    unsigned level = 4;

    if (t->page == (at >> 21) + 1) {
        level = 1;
        table = t->at;
        rights = t->rights;
        by_tlb[1]++;
        assert_not_another(t);
    }
    for (; level; level--) {
        pte_t e = entry_use(table, pt_index(at, level));

        if (!(e & PTE_P))
            return false;
        rights = (rights & e & PTE_RW) | ((rights | e) & PTE_NX);
        table = pte_mfn(e);
        if (level == 2)
            *t = (struct translation){ (at >> 21) + 1, table, rights,
                                       frame_of(table)->owner
                                           ? 0
                                           : mirror_behind(domain.paging->mirrors, e)->table };
    }
    if (!lets(rights, write, fetch))
        return false;
    tlb[cpu->id].pages[(at >> 12) % 61] = (struct translation){ (at >> 12) + 1, table, rights, 0 };
    return true;
}

static bool by_processor(uint64_t at, bool write, bool fetch, mfn_t *m)
{
    struct translation *t = &tlb[cpu->id].pages[(at >> 12) % 61];

    if (t->page == (at >> 12) + 1 && lets(t->rights, write, fetch)) {
        by_tlb[0]++;
        *m = t->at;
        return true;
    }
    *t = (struct translation){ 0 };
    if (!walks(at, write, fetch)) {
        tlb[cpu->id].tables[(at >> 21) % 13] = (struct translation){ 0 };
        return false;
    }
    *m = t->at;
    return true;
}

static bool ends(uint64_t at, bool write, bool fetch)
{
    mfn_t m;

    assert_hypervisor_is_there();
    for (unsigned n = 0; n < TRIES; n++) {
        uint32_t code = PF_USER | (write ? PF_WRITE : 0) | (fetch ? PF_FETCH : 0);

        if (by_processor(at, write, fetch, &m)) {
            if (write)
                written[machine_to_physical(m)] = true;
            return true;
        }
        if (direct_mode.fault(vcpu, at, &code) != FAULT_RESOLVED)
            return false;
    }
    fail_msg("the same fault again and again");
    return false;
}

bool access_is(uint64_t at, bool write)
{
    return ends(at, write, false);
}

bool fetch_is(uint64_t at)
{
    return ends(at, false, true);
}

void flush(void)
{
    direct_mode.flush(vcpu, &cpus_online, FLUSH_ALL, 0);
}

pte_t entry(uint64_t pfn)
{
    return frame[pfn] << PAGE_SHIFT | OPEN;
}

pte_t *entry_at(unsigned table, unsigned index)
{
    return (pte_t *)frame_virt(mfn(frame[table])) + index;
}

pte_t *entry_of(unsigned l1, unsigned index)
{
    return entry_at(L1 + l1, index);
}

uint64_t address(unsigned l1, unsigned index)
{
    return 5UL << 39 | 7UL << 30 | (uint64_t)l1 << 21 | (uint64_t)index << 12;
}

/* The last table but one has entries for all of them. */
uint64_t address_of_table(unsigned l1)
{
    return address(TABLES - 1, 16 + l1);
}

uint64_t address_far(void)
{
    return 6UL << 39;
}

void entry_set(unsigned table, unsigned index, pte_t e)
{
    struct mmu_update u = { (frame[table] << PAGE_SHIFT) + index * sizeof(e), e };
    unsigned done;
    int r;

    while ((r = direct_mode.update(&domain, &domain, &u, 1, &done)) == -ERESTART)
        ;
    assert_int_equal(r, 0);
}

void root_set(unsigned table)
{
    int r;

    while ((r = direct_mode.set_kernel_root(vcpu, frame[table])) == -ERESTART)
        ;
    assert_int_equal(r, 0);
}

uint64_t frame_placed(uint64_t pfn)
{
    mfn_t m;

    assert_int_equal(frame_owner_allocate(&domain.frames, 0, 0, &m), 0);
    assert_int_equal(direct_mode.place(&domain, m, pfn), 0);
    return m.n;
}

static void map_at(uint64_t at, size_t bytes)
{
    assert_true(mmap((void *)at, bytes, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == (void *)at);
}

/* Once: what domains give back is there for the next ones. */
static void machine_up(void)
{
    if (frames_total)
        return;
    map_at(FRAME_TABLE_VIRT, FRAMES * sizeof(struct frame));
    map_at(M2P_VIRT, FRAMES * sizeof(uint64_t));
    map_at(DIRECT_VIRT, FRAMES * PAGE_SIZE);
    frame_limit = FRAMES;
    frames_add(mfn(1), FRAMES - 1, true);
    for (unsigned id = 0; id < CPUS; id++) {
        cpus[id] = (struct cpu){ .id = id };
        cpu_table[id] = &cpus[id];
    }
}

static void domain_up(struct domain *d, domid_t id)
{
    *d = (struct domain){ .id = id, .mode = &direct_mode };
    assert_int_equal(frame_owner_register(&d->frames, GUEST), 0);
    assert_int_equal(direct_mode.create(d), 0);
    d->frames.cpus = cpus_online = set_of(BIT(CPUS) - 1);
}

static void vcpu_up(unsigned id)
{
    struct vcpu *v = &vcpus[id];

    cpus[id].root = 0;
    *v = (struct vcpu){ .domain = &domain, .id = id, .info_frame = MFN_NONE };
    for (unsigned i = 0; i < GDT_GUEST_PAGES; i++)
        v->gdt_frames[i] = MFN_NONE;
    for (unsigned i = 0; i < LDT_PAGES; i++)
        v->ldt_frames[i] = MFN_NONE;
    domain.vcpus[id] = v;
    cpus[id].vcpu = v;
}

static void tables_up(void)
{
    for (uint64_t pfn = 0; pfn < GUEST; pfn++)
        if (pfn < L1 + TABLES || (pfn >= FAR && pfn < FAR + 3) ||
            (pfn >= DATA && pfn < DATA + PAGES) || (pfn >= SPARE && pfn < SPARE + 4) ||
            (pfn >= UNMAPPED && pfn < UNMAPPED + 4))
            frame[pfn] = frame_placed(pfn);
    for (unsigned root = 0; root < 2; root++)
        *entry_at(root, 5) = entry(L3);
    *entry_at(0, 6) = entry(FAR);
    for (unsigned i = 0; i < 3; i++)
        *entry_at(FAR + i, 0) = entry(i < 2 ? FAR + i + 1 : DATA);
    *entry_at(L3, 7) = entry(L2);
    for (unsigned t = 0; t < TABLES; t++) {
        *entry_at(L2, t) = entry(L1 + t);
        for (unsigned i = 0; i < ENTRIES; i++)
            *entry_of(t, i) =
                entry(DATA + (t * ENTRIES + i) % PAGES) & ~((t + i) % 3 ? PTE_D : 0UL);
        *entry_of(TABLES - 1, 16 + t) = entry(L1 + t) & ~PTE_RW;
    }
}

static void others_table_up(void)
{
    mfn_t m;
    int r;

    assert_int_equal(frame_owner_allocate(&other.frames, 0, 0, &m), 0);
    frame[OTHERS_L1] = m.n;
    while ((r = direct_mode.pin(&other, m.n, 1)) == -ERESTART)
        ;
    assert_int_equal(r, 0);
}

int guest_up(void **state)
{
    (void)state;
    machine_up();
    memset(frame, 0, sizeof(frame));
    memset(tlb, 0, sizeof(tlb));
    domain_up(&domain, 1);
    domain_up(&other, 2);
    domain.max_vcpus = CPUS;
    for (unsigned id = 0; id < CPUS; id++)
        vcpu_up(id);
    tables_up();
    others_table_up();
    for (unsigned id = 0; id < CPUS; id++) {
        on(id);
        root_set(0);
    }
    return 0;
}

static void domain_down(struct domain *d)
{
    mfn_t m;
    int r = 0;

    direct_mode.close(d);
    for (unsigned i = 0; i < d->max_vcpus; i++) {
        on(i);
        root_load(0);
        while (direct_mode.drop_roots(vcpu) == -ERESTART)
            ;
    }
    while ((r = direct_mode.finish(d)) == -ERESTART)
        ;
    assert_int_equal(r, 0);
    while (m = frame_owner_first(&d->frames), !mfn_is_none(m)) {
        while (direct_mode.release(d, m) == -ERESTART)
            ;
        frame_put(m);
    }
    while ((r = direct_mode.finish(d)) == -ERESTART)
        ;
    assert_int_equal(d->frames.count, 0);
    direct_mode.destroy(d);
    frame_owner_unregister(&d->frames);
}

int guest_down(void **state)
{
    (void)state;
    domain_down(&other);
    domain_down(&domain);
    assert_int_equal(frames_free_count(), frames_total);
    return 0;
}

void assert_audit_clean(void)
{
    uint64_t frames, differences;
    int r;

    while ((r = domain_audit(&domain, &frames, &differences)) == -ERESTART)
        ;
    assert_int_equal(r, 0);
    assert_int_equal(differences, 0);
}
