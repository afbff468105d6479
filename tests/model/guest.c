/*
 * The operations.  Arguments are drawn from the domain's frames, mostly fitting, sometimes not:
 * other domains' frames, given-back ones, wrong levels and addresses.
 */
#include "model/guest.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "events/binding.h"
#include "domain/guest-frames.h"
#include "events/fifo.h"
#include "grants/copy.h"
#include "grants/map.h"
#include "guest-cpu/descriptors.h"
#include "guest-paging/paging.h"
#include "hypercalls/dirty-log.h"
#include "lib/atomic.h"
#include "lib/bits.h"
#include "lib/errno.h"
#include "lifecycle/create.h"
#include "lifecycle/destroy.h"
#include "machine/clock.h"
#include "machine/registers.h"
#include "machine/tlb.h"
#include "memory/frame-references.h"
#include "model/slots.h"
#include "scheduling/scheduler.h"

/* Frames are drawn from so many tables only, or mostly one of two for every purpose: the fewer, the
 * more often two vCPUs want the same. */
static unsigned focus;
static bool duel;
#define DUEL_FRAME (8 + rnd(2))

/* The running CPU's: two CPUs a domain. */
static struct slot *own_slot(void)
{
    return &slots[this_cpu()->id / 2];
}

static domid_t any_id(void)
{
    const struct slot *s = &slots[rnd(2)];
    uint32_t id;

    if (s == own_slot() && rnd(3))
        s = s == &slots[0] ? &slots[1] : &slots[0];
    id = read_once(s->id);
    return (domid_t)(id ? id : 1 + rnd(8));
}

static mfn_t pool_frame(struct slot *s, unsigned i)
{
    return mfn(read_once(s->pool[i].n));
}

/* A frame for `level`, 0: for data. */
static mfn_t any_frame(struct slot *s, unsigned level)
{
    if (duel && rnd(2))
        return pool_frame(s, DUEL_FRAME);
    if (!rnd(40))
        return mfn(rnd(MODEL_FRAMES + 2));
    if (!rnd(20))
        return pool_frame(&slots[rnd(2)], rnd(POOL));
    if (!rnd(8))
        return pool_frame(s, rnd(POOL));
    if (focus && rnd(3))
        return pool_frame(s, (rnd(2) ? 0 : 4) + rnd(focus));
    return pool_frame(s, level ? rnd(TABLES / 4) * 4 + level - 1 : TABLES + rnd(POOL - TABLES));
}

/* An entry for a table of this level. */
static pte_t any_entry(struct slot *s, unsigned level)
{
    uint64_t flags = PTE_P | PTE_A | (rnd(3) ? PTE_RW | PTE_D : 0);

    if (!rnd(6))
        return 0;
    if (!rnd(40))
        flags ^= 1UL << rnd(64);
    /* An L1 may map tables for reading; sometimes it tries to for writing. */
    if (level == 1 && !rnd(6))
        return pte_make(any_frame(s, 1 + rnd(4)), rnd(3) ? flags & ~PTE_RW : flags);
    return pte_make(any_frame(s, level - 1), flags);
}

static uint64_t any_slot(struct slot *s, unsigned level)
{
    return (any_frame(s, level).n << PAGE_SHIFT) + model_index(level) * sizeof(pte_t);
}

/* An address the tables may reach. */
static uint64_t any_address(void)
{
    uint64_t a = rnd(4) ? 5UL << 18 | 7 << 9 | rnd(2) : 0; /* where the first tree has its L1s */

    for (unsigned level = a ? 1 : 4; level; level--)
        a = a << 9 | model_index(level);
    return (uint64_t)((int64_t)(a << 28) >> 16);
}

/* Operations: 0 if they did what was asked.  -ERESTART: the guest would call again. */

static int op_pin(struct vcpu *v)
{
    unsigned level = 1 + rnd(4);
    mfn_t m = any_frame(own_slot(), rnd(3) ? level : 1 + rnd(4));
    int r;

    do {
        r = paging_pin(v->domain, m, level);
    } while (r == -ERESTART && rnd(4));
    return r;
}

