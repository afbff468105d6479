/*
 * The processor state behind a vCPU: segments, bases, descriptor windows, debug and FPU state.
 * A switch costs only what differs between the two.
 */
#include "guest-cpu/switch.h"
#include "domain/domain.h"
#include "guest-cpu/trap-injection.h"
#include "lib/atomic.h"
#include "lib/bug.h"
#include "machine/cpu-features.h"
#include "machine/fpu.h"
#include "machine/safe-registers.h"
#include "memory/heap.h"
#include "memory/hypervisor-mappings.h"

/* What a CPU keeps from one vCPU to the next. */
struct loaded {
    pte_t *window;                /* entries of its descriptor window */
    uint64_t *descriptors;        /* the hypervisor's page there */
    mfn_t frame[GDT_GUEST_PAGES]; /* what the window shows; MFN_NONE: the empty page */
    bool ldt_loaded;
    uint32_t tsc_aux;
};

static struct loaded *loaded[MAX_CPUS];
static uint8_t empty_page[PAGE_SIZE] __attribute__((aligned(4096)));

void vcpu_switch_init(unsigned cpu, uint64_t *descriptor_page)
{
    mfn_t empty = mapping_lookup((uint64_t)empty_page);
    struct loaded *l = loaded[cpu] ? loaded[cpu] : heap_allocate(sizeof(*l));

    if (!l)
        panic("no memory for a CPU's descriptor window");
    loaded[cpu] = l;
    l->window = mapping_entry(gdt_window(cpu));
    l->descriptors = descriptor_page;
    for (unsigned i = 0; i < GDT_GUEST_PAGES; i++) {
        l->frame[i] = MFN_NONE;
        l->window[i] = pte_make(empty, PTE_P | PTE_A | PTE_NX);
    }
}

static void window_set(unsigned cpu, unsigned page, mfn_t frame)
{
    pte_t e = mfn_is_none(frame)
                  ? pte_make(mapping_lookup((uint64_t)empty_page), PTE_P | PTE_A | PTE_NX)
                  : pte_make(frame, PTE_P | PTE_RW | PTE_A | PTE_D | PTE_NX);

    loaded[cpu]->frame[page] = frame;
    loaded[cpu]->window[page] = e;
    page_invalidate(gdt_window(cpu) + page * PAGE_SIZE);
}

void vcpu_load_descriptors(struct vcpu *v)
{
    unsigned cpu = this_cpu()->id;
    struct loaded *l = loaded[cpu];

    for (unsigned i = 0; i < GDT_GUEST_PAGES; i++)
        if (l->frame[i].n != v->gdt_frames[i].n)
            window_set(cpu, i, v->gdt_frames[i]);
    if (!v->ldt_entries && !l->ldt_loaded)
        return;
    for (unsigned i = 0; i < LDT_PAGES; i++) {
        pte_t *e = l->window + LDT_WINDOW_OFFSET / PAGE_SIZE + i;

        *e = mfn_is_none(v->ldt_frames[i])
                 ? 0
                 : pte_make(v->ldt_frames[i], PTE_P | PTE_RW | PTE_A | PTE_D | PTE_NX);
        page_invalidate(ldt_window(cpu) + i * PAGE_SIZE);
    }
    ldt_load(l->descriptors, cpu, v->ldt_entries);
    l->ldt_loaded = v->ldt_entries != 0;
}

void vcpu_load_debug(struct vcpu *v)
{
    if (!v->debug_active)
        return;
    dr0_write(v->debug[0]);
    dr1_write(v->debug[1]);
    dr2_write(v->debug[2]);
    dr3_write(v->debug[3]);
    dr7_write(v->debug[7]);
}

static uint64_t fs_base_get(void)
{
    return cpu_features.fsgsbase ? fsbase_read() : msr_read(MSR_FS_BASE);
}

static uint64_t gs_base_get(void)
{
    return cpu_features.fsgsbase ? gsbase_read() : msr_read(MSR_GS_BASE);
}

void vcpu_save(struct vcpu *v)
{
    uint64_t gs = gs_base_get(), other = msr_read(MSR_KERNEL_GS_BASE);

    v->regs = this_cpu()->frame;
    v->fs_base = fs_base_get();
    v->gs_base_kernel = v->mode == VCPU_KERNEL ? gs : other;
    v->gs_base_user = v->mode == VCPU_KERNEL ? other : gs;
    v->ds = ds_read();
    v->es = es_read();
    v->fs = fs_read();
    v->gs = gs_read();
    if (v->debug_active)
        dr7_write(0);
    fpu_save(v->fpu);
}

static void load_bases(struct vcpu *v)
{
    uint64_t gs = v->mode == VCPU_KERNEL ? v->gs_base_kernel : v->gs_base_user;
    uint64_t other = v->mode == VCPU_KERNEL ? v->gs_base_user : v->gs_base_kernel;

    if (cpu_features.fsgsbase) {
        fsbase_write(v->fs_base);
        gsbase_write(gs);
    } else {
        msr_write(MSR_FS_BASE, v->fs_base);
        msr_write(MSR_GS_BASE, gs);
    }
    msr_write(MSR_KERNEL_GS_BASE, other);
}

/* True if the CPU refused a selector: the guest learns by its failsafe entry. */
static bool load_selectors(struct vcpu *v)
{
    bool refused = false;

    if (v->ds | ds_read())
        refused |= ds_load(v->ds);
    if (v->es | es_read())
        refused |= es_load(v->es);
    if (v->fs | fs_read())
        refused |= fs_load(v->fs);
    if (v->gs | gs_read())
        refused |= gs_load(v->gs);
    return refused;
}

uint64_t vcpu_root(const struct vcpu *v)
{
    return v->mode == VCPU_KERNEL ? v->kernel_root : v->user_root;
}

void vcpu_load_root(struct vcpu *v)
{
    unsigned cpu = this_cpu()->id;

    /* Before the root is in CR3, so that a flush from now on comes here too. */
    if (!cpu_set_has(&v->domain->frames.cpus, cpu))
        cpu_set_add_atomic(&v->domain->frames.cpus, cpu);
    write_once(v->dirty_cpu, cpu);
    v->root_switches++;
    root_load(vcpu_root(v));
}

/* Few guests use it, so mostly it is what it was. */
void tsc_aux_load(uint32_t value)
{
    uint32_t *now = &loaded[this_cpu()->id]->tsc_aux;

    if (*now == value || !cpu_features.tsc_aux)
        return;
    *now = value;
    msr_write(MSR_TSC_AUX, value);
}

void vcpu_load(struct vcpu *v)
{
    struct cpu *cpu = this_cpu();
    struct domain *d = v->domain;
    bool refused;

    cpu->frame = v->regs;
    cpu->vcpu = v;
    vcpu_load_descriptors(v);
    refused = load_selectors(v);
    load_bases(v);
    vcpu_load_debug(v);
    fpu_restore(v->fpu);
    tsc_aux_load(v->tsc_aux);
    if (v->ts)
        cr0_write(cr0_read() | CR0_TS);
    d->counters.context_switches++;
    if (unlikely(refused))
        inject_failsafe(v, &cpu->frame);
}
