/*
 * Atomic operations on plain integers, all with full ordering, and the barriers.
 * A variable shared with a guest or another CPU without a lock is read by read_once, so the
 * compiler can neither repeat nor tear the access.
 */
#ifndef LIB_ATOMIC_H
#define LIB_ATOMIC_H

#include "lib/types.h"

/* Where a host test lets other CPUs in: before every operation on what they share. */
#ifdef HOST_MODEL
void model_step(void);
#else
#define model_step() ((void)0)
#endif

#define read_once(x)     (*(const volatile typeof(x) *)&(x))
#define write_once(x, v) (*(volatile typeof(x) *)&(x) = (v))

#define atomic_load(p)        (model_step(), __atomic_load_n(p, __ATOMIC_ACQUIRE))
#define atomic_store(p, v)    (model_step(), __atomic_store_n(p, v, __ATOMIC_RELEASE))
#define atomic_add(p, v)      (model_step(), __atomic_add_fetch(p, v, __ATOMIC_SEQ_CST))
#define atomic_sub(p, v)      (model_step(), __atomic_sub_fetch(p, v, __ATOMIC_SEQ_CST))
#define atomic_or(p, v)       (model_step(), __atomic_fetch_or(p, v, __ATOMIC_SEQ_CST))
#define atomic_and(p, v)      (model_step(), __atomic_fetch_and(p, v, __ATOMIC_SEQ_CST))
#define atomic_exchange(p, v) (model_step(), __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST))

/* True if *p was *expected and is now desired; else *expected holds what *p was. */
#define atomic_compare_exchange(p, expected, desired) \
    (model_step(),                                    \
     __atomic_compare_exchange_n(p, expected, desired, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))

#define memory_barrier()   __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define compiler_barrier() __asm__ volatile("" ::: "memory")

#endif
