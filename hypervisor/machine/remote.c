/*
 * Requests between CPUs.  One requester at a time owns the call slot; targets answer from the
 * IPI, or from whatever they are waiting for (cpu_wait_step).
 */
#include "machine/remote.h"
#include "lib/atomic.h"
#include "lib/bits.h"
#include "lib/errno.h"
#include "lib/spinlock.h"
#include "machine/interrupts.h"
#include "machine/lapic.h"
#include "machine/latency.h"
#include "machine/per-cpu.h"
#include "machine/registers.h"

/* Guards the call slot; taken while holding any lock but the log's. */
static struct spinlock call_lock;
static void (*call_fn)(uint64_t);
static uint64_t call_argument;
/* CPUs that have yet to answer.  The slot's owner alone sets bits, after what they are to do; a
 * target clears its own last.  So a word that was seen empty stays so until the next request. */
static struct cpu_set call_pending;

void remote_answer(void)
{
    unsigned me = this_cpu()->id;

    if (!cpu_set_has(&call_pending, me))
        return;
    call_fn(call_argument);
    this_cpu()->called = true;
    cpu_set_remove_atomic(&call_pending, me);
}

void cpu_wait_step(void)
{
    remote_answer();
    cpu_pause();
}

static void ask(const struct cpu_set *others, void (*fn)(uint64_t), uint64_t argument)
{
    call_fn = fn;
    call_argument = argument;
    for (unsigned w = 0; w < cpu_words; w++)
        atomic_store(&call_pending.word[w], others->word[w]);
    for_each_cpu(id, others)
        lapic_send(cpu_table[id]->apic_id, VECTOR_REMOTE);
}

static void wait_for_answers(void)
{
    for (unsigned w = 0; w < cpu_words; w++)
        while (atomic_load(&call_pending.word[w]))
            cpu_pause(); /* nobody can call us: the slot is ours */
}

void remote_call(const struct cpu_set *cpus, void (*fn)(uint64_t), uint64_t argument)
{
    unsigned me = this_cpu()->id;
    struct cpu_set others;
    bool here, elsewhere;

    cpu_set_copy(&others, cpus);
    cpu_set_intersect(&others, &cpus_online);
    here = cpu_set_has(&others, me);
    cpu_set_remove(&others, me);
    elsewhere = !cpu_set_is_empty(&others);
    if (elsewhere) {
        spin_lock(&call_lock);
        ask(&others, fn, argument);
    }
    if (here)
        fn(argument);
    if (elsewhere) {
        wait_for_answers();
        spin_unlock(&call_lock);
    }
}

static void remote_interrupt(unsigned vector maybe_unused)
{
    lapic_eoi();
    remote_answer();
}

static void kick_interrupt(unsigned vector maybe_unused)
{
    lapic_eoi();
}

static void stop_interrupt(unsigned vector maybe_unused)
{
    for (;;)
        __asm__ volatile("cli; hlt");
}

void remote_kick(unsigned cpu)
{
    lapic_send(cpu_table[cpu]->apic_id, VECTOR_KICK);
}

void cpu_defer(unsigned cpu, uint32_t marks)
{
    uint32_t old = atomic_or(&cpu_table[cpu]->deferred, marks);

    if (cpu != this_cpu()->id && (old & marks) != marks)
        remote_kick(cpu);
}

/* One who parks all others at a time. */
static struct spinlock park_lock;
static uint32_t park_wanted, parked; /* whether, and how many are */

int cpus_park(void)
{
    if (!spin_trylock(&park_lock))
        return -ERESTART;
    atomic_store(&park_wanted, 1);
    for (unsigned id = 0; id < cpu_count; id++)
        if (id != this_cpu()->id)
            cpu_defer(id, DEFERRED_PARK);
    while (atomic_load(&parked) != cpu_count - 1)
        cpu_wait_step();
    return 0;
}

void cpus_unpark(void)
{
    atomic_store(&park_wanted, 0);
    while (atomic_load(&parked))
        cpu_wait_step();
    spin_unlock(&park_lock);
    latency_begin(); /* standing still was asked for */
}

void cpu_stay_parked(void)
{
    atomic_add(&parked, 1);
    while (atomic_load(&park_wanted))
        cpu_wait_step();
    atomic_sub(&parked, 1);
    latency_begin();
}

void remote_stop_all(void)
{
    for_each_cpu(id, &cpus_online)
        if (id != this_cpu()->id)
            lapic_send(cpu_table[id]->apic_id, VECTOR_STOP);
}

void remote_init(void)
{
    interrupt_set_handler(VECTOR_REMOTE, remote_interrupt);
    interrupt_set_handler(VECTOR_KICK, kick_interrupt);
    interrupt_set_handler(VECTOR_STOP, stop_interrupt);
}