static int op_unpin(struct vcpu *v)
{
    return paging_unpin(v->domain, any_frame(own_slot(), 1 + rnd(4)));
}

static int op_mmu_update(struct vcpu *v)
{
    struct domain *d = v->domain;
    int r = paging_lock(d);

    if (r)
        return r;
    for (unsigned i = 1 + rnd(4); i && !r; i--) {
        unsigned level = rnd(2) ? 1 : 2 + rnd(3);

        r = paging_settle_locked(d);
        if (!r)
            r = paging_update_locked(d, d, any_slot(own_slot(), level),
                                     any_entry(own_slot(), level), rnd(2));
    }
    paging_leave_locked(d);
    return r;
}

static int op_update_va(struct vcpu *v)
{
    return v->domain->mode->update_va(v, v->domain, any_address(), any_entry(own_slot(), 1));
}

static int op_emulated_store(struct vcpu *v)
{
    const struct paging_mode *mode = v->domain->mode;
    pte_t *at;
    int r = mode->store_begin(v, any_address() | model_index(1) * sizeof(pte_t), &at);

    if (r)
        return r;
    r = mode->store_exchange(v, at, read_once(*at), any_entry(own_slot(), 1));
    mode->store_end(v);
    return r;
}

static int op_kernel_root(struct vcpu *v)
{
    return paging_set_kernel_root(v, any_frame(own_slot(), 4));
}

static int op_user_root(struct vcpu *v)
{
    return paging_set_user_root(v, rnd(3) ? any_frame(own_slot(), 4) : mfn(0));
}

static int op_switch_root(struct vcpu *v)
{
    model_load_root(v, rnd(2) && read_once(v->user_root), false);
    for (unsigned i = 0; i < 4; i++)
        model_touch();
    model_load_root(v, false, false);
    return 0;
}

/* Accesses that fault, as most do while writes are logged. */
static int op_fault(struct vcpu *v)
{
    uint32_t code;
    int r = -EINVAL;

    for (unsigned i = 0; i < 4; i++) {
        code = PF_USER | (rnd(2) ? PF_WRITE : 0);
        if (v->domain->mode->fault(v, any_address(), &code) == FAULT_RESOLVED)
            r = 0;
        model_touch();
    }
    return r;
}

/* One operation on domains at a time, as by the control domain. */
static int op_log(struct vcpu *v)
{
    static bool busy[ARRAY_SIZE(slots)];
    bool *mine = &busy[this_cpu()->id / 2];
    uint64_t frames = 1UL << rnd(12), dirty;
    unsigned what = rnd(16);
    bool clean = rnd(4);
    int r;

    if (__atomic_exchange_n(mine, true, __ATOMIC_SEQ_CST))
        return -EBUSY;
    do
        r = !what      ? dirty_log_end(v->domain)
            : what < 4 ? dirty_log_begin(v->domain)
                       : dirty_log_read(v->domain, 0, &frames, clean, &dirty);
    while (r == -ERESTART && rnd(50));
    __atomic_store_n(mine, false, __ATOMIC_SEQ_CST);
    return r;
}

static int op_use_memory(struct vcpu *v)
{
    (void)v;
    for (unsigned i = 0; i < 8; i++)
        model_touch();
    for (unsigned i = 0; i < 24; i++)
        model_store(any_entry(own_slot(), 1 + rnd(4)));
    return 0;
}

/* As a guest does that switches between processes: the TLB clock runs. */
static int op_reload(struct vcpu *v)
{
    for (unsigned i = rnd(280); i && !model_stopping(); i--)
        model_load_root(v, false, true);
    return 0;
}

static int op_flush(struct vcpu *v)
{
    tlb_flush_cpus(&v->domain->frames.cpus);
    return 0;
}

static int op_give_back(struct vcpu *v)
{
    return frame_owner_release(&v->domain->frames, any_frame(own_slot(), rnd(5)));
}

