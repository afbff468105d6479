/* Fibers and TLBs. */
#include <sanitizer/common_interface_defs.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include "lib/errno.h"
#include "machine/interrupts.h"
#include "machine/remote.h"
#include "machine/tlb.h"
#include "memory/frame-allocator.h"
#include "memory/frame-references.h"
#include "model/common.h"
#include "model/tlb.h"

#define STACK    (256 * 1024)
#define PATIENCE 2000000 /* waiting steps without any other: nobody will ever go on */

struct fiber {
    ucontext_t context;
    void *stack, *shadow;
    void (*body)(void);
    bool live;
    uint64_t frozen_until;    /* a step; as if an emulator below had taken this CPU away */
    uint32_t fail_allocation; /* the n-th from now on; 0: none */
};

uint64_t model_steps, model_interrupted;

static struct fiber fibers[MODEL_CPUS];
static int current = -1; /* -1: the test itself */
static ucontext_t main_context;
static void *main_shadow;
static const void *main_stack;
static size_t main_stack_size;
static uint64_t state, end_of_run, seed_used;
static bool stopping;
static bool answering; /* for another fiber: nobody else comes in */
static unsigned waited;

void model_fail(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fprintf(stderr, "model: seed %lu, step %lu, CPU %d: ", seed_used, model_steps, current);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    abort();
}

uint32_t rnd(uint32_t n)
{
    return random_next(&state, n);
}

void model_seed(uint64_t seed)
{
    seed_used = seed;
    state = random_start(seed);
}

/* Fibers */

static void arrived(void *shadow)
{
    const void *from;
    size_t size;

    __sanitizer_finish_switch_fiber(shadow, &from, &size);
    if (!main_stack) {
        main_stack = from;
        main_stack_size = size;
    }
}

static void switch_to(int to)
{
    int from = current;
    ucontext_t *old = from < 0 ? &main_context : &fibers[from].context;
    void **shadow = from < 0 ? &main_shadow : &fibers[from].shadow;

    current = to;
    __sanitizer_start_switch_fiber(from >= 0 && !fibers[from].live ? NULL : shadow,
                                   to < 0 ? main_stack : fibers[to].stack,
                                   to < 0 ? main_stack_size : STACK);
    swapcontext(old, to < 0 ? &main_context : &fibers[to].context);
    arrived(from < 0 ? main_shadow : fibers[from].shadow);
}

static int live_one(bool even_frozen)
{
    unsigned first = rnd(MODEL_CPUS);

    for (unsigned i = 0; i < MODEL_CPUS; i++) {
        int n = (int)((first + i) % MODEL_CPUS);

        if (n != current && fibers[n].live && (even_frozen || fibers[n].frozen_until < model_steps))
            return n;
    }
    return -1;
}

/* Another live CPU, or the running one if there is none; -1 if none is live. */
static int somebody_else(void)
{
    int n = live_one(waited > 1000); /* perhaps all wait for the frozen one */

    if (n >= 0)
        return n;
    return current >= 0 && fibers[current].live ? current : live_one(true);
}

static void fiber_main(void)
{
    arrived(NULL);
    fibers[current].body();
    fibers[current].live = false;
    switch_to(somebody_else());
    abort();
}

void model_start(unsigned cpu, void (*body)(void))
{
    struct fiber *f = &fibers[cpu];

    f->body = body;
    f->live = true;
    f->shadow = NULL;
    if (!f->stack)
        f->stack = malloc(STACK);
    getcontext(&f->context);
    f->context.uc_stack.ss_sp = f->stack;
    f->context.uc_stack.ss_size = STACK;
    f->context.uc_link = NULL;
    makecontext(&f->context, fiber_main, 0);
}

void model_run(uint64_t steps)
{
    end_of_run = model_steps + steps;
    stopping = false;
    waited = 0;
    if (somebody_else() >= 0)
        switch_to(somebody_else());
}

bool model_stopping(void)
{
    return stopping;
}

/* TLBs */

/* Whether an entry lets a CPU do to a frame what its present use forbids. */
static bool contradicts(const struct tlb_entry *e, uint32_t type)
{
    if (!(type & TYPE_COUNT))
        return false;
    if (e->kind == TLB_WRITE)
        return level_of_type(type) || (type & TYPE_MASK) == TYPE_DESCRIPTOR;
    return level_of_type(type) != e->level;
}

