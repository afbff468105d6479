/* The processors, and what else the sources under test ask of the machine.  See processors.h.
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
#include "domain/guest-memory.h"
#include "grants/grant-table.h"
#include "lib/errno.h"
#include "lib/bits.h"
#include "lib/log.h"
#include "machine/cpu-features.h"
#include "machine/interrupts.h"
#include "machine/remote.h"
#include "machine/tlb.h"
#include "memory/frame-allocator.h"
#include "memory/frame-references.h"
#include "memory/tally.h"
#include "shadow-paging/shadow.h"
#include "model/cpu-sets.h"
#include "processors.h"

void (*on_flush)(void), (*on_wait)(void);
unsigned int crashes;
bool crash_is_fatal = true;
struct cpu *cpu_table[MAX_CPUS];
struct cpu_set cpus_online;
unsigned cpu_words = CPU_WORDS, cpu_count = CPUS;
uint64_t clock_tsc_khz;
struct cpu_features cpu_features = { .physical_bits = 40 };
struct cpu cpus[CPUS], *cpu = &cpus[0];
struct domain domain;
struct vcpu vcpus[CPUS], *vcpu = &vcpus[0];
unsigned long by_tlb[3];

/* What a processor remembers: translations of pages, and tables of level 1 by what they cover. */
struct translation {
    uint64_t page; /* plus 1; 0: none */
    uint64_t at;   /* a frame, or a table */
    uint64_t e;    /* rights on the way there */
    uint64_t gfn;  /* of the guest's table */
};
static struct {
    struct translation pages[64], tables[16];
} tlb[CPUS][2]; /* by root */

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
    crashes++;
    if (crash_is_fatal)
        panic("%s\n", format);
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
    if (!on_wait)
        abort();
    on_wait();
}

void flush_on(unsigned id)
{
    struct cpu *was = cpu;

    cpu = &cpus[id];
    tlb_note_flush();
    memset(tlb[id], 0, sizeof(tlb[id]));
    cpu = was;
}

void root_load(uint64_t root)
{
    (void)root;
    flush_on(cpu->id);
}

void tlb_flush_cpus(const struct cpu_set *of)
{
    if (on_flush)
        on_flush();
    for_each_cpu(id, of)
        flush_on(id);
}

void tlb_flush_local(void)
{
    if (on_flush)
        on_flush();
    flush_on(cpu->id);
}

void tlb_flush_page_cpus(const struct cpu_set *of, uint64_t address)
{
    (void)address;
    tlb_flush_cpus(of);
}

void tlb_flush_page_local(uint64_t address)
{
    (void)address;
    tlb_flush_local();
}

void root_table_fill(pte_t *l4)
{
    for (unsigned i = 0; i < HYPERVISOR_SLOTS; i++)
        l4[HYPERVISOR_FIRST_SLOT + i] = PTE_P;
}

bool descriptor_check(uint64_t *descriptor)
{
    return !(*descriptor & 1);
}

int cpus_park(void)
{
    return 0;
}

void cpus_unpark(void)
{
}

bool writes_fail;

int guest_write(guest_handle_t to, const void *from, size_t bytes)
{
    if (writes_fail)
        return -EFAULT;
    memcpy((void *)to, from, bytes);
    return 0;
}

bool grants_for_writing_mark(struct domain *d, uint64_t *next)
{
    (void)d;
    (void)next;
    return true;
}

uint64_t granted_mfn;
int granted_times, granted_to_write;

void fifo_tally(const struct domain *d, struct tally *t)
{
    (void)d, (void)t;
}

void grant_table_tally(struct domain *d, struct tally *t)
{
    (void)d;
    tally_foreign(t, mfn(granted_mfn), true, -granted_to_write);
    tally_foreign(t, mfn(granted_mfn), false, granted_to_write - granted_times);
}

struct domain *domain_get_next(domid_t from)
{
    return from <= domain.id ? &domain : NULL;
}

void domain_put(struct domain *d)
{
    (void)d;
}

bool lets(pte_t e, const struct access *a, bool user)
{
    return (!user || (e & PTE_US)) && (!a->write || (e & PTE_RW)) && (!a->fetch || !(e & PTE_NX));
}

/* Rights of two entries one after the other. */
static pte_t both(pte_t a, pte_t b)
{
    return (a & b & (PTE_P | PTE_RW | PTE_US)) | ((a | b) & PTE_NX);
}

static struct translation *page_slot(const struct access *a)
{
    return &tlb[cpu->id][a->user].pages[(a->address >> 12) % 61];
}

static struct translation *table_slot(const struct access *a)
{
    return &tlb[cpu->id][a->user].tables[(a->address >> 21) % 13];
}