static int op_populate(struct vcpu *v)
{
    struct slot *s = own_slot();
    mfn_t m;
    int r = frame_owner_allocate(&v->domain->frames, 0, rnd(4) ? 0 : 23, &m);

    if (!r)
        write_once(s->pool[duel && rnd(2) ? DUEL_FRAME : rnd(POOL)].n, m.n);
    return r;
}

static int op_grant(struct vcpu *v)
{
    struct domain *d = v->domain;
    struct grant_entry_v1 *e = frame_virt(mfn(grant_table_frame(d, 0)));

    e += rnd(4);
    write_once(e->flags, 0);
    write_once(e->frame, (uint32_t)any_frame(own_slot(), rnd(6) ? 0 : 1 + rnd(4)).n);
    write_once(e->domid, any_id());
    write_once(e->flags, GTF_permit_access | (rnd(3) ? 0 : GTF_readonly));
    return 0;
}

/* Two vCPUs of the domain at once leave a mixture, which is an unmapping to try as well. */
static void mapping_note(struct mapping *m, const struct gnttab_map_grant_ref *op)
{
    write_once(m->handle, op->handle);
    write_once(m->host_addr, op->host_addr);
    write_once(m->bus_addr, op->dev_bus_addr);
}

static int op_map(struct vcpu *v)
{
    struct slot *s = own_slot();
    struct gnttab_map_grant_ref op = { .ref = rnd(5), .dom = any_id() };
    int r;

    op.flags = (rnd(6) ? GNTMAP_host_map : GNTMAP_device_map) | (rnd(3) ? 0 : GNTMAP_device_map) |
               (rnd(3) ? 0 : GNTMAP_readonly) | (rnd(2) ? GNTMAP_contains_pte : 0);
    op.host_addr = any_address();
    if (op.flags & GNTMAP_contains_pte)
        op.host_addr = rnd(2) ? any_slot(s, 1)
                              : (pool_frame(s, rnd(2) * 4).n << PAGE_SHIFT) + model_index(1) * 8;
    r = grant_map(v, &op);
    if (!r && !op.status)
        mapping_note(&s->mapping[rnd(MAPPINGS)], &op);
    return r ? r : op.status;
}

static int op_unmap(struct vcpu *v)
{
    struct slot *s = own_slot();
    const struct mapping *m = &s->mapping[rnd(MAPPINGS)];
    struct gnttab_unmap_grant_ref op = { .host_addr = rnd(6) ? read_once(m->host_addr) : 0,
                                         .dev_bus_addr = rnd(3) ? read_once(m->bus_addr) : 0,
                                         .handle = read_once(m->handle) };
    struct grant_unmapping u;
    int r;

    if (!rnd(8))
        op.host_addr = read_once(s->mapping[rnd(MAPPINGS)].host_addr);
    r = grant_unmap_begin(v, &op, &u);
    if (r)
        return r;
    if (u.was_mapped)
        tlb_flush_cpus(&v->domain->frames.cpus);
    grant_unmap_end(&u);
    return op.status;
}

/* The guest takes a mapped grant's entry away itself, without a flush. */
static int op_overwrite(struct vcpu *v)
{
    struct domain *d = v->domain;
    uint64_t at = read_once(own_slot()->mapping[rnd(MAPPINGS)].host_addr);
    int r;

    if (at >> 32)
        return d->mode->update_va(v, d, at, any_entry(own_slot(), 1));
    r = paging_lock(d);
    if (r)
        return r;
    r = paging_update_locked(d, d, at, any_entry(own_slot(), 1), false);
    paging_leave_locked(d);
    return r;
}