static void tlb_check(mfn_t only)
{
    for (unsigned i = 0; i < MODEL_CPUS; i++)
        for (unsigned k = 0; k < TLB_ENTRIES; k++) {
            const struct tlb_entry *e = &model_tlbs[i].entry[k];
            uint32_t type = e->kind ? frame_of(e->frame)->type : 0;

            if (!e->kind || (!mfn_is_none(only) && e->frame.n != only.n))
                continue;
            /* A claim that has not been handed out yet may still be flushing. */
            if (mfn_is_none(only) && !(type & TYPE_VALIDATED))
                continue;
            if (contradicts(e, type))
                model_fail("CPU %u may still use frame %lx as %s, its type word is %x", i,
                           e->frame.n, e->kind == TLB_WRITE ? "writable" : "a table", type);
        }
}

void model_step(void)
{
    int next;

    if (current < 0 || answering)
        return;
    waited = 0;
    if (++model_steps >= end_of_run)
        stopping = true;
    if (model_steps % 8 == 0) /* what is wrong stays so until a flush */
        tlb_check(MFN_NONE);
    if (!rnd(300))
        fibers[current].frozen_until = model_steps + rnd(80);
    if (!rnd(5000))
        fibers[current].frozen_until = model_steps + rnd(rnd(2) ? 300 : 20000);
    if ((!rnd(3) || fibers[current].frozen_until > model_steps) &&
        (next = somebody_else()) != current)
        switch_to(next);
}

void model_stall(uint32_t steps)
{
    if (current < 0)
        return;
    fibers[current].frozen_until = model_steps + steps;
    model_step();
}

void remote_answer(void)
{
    model_step();
}

void cpu_wait_step(void)
{
    int next = somebody_else();

    if (++waited > PATIENCE || (next == current && live_one(true) < 0))
        model_fail("everybody waits for somebody else");
    if (++model_steps >= end_of_run)
        stopping = true;
    if (next != current)
        switch_to(next);
}

void model_wait(void)
{
    cpu_wait_step();
}

void model_interrupts(void)
{
    /* The fibers' flushes ask nobody. */
}

bool preempt_point(void)
{
    bool work;

    model_step();
    work = current >= 0 && !rnd(3);
    model_interrupted += work;
    return work;
}

struct cpu *this_cpu(void)
{
    return &model_cpus[current < 0 ? 0 : current];
}

void model_fail_allocation(uint32_t n)
{
    fibers[current].fail_allocation = n;
}

/* Each target flushes at some moment before the call is over. */
void tlb_flush_cpus(const struct cpu_set *cpus)
{
    struct cpu_set asked;
    int me = current;

    cpu_set_copy(&asked, cpus);
    for_each_cpu(id, &asked) {
        if (!rnd(8))
            model_stall(rnd(200));
        model_step();
        current = (int)id;
        __atomic_store_n(&model_cpus[id].flush_seen,
                         __atomic_add_fetch(&tlb_clock, 1, __ATOMIC_SEQ_CST), __ATOMIC_SEQ_CST);
        tlb_empty(&model_tlbs[id]);
        current = me;
    }
}

/* As flushes: each does it at some moment before the call is over. */
void remote_call(const struct cpu_set *cpus, void (*fn)(uint64_t), uint64_t argument)
{
    struct cpu_set asked;
    int me = current;

    cpu_set_copy(&asked, cpus);
    for_each_cpu(id, &asked) {
        model_step();
        current = (int)id;
        answering = true;
        fn(argument);
        answering = false;
        current = me;
    }
}

/* What is checked at the moment a frame is handed out. */

int __real_frame_type_claim(mfn_t m, uint32_t type);
int __wrap_frame_type_claim(mfn_t m, uint32_t type);
int __wrap_frame_type_claim(mfn_t m, uint32_t type)
{
    int r = __real_frame_type_claim(m, type);

    if (r == 0 || r == -EAGAIN)
        tlb_check(m);
    return r;
}

mfn_t __real_frames_allocate(unsigned order, unsigned address_bits, bool cleared);
mfn_t __wrap_frames_allocate(unsigned order, unsigned address_bits, bool cleared);
mfn_t __wrap_frames_allocate(unsigned order, unsigned address_bits, bool cleared)
{
    mfn_t m;

    if (current >= 0 && fibers[current].fail_allocation && !--fibers[current].fail_allocation)
        return MFN_NONE;
    m = __real_frames_allocate(order, address_bits, cleared);
    for (unsigned i = 0; i < MODEL_CPUS && !mfn_is_none(m); i++)
        for (unsigned k = 0; k < TLB_ENTRIES; k++) {
            const struct tlb_entry *e = &model_tlbs[i].entry[k];

            if (e->kind && e->frame.n >= m.n && e->frame.n < m.n + (1UL << order))
                model_fail("frame %lx is given out while CPU %u can still reach it", e->frame.n, i);
        }
    if (cleared && !mfn_is_none(m))
        model_check_clear(m, order);
    return m;
}