static const struct shadow_page *record_of_table(uint64_t at)
{
    return page_below(domain.shadow, pte_make(mfn(at), PTE_P));
}

/* A table that a processor remembers is still that, or has no entries. */
static void assert_not_another(const struct translation *t)
{
    const struct shadow_page *p = record_of_table(t->at);

    assert_true(!p->present || (p->level == 1 && p->gfn == t->gfn));
}

/* As the processor: from its own cache of tables, if it has one, and into that of pages. */
static uint64_t by_shadows(const struct access *a)
{
    uint64_t at = (a->user ? vcpu->user_root : vcpu->kernel_root) >> PAGE_SHIFT;
    struct translation *t = table_slot(a);
    pte_t rights = PTE_P | PTE_RW | PTE_US;
    unsigned level = 4;

    if (t->page == (a->address >> 21) + 1) {
        level = 1;
        at = t->at;
        rights = t->e;
        by_tlb[0]++;
        assert_not_another(t);
    }
    for (; level; level--) {
        pte_t e = ((pte_t *)frame_virt(mfn(at)))[pt_index(a->address, level)];

        if (!(e & PTE_P))
            return 0;
        rights = both(rights, e);
        at = pte_mfn(e).n;
        if (level == 2)
            *t = (struct translation){ (a->address >> 21) + 1, at, rights,
                                       record_of_table(at)->gfn };
    }
    if (!lets(rights, a, true)) /* everybody is in ring 3 */
        return 0;
    *page_slot(a) = (struct translation){ (a->address >> 12) + 1, at, rights, 0 };
    return at;
}

uint64_t by_processor(const struct access *a)
{
    struct translation *t = page_slot(a);
    uint64_t at;

    if (t->page == (a->address >> 12) + 1 && lets(t->e, a, true)) {
        by_tlb[a->write ? 2 : 1]++;
        return t->at;
    }
    at = t->page == (a->address >> 12) + 1 ? 0 : by_shadows(a);
    if (!at) {
        *t = (struct translation){ 0 };
        *table_slot(a) = (struct translation){ 0 };
    }
    return at;
}

static void processor_up(unsigned id)
{
    struct vcpu *v = &vcpus[id];

    *v = (struct vcpu){ .domain = &domain, .id = id, .info_frame = MFN_NONE };
    for (unsigned i = 0; i < GDT_GUEST_PAGES; i++)
        v->gdt_frames[i] = MFN_NONE;
    for (unsigned i = 0; i < LDT_PAGES; i++)
        v->ldt_frames[i] = MFN_NONE;
    domain.vcpus[id] = v;
    cpus[id].id = id;
    cpus[id].vcpu = v;
    cpu_table[id] = &cpus[id];
}

static void map_at(uint64_t address, size_t bytes)
{
    assert_true(mmap((void *)address, bytes, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == (void *)address);
}

uint64_t frame_placed(uint64_t gfn)
{
    mfn_t m;

    assert_int_equal(frame_owner_allocate(&domain.frames, 0, 0, &m), 0);
    assert_int_equal(shadow_mode.place(&domain, m, gfn), 0);
    return m.n;
}

void shadow_domain_up(uint64_t frames, uint64_t guest)
{
    mfn_t m;

    map_at(FRAME_TABLE_VIRT, frames * sizeof(struct frame));
    map_at(M2P_VIRT, frames * sizeof(uint64_t));
    map_at(DIRECT_VIRT, frames * PAGE_SIZE);
    frame_limit = frames;
    frames_add(mfn(1), frames - 1, true);
    domain = (struct domain){ .id = 1, .mode = &shadow_mode, .max_vcpus = CPUS };
    for (unsigned i = 0; i < CPUS; i++)
        processor_up(i);
    domain.frames.cpus = cpus_online = set_of(BIT(CPUS) - 1);
    assert_int_equal(frame_owner_register(&domain.frames, guest), 0);
    m = frames_allocate(0, 0, true);
    domain.shared_info = frame_virt(m);
    frame_share(&domain.frames, m, true);
    assert_int_equal(shadow_mode.create(&domain), 0);
}

void shadow_domain_down(void)
{
    mfn_t m;

    shadow_mode.close(&domain);
    for (unsigned i = 0; i < CPUS; i++)
        assert_int_equal(shadow_mode.drop_roots(&vcpus[i]), 0);
    while (shadow_mode.finish(&domain))
        ;
    while (m = frame_owner_first(&domain.frames), !mfn_is_none(m)) {
        assert_int_equal(shadow_mode.release(&domain, m), 0);
        frame_put(m);
    }
    assert_int_equal(domain.frames.count, 0);
    frame_unshare(&domain.frames, virt_mfn(domain.shared_info));
    shadow_mode.destroy(&domain);
    frame_owner_unregister(&domain.frames);
}
