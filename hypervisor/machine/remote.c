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
/* CPUs that have yet to answer; a target clears its bit last. */
static uint64_t call_pending;

void remote_answer(void)
{
    uint64_t me = BIT(this_cpu()->id);

    if (!(atomic_load(&call_pending) & me))
        return;
    call_fn(call_argument);
    this_cpu()->called = true;
    atomic_and(&call_pending, ~me);
}

void cpu_wait_step(void)
{
    remote_answer();
    cpu_pause();
}

void remote_call(uint64_t mask, void (*fn)(uint64_t), uint64_t argument)
{
    uint64_t me = BIT(this_cpu()->id), others = mask & cpus_online_mask & ~me;

    if (others) {
        spin_lock(&call_lock);
        call_fn = fn;
        call_argument = argument;
        atomic_store(&call_pending, others);
        for_each_cpu(id, others)
            lapic_send(cpu_table[id]->apic_id, VECTOR_REMOTE);
    }
    if (mask & me)
        fn(argument);
    if (others) {
        while (atomic_load(&call_pending))
            cpu_pause(); /* nobody can call us: the slot is ours */
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

/* One who parks others at a time. */
static struct spinlock park_lock;
static uint64_t park_wanted, parked;

int cpus_park(void)
{
    uint64_t others;

    if (!spin_trylock(&park_lock))
        return -ERESTART;
    others = cpus_online_mask & ~BIT(this_cpu()->id);
    atomic_store(&park_wanted, others);
    for_each_cpu(id, others)
        cpu_defer((unsigned)id, DEFERRED_PARK);
    while (atomic_load(&parked) != others)
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
    uint64_t me = BIT(this_cpu()->id);

    atomic_or(&parked, me);
    while (atomic_load(&park_wanted) & me)
        cpu_wait_step();
    atomic_and(&parked, ~me);
    latency_begin();
}

void remote_stop_all(void)
{
    for_each_cpu(id, cpus_online_mask & ~BIT(this_cpu()->id))
        lapic_send(cpu_table[id]->apic_id, VECTOR_STOP);
}

void remote_init(void)
{
    interrupt_set_handler(VECTOR_REMOTE, remote_interrupt);
    interrupt_set_handler(VECTOR_KICK, kick_interrupt);
    interrupt_set_handler(VECTOR_STOP, stop_interrupt);
}
