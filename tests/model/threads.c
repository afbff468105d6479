/*
 * A CPU is a thread.  Nothing here orders two CPUs but what the hypervisor's files do themselves:
 * the counters are relaxed, each thread draws its own random numbers.
 */
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "lib/atomic.h"
#include "lib/bits.h"
#include "lib/spinlock.h"
#include "machine/interrupts.h"
#include "machine/remote.h"
#include "machine/tlb.h"
#include "memory/frame-allocator.h"
#include "model/common.h"
#include "model/cpu-sets.h"
#include "model/tlb.h"

#define COUNT_AT_ONCE 64 /* steps a thread makes before it adds them to the sum */
#define PATIENCE      20 /* seconds without a step of anybody's: nobody will ever go on */

struct thread {
    pthread_t id;
    void (*body)(void);
    uint64_t state, steps, interrupted;
    uint32_t fail_allocation; /* the n-th from now on; 0: none */
    uint64_t asked;           /* CPUs that wait for its flush, as bits */
};

uint64_t model_steps, model_interrupted;

static struct thread threads[MODEL_CPUS];
static struct thread the_test;
static _Thread_local struct thread *self = &the_test;
static uint64_t end_of_run, seed_used;
static uint64_t idle_steps; /* waited for somebody: they end a run, but are no sign of life */
static bool stopping;
static struct spinlock call_lock; /* of what is to be done on the CPUs of call_pending */
static void (*call_fn)(uint64_t);
static uint64_t call_argument, call_pending;
static unsigned running; /* threads whose body has not returned */

static uint64_t all_steps(void)
{
    return __atomic_load_n(&model_steps, __ATOMIC_RELAXED);
}

void model_fail(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fprintf(stderr, "model: seed %lu, step %lu, CPU %d: ", seed_used, all_steps(),
            self == &the_test ? -1 : (int)(self - threads));
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    abort();
}

uint32_t rnd(uint32_t n)
{
    return random_next(&self->state, n);
}

void model_seed(uint64_t seed)
{
    seed_used = seed;
    the_test.state = random_start(seed);
}

void model_start(unsigned cpu, void (*body)(void))
{
    threads[cpu].body = body;
    threads[cpu].state = random_start(rnd(UINT32_MAX));
}

/* The running CPU does what others asked of it, and only then says so. */
void model_interrupts(void)
{
    uint64_t who = __atomic_load_n(&self->asked, __ATOMIC_ACQUIRE);

    if (who) {
        tlb_note_flush();
        tlb_empty(&model_tlbs[this_cpu()->id]);
        __atomic_fetch_and(&self->asked, ~who, __ATOMIC_RELEASE);
    }
    if (__atomic_load_n(&call_pending, __ATOMIC_ACQUIRE) & BIT(this_cpu()->id)) {
        call_fn(call_argument);
        __atomic_fetch_and(&call_pending, ~BIT(this_cpu()->id), __ATOMIC_RELEASE);
    }
}

/* A CPU that has nothing to do any more still answers. */
static void *thread_main(void *thread)
{
    self = thread;
    self->body();
    __atomic_fetch_sub(&running, 1, __ATOMIC_RELAXED);
    while (__atomic_load_n(&running, __ATOMIC_RELAXED)) {
        model_interrupts();
        sched_yield();
    }
    return NULL;
}

/* Waits for a thread as long as any of them makes steps. */
static void join(struct thread *t)
{
    uint64_t before;
    struct timespec until;

    do {
        before = all_steps();
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += PATIENCE;
        if (!pthread_timedjoin_np(t->id, NULL, &until))
            return;
    } while (all_steps() != before);
    model_fail("everybody waits for somebody else");
}

void model_run(uint64_t steps)
{
    end_of_run = model_steps + steps;
    idle_steps = model_steps;
    stopping = false;
    running = MODEL_CPUS;
    for (unsigned i = 0; i < MODEL_CPUS; i++)
        if (pthread_create(&threads[i].id, NULL, thread_main, &threads[i]))
            model_fail("no thread");
    for (unsigned i = 0; i < MODEL_CPUS; i++) {
        join(&threads[i]);
        model_interrupted += threads[i].interrupted;
        threads[i].interrupted = 0;
    }
}