static int op_copy(struct vcpu *v)
{
    struct gnttab_copy op = { .len = 16, .flags = GNTCOPY_source_gref };
    struct grant_copier copier = { .self = v->domain };
    int r;

    op.source.domid = any_id();
    op.source.u.ref = rnd(4);
    op.source.offset = (uint16_t)(rnd(4000));
    op.dest.domid = v->domain->id;
    op.dest.u.gmfn = any_frame(own_slot(), 0).n;
    if (rnd(2)) {
        op.flags |= GNTCOPY_dest_gref;
        op.dest.domid = any_id();
        op.dest.u.ref = rnd(4);
    }
    r = grant_copy(&copier, &op);
    grant_copier_release(&copier);
    return r;
}

static int op_set_gdt(struct vcpu *v)
{
    uint64_t frames[2] = { any_frame(own_slot(), 0).n, any_frame(own_slot(), 0).n };

    return vcpu_set_gdt(v, frames, rnd(2) ? 0 : 512 * (1 + rnd(2)));
}

static int op_descriptor(struct vcpu *v)
{
    return descriptor_update(v->domain, any_slot(own_slot(), 0), (uint64_t)rnd(2) << 47);
}

static int op_initialise(struct vcpu *v)
{
    struct vcpu_guest_context *c = calloc(1, sizeof(*c));
    struct slot *s = own_slot();
    unsigned n = 2 + rnd(VCPUS - 2);
    int r;

    c->flags = VGCF_in_kernel;
    c->ctrlreg[3] = (rnd(3) ? v->domain->mode->root_gfn(v, false) : any_frame(s, 4).n)
                    << PAGE_SHIFT;
    c->ctrlreg[1] = rnd(2) ? any_frame(s, 4).n << PAGE_SHIFT : 0;
    c->gdt_ents = rnd(2) ? 512 : 0;
    c->gdt_frames[0] = any_frame(s, 0).n;
    do {
        r = vcpu_initialise(v->domain->vcpus[n], c);
    } while (r == -ERESTART && rnd(10));
    free(c);
    if (!r && __atomic_fetch_add(&s->initialised[n], 1, __ATOMIC_RELAXED))
        model_fail("vCPU %u has been initialised twice", n);
    return r;
}

/* What the guest writes into its words and control blocks is of no concern to anybody else. */
static void scribble(struct domain *d, uint64_t gfn)
{
    uint32_t *words;
    mfn_t m;

    if (guest_frame_get_writable(d, gfn, &m))
        return;
    words = frame_virt(m);
    for (unsigned i = 0; i < 24; i++) {
        model_step();
        __atomic_fetch_xor(&words[i], rnd(2) ? 1U << (28 + rnd(4)) : rnd(64), __ATOMIC_RELAXED);
    }
    guest_frame_put_written(d, m);
}

static int op_fifo(struct domain *d)
{
    mfn_t m = any_frame(own_slot(), 0);

    switch (rnd(6)) {
    case 0:
        return fifo_set_priority(d, 1 + rnd(20), rnd(17));
    case 1:
        return fifo_expand(d, m.n);
    case 2:
    case 3:
        scribble(d, m.n);
        return 0;
    default:
        return fifo_control_block(d, rnd(VCPUS), m.n, 8 * rnd(500));
    }
}

static int op_port(struct vcpu *v)
{
    struct domain *d = v->domain, *other;
    evtchn_port_t port;
    int r = -ESRCH;

    switch (rnd(9)) {
    case 8:
        return op_fifo(d);
    case 0:
        return port_alloc_unbound(d, any_id(), &port);
    case 1:
        other = domain_get(any_id());
        if (other) {
            r = port_bind_interdomain(d, other, 1 + rnd(20), &port);
            domain_put(other);
        }
        return r;
    case 2:
        return port_bind_virq(d, VIRQ_TIMER, rnd(VCPUS), &port);
    case 3:
        return port_bind_ipi(d, rnd(VCPUS), &port);
    case 4:
        return rnd(20) ? port_close(d, 1 + rnd(20)) : ports_close_all(d, false);
    case 5:
        return port_bind_vcpu(d, 1 + rnd(20), rnd(VCPUS));
    case 6:
        return port_unmask(d, 1 + rnd(20));
    default:
        return port_send(d, 1 + rnd(20));
    }
}

