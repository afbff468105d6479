/* The domains' lives: made, run by two CPUs each, destroyed by a controller. */
#include "model/guest.h"
#include <stdlib.h>
#include <string.h>
#include "guest-paging/paging.h"
#include "lib/atomic.h"
#include "lib/bits.h"
#include "lib/errno.h"
#include "lifecycle/create.h"
#include "lifecycle/destroy.h"
#include "machine/tlb.h"
#include "model/slots.h"
#include "scheduling/scheduler.h"

struct slot slots[2];

static void vcpu_operates(struct vcpu *v)
{
    unsigned me = this_cpu()->id;

    this_cpu()->vcpu = v;
    cpu_set_add_atomic(&v->domain->frames.cpus, me);
    model_load_root(v, false, true);
    while (!model_stopping() && !(atomic_load(&v->stopped) & VCPU_PAUSED)) {
        model_interrupts();
        guest_operates(v);
    }
    this_cpu()->vcpu = NULL;
    root_load(0);
    cpu_set_remove_atomic(&v->domain->frames.cpus, me);
}

/* A vCPU's life on its CPU.  Who stops it looks at `loaded` after setting `stopped`. */
static void vcpu_runs(struct vcpu *v)
{
    __atomic_store_n(&v->sched.loaded, true, __ATOMIC_SEQ_CST);
    if (!(__atomic_load_n(&v->stopped, __ATOMIC_SEQ_CST) & VCPU_PAUSED))
        vcpu_operates(v);
    atomic_store(&v->sched.loaded, false);
}

static void guest_cpu(void)
{
    unsigned cpu = this_cpu()->id;
    struct slot *s = &slots[cpu / 2];

    while (!model_stopping()) {
        __atomic_fetch_add(&s->inside, 1, __ATOMIC_SEQ_CST);
        if (__atomic_load_n(&s->ready, __ATOMIC_SEQ_CST))
            vcpu_runs(s->d->vcpus[cpu % 2]);
        __atomic_fetch_sub(&s->inside, 1, __ATOMIC_SEQ_CST);
        if (!model_stopping())
            model_wait();
    }
}

/* A domain with a small tree: one L4, one L3, one L2, two L1. */
static void tree_build(struct slot *s)
{
    static const unsigned at[] = { 5, 7, 0 };
    pte_t *table;

    for (unsigned level = 4; level > 1; level--) {
        table = frame_virt(s->pool[level - 1]);
        table[at[4 - level]] = pte_make(s->pool[level - 2], PTE_P | PTE_RW | PTE_US | PTE_A);
    }
    ((pte_t *)frame_virt(s->pool[1]))[1] = pte_make(s->pool[4], PTE_P | PTE_RW | PTE_US | PTE_A);
    for (unsigned i = 0; i < 3; i++)
        ((pte_t *)frame_virt(s->pool[0]))[i] =
            pte_make(s->pool[TABLES + i], PTE_P | PTE_RW | PTE_US | PTE_A);
}

static void pool_fill(struct slot *s)
{
    mfn_t m;

    for (unsigned i = 0; i < POOL; i++) {
        if (frame_owner_allocate(&s->d->frames, 0, 0, &m))
            model_fail("no memory for a domain");
        write_once(s->pool[i].n, m.n);
    }
}

static void slot_make(struct slot *s)
{
    struct xen_domctl_createdomain config = {
        .max_vcpus = VCPUS, .max_evtchn_port = 1023, .max_grant_frames = 1, .max_maptrack_frames = 2
    };
    struct vcpu_guest_context *c = calloc(1, sizeof(*c));
    domid_t id;
    int r = domain_id_choose(&id);

    if (!r)
        r = domain_create(id, &config, false, &s->d);
    if (r)
        model_fail("a domain cannot be made: %d", r);
    s->d->frames.limit = POOL + 10;
    pool_fill(s);
    tree_build(s);
    c->flags = VGCF_in_kernel;
    c->ctrlreg[3] = s->pool[3].n << PAGE_SHIFT;
    for (unsigned i = 0; i < 2; i++) {
        while ((r = vcpu_initialise(s->d->vcpus[i], c)) == -ERESTART)
            ;
        if (r)
            model_fail("a vCPU cannot be initialised: %d", r);
    }
    free(c);
    memset(s->mapping, 0, sizeof(s->mapping));
    memset(s->initialised, 0, sizeof(s->initialised));
    s->d = domain_get(id);
    /* Pinned, its L1s stay what they are, whatever becomes of the tree. */
    for (unsigned i = 0; i <= 4; i += 4)
        while (paging_pin(s->d, s->pool[i], 1) == -ERESTART)
            ;
    for (unsigned i = 0; i < 2; i++)
        vcpu_start(s->d->vcpus[i], VCPU_DOWN | VCPU_PAUSED);
    write_once(s->id, id);
    __atomic_store_n(&s->ready, true, __ATOMIC_SEQ_CST);
}

static void slot_destroy(struct slot *s)
{
    int r;

    write_once(s->id, 0);
    __atomic_store_n(&s->ready, false, __ATOMIC_SEQ_CST);
    do {
        r = domain_destroy(s->d);
    } while (r == -ERESTART);
    if (r)
        model_fail("a domain cannot be destroyed: %d", r);
    while (__atomic_load_n(&s->inside, __ATOMIC_SEQ_CST))
        model_wait();
    domain_put(s->d);
}

static void controller(void)
{
    struct slot *s;

    while (!model_stopping()) {
        for (unsigned i = rnd(12000); i && !model_stopping(); i--)
            model_wait();
        timers_run();
        s = &slots[rnd(2)];
        if (!model_stopping()) {
            slot_destroy(s);
            slot_make(s);
        }
    }
}

void guests_begin(void)
{
    slot_make(&slots[0]);
    slot_make(&slots[1]);
}

void guests_start(void)
{
    guest_mix();
    for (unsigned cpu = 0; cpu < 4; cpu++)
        model_start(cpu, guest_cpu);
    model_start(4, controller);
}

void guests_end(void)
{
    slot_destroy(&slots[0]);
    slot_destroy(&slots[1]);
}