bool model_stopping(void)
{
    return __atomic_load_n(&stopping, __ATOMIC_RELAXED);
}

static void count(uint64_t *sum)
{
    uint64_t n = __atomic_add_fetch(sum, COUNT_AT_ONCE, __ATOMIC_RELAXED);

    if (n >= end_of_run)
        __atomic_store_n(&stopping, true, __ATOMIC_RELAXED);
}

/* Two CPUs of the host stand for five: who yields here lets another in between two steps. */
void model_step(void)
{
    if (self == &the_test)
        return;
    if (++self->steps % COUNT_AT_ONCE == 0)
        count(&model_steps);
    if (!rnd(40))
        sched_yield();
    else if (!rnd(8))
        for (uint32_t i = rnd(100); i; i--)
            __builtin_ia32_pause();
}

void model_stall(uint32_t steps)
{
    for (uint32_t i = 0; i < steps / 100 && self != &the_test; i++)
        sched_yield();
}

void cpu_wait_step(void)
{
    if (self != &the_test && ++self->steps % COUNT_AT_ONCE == 0)
        count(&idle_steps);
    model_interrupts();
    sched_yield();
}

void remote_answer(void)
{
    model_interrupts();
}

void model_wait(void)
{
    cpu_wait_step();
}

bool preempt_point(void)
{
    bool work;

    model_step();
    model_interrupts();
    work = self != &the_test && !rnd(3);
    self->interrupted += work;
    return work;
}

struct cpu *this_cpu(void)
{
    return &model_cpus[self == &the_test ? 0 : self - threads];
}

void model_fail_allocation(uint32_t n)
{
    self->fail_allocation = n;
}

/* Copies between guests' frames: what their owners write there meanwhile is for them to order. */
void *__wrap_memmove(void *to, const void *from, size_t n);
void *__wrap_memmove(void *to, const void *from, size_t n)
{
    for (size_t i = 0; i < n; i++)
        write_once(((uint8_t *)to)[i], read_once(((const uint8_t *)from)[i]));
    return to;
}

/* Asks, and waits; others may ask meanwhile.  Without threads nobody has anything in a TLB. */
void tlb_flush_cpus(const struct cpu_set *cpus)
{
    uint64_t me = BIT(this_cpu()->id);
    struct cpu_set targets;

    cpu_set_copy(&targets, cpus);
    for_each_cpu(id, &targets) {
        if (self == &the_test)
            atomic_store(&model_cpus[id].flush_seen, atomic_add(&tlb_clock, 1));
        else
            __atomic_fetch_or(&threads[id].asked, me, __ATOMIC_RELEASE);
    }
    for_each_cpu(id, &targets)
        while (self != &the_test && __atomic_load_n(&threads[id].asked, __ATOMIC_ACQUIRE) & me)
            cpu_wait_step();
}

void remote_call(const struct cpu_set *cpus, void (*fn)(uint64_t), uint64_t argument)
{
    uint64_t others = cpus_in(cpus) & ~BIT(this_cpu()->id);

    if (self != &the_test) {
        spin_lock(&call_lock);
        call_fn = fn;
        call_argument = argument;
        __atomic_store_n(&call_pending, others, __ATOMIC_RELEASE);
        while (__atomic_load_n(&call_pending, __ATOMIC_ACQUIRE))
            sched_yield();
        spin_unlock(&call_lock);
    }
    fn(argument);
}

mfn_t __real_frames_allocate(unsigned order, unsigned address_bits, bool cleared);
mfn_t __wrap_frames_allocate(unsigned order, unsigned address_bits, bool cleared);
mfn_t __wrap_frames_allocate(unsigned order, unsigned address_bits, bool cleared)
{
    mfn_t m;

    if (self->fail_allocation && !--self->fail_allocation)
        return MFN_NONE;
    m = __real_frames_allocate(order, address_bits, cleared);
    if (cleared && !mfn_is_none(m))
        model_check_clear(m, order);
    return m;
}