static int op_timer(struct vcpu *v)
{
    struct vcpu *target = v->domain->vcpus[rnd(VCPUS)];
    struct timer *t = rnd(2) ? &target->periodic : &target->singleshot;

    switch (rnd(4)) {
    case 0:
        timer_stop(t);
        break;
    case 1:
        model_tick(1);
        timers_run();
        break;
    default:
        write_once(target->periodic_ns, rnd(3));
        timer_set(t, rnd(MODEL_CPUS), rnd(30) ? clock_now() + rnd(4) : UINT64_MAX - rnd(2));
    }
    return 0;
}

static struct operation {
    const char *name;
    int (*run)(struct vcpu *v);
    unsigned usual; /* how often, against the others */
    uint64_t tried, done;
    unsigned weight; /* in this run */
} operations[] = {
    { "pin", op_pin, 6, 0, 0, 0 },
    { "unpin", op_unpin, 4, 0, 0, 0 },
    { "mmu_update", op_mmu_update, 16, 0, 0, 0 },
    { "update_va", op_update_va, 8, 0, 0, 0 },
    { "emulated store", op_emulated_store, 3, 0, 0, 0 },
    { "kernel root", op_kernel_root, 2, 0, 0, 0 },
    { "user root", op_user_root, 2, 0, 0, 0 },
    { "switch root", op_switch_root, 4, 0, 0, 0 },
    { "use memory", op_use_memory, 20, 0, 0, 0 },
    { "fault", op_fault, 12, 0, 0, 0 },
    { "log of writes", op_log, 2, 0, 0, 0 },
    { "flush", op_flush, 1, 0, 0, 0 },
    { "reload", op_reload, 1, 0, 0, 0 },
    { "give back", op_give_back, 2, 0, 0, 0 },
    { "populate", op_populate, 4, 0, 0, 0 },
    { "grant", op_grant, 4, 0, 0, 0 },
    { "map", op_map, 8, 0, 0, 0 },
    { "unmap", op_unmap, 4, 0, 0, 0 },
    { "overwrite", op_overwrite, 4, 0, 0, 0 },
    { "copy", op_copy, 2, 0, 0, 0 },
    { "set_gdt", op_set_gdt, 2, 0, 0, 0 },
    { "descriptor", op_descriptor, 2, 0, 0, 0 },
    { "initialise", op_initialise, 2, 0, 0, 0 },
    { "port", op_port, 6, 0, 0, 0 },
    { "timer", op_timer, 6, 0, 0, 0 },
};

void guest_operates(struct vcpu *v)
{
    unsigned total = 0, pick;
    struct operation *o = operations;
    int r;

    for (unsigned i = 0; i < ARRAY_SIZE(operations); i++)
        total += operations[i].weight;
    for (pick = rnd(total); pick >= o->weight; o++)
        pick -= o->weight;
    if (!rnd(50))
        model_fail_allocation(1 + rnd(3));
    r = o->run(v);
    if (!rnd(10)) {
        model_tick(1);
        timers_run();
    }
    model_fail_allocation(0);
    __atomic_fetch_add(&o->tried, 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&o->done, r == 0, __ATOMIC_RELAXED);
}

void guests_report(void)
{
    for (unsigned i = 0; i < ARRAY_SIZE(operations); i++)
        fprintf(stderr, "model: %-16s %8lu tried %8lu done\n", operations[i].name,
                operations[i].tried, operations[i].done);
}

/* Each run has its own mixture: some operations not at all, some much more often. */
void guest_mix(void)
{
    static const unsigned times[] = { 0, 0, 0, 1, 1, 4, 15 };

    for (unsigned i = 0; i < ARRAY_SIZE(operations); i++)
        operations[i].weight = operations[i].usual * times[rnd(ARRAY_SIZE(times))];
    operations[0].weight += 1;
    focus = rnd(2) ? 0 : 1 + rnd(4);
    duel = !rnd(2);
}
