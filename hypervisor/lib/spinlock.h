/*
 * Ticket locks: fair, no allocation.  The hypervisor runs with interrupts off, so a waiter must
 * itself answer other CPUs' requests (TLB flushes) or two CPUs could wait for each other for
 * ever: `cpu_wait_step`, which machine/ supplies, does so.
 */
#ifndef LIB_SPINLOCK_H
#define LIB_SPINLOCK_H

#include "lib/atomic.h"

struct spinlock {
    uint16_t next;
    uint16_t serving;
};

/* One step of any busy wait: pauses, and answers requests of other CPUs. */
void cpu_wait_step(void);

static inline void spin_lock(struct spinlock *lock)
{
    uint16_t ticket;

    model_step();
    ticket = __atomic_fetch_add(&lock->next, 1, __ATOMIC_RELAXED);
    while (unlikely(__atomic_load_n(&lock->serving, __ATOMIC_ACQUIRE) != ticket))
        cpu_wait_step();
}

static inline void spin_unlock(struct spinlock *lock)
{
    __atomic_store_n(&lock->serving, (uint16_t)(lock->serving + 1), __ATOMIC_RELEASE);
    model_step();
}

static inline bool spin_trylock(struct spinlock *lock)
{
    /* Who let it go last released `serving`, not `next`. */
    uint16_t serving = __atomic_load_n(&lock->serving, __ATOMIC_ACQUIRE), next = serving;

    return __atomic_compare_exchange_n(&lock->next, &next, (uint16_t)(serving + 1), false,
                                       __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

static inline bool spin_is_locked(const struct spinlock *lock)
{
    return read_once(lock->next) != read_once(lock->serving);
}

#endif
