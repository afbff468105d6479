/*
 * A machine of several CPUs, each with a TLB that forgets only when it is flushed: frames it may
 * write, and frames it takes for page tables.  It runs in one of two ways.
 *
 * Fibers in one host thread (machine.c): at every lock, atomic operation and preemption point of
 * the hypervisor's files, a seeded generator decides whether another one goes on.  One seed is one
 * run: it can be replayed.  At every step no entry of a TLB may contradict what its frame is used
 * as.
 *
 * Threads, a CPU each (threads.c), for ThreadSanitizer, which sees two accesses to the same place
 * with nothing that orders them, whatever came of them: a use of a frame through a TLB that was not
 * flushed, too.  A seed only varies a run.
 */
#ifndef MODEL_MODEL_H
#define MODEL_MODEL_H

#include "domain/domain.h"
#include "memory/page-table-entry.h"

#define MODEL_CPUS   5
#define MODEL_FRAMES 3072

/* Sets up memory and the generator, once a program and once a run. */
void model_memory_up(void);
void model_seed(uint64_t seed);
/* 0 to n - 1 */
uint32_t rnd(uint32_t n);

/* Has a CPU run `body` from the next model_run on; it returns soon after model_stopping(). */
void model_start(unsigned cpu, void (*body)(void));
/* Runs all CPUs for that many steps, and on until each body has returned. */
void model_run(uint64_t steps);
bool model_stopping(void);
extern uint64_t model_steps, model_walks, model_interrupted;

/* The running CPU loads a root, or none (0), as hardware does; and forgets its translations. */
void model_load(uint64_t root);
/* It loads a root of a vCPU; with `note`, as the hypervisor does. */
void model_load_root(const struct vcpu *v, bool user, bool note);
/* It accesses memory through its root: a random address of those the tables are built for. */
void model_touch(void);
/* It stores through a translation it has, if any. */
void model_store(uint64_t value);
/* Slots the tables of this model use at a level. */
unsigned model_index(unsigned level);

/* The running CPU is taken away for so many steps. */
void model_stall(uint32_t steps);
/* A CPU that does not run waits for an event; the model fails if none can happen any more. */
void model_wait(void);
/* The running CPU is in its guest: interrupts come in. */
void model_interrupts(void);
void model_fail(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* The n-th allocation of frames from now on by this CPU fails; 0: none. */
void model_fail_allocation(uint32_t n);

/* The clock goes on. */
void model_tick(uint64_t ns);

/* Seeds until so many steps are made, each from nothing to nothing: domains run, are destroyed and
 * made again; at rest, every `at_once` steps, everything is counted.  MODEL_STEPS and MODEL_SEED in
 * the environment replace `steps` and the first seed. */
void model_runs(uint64_t steps, uint64_t a_seed, uint64_t at_once);

#endif
