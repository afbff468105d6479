/* What a CPU does with nothing to do: answer marks, halt. */
#ifndef SCHEDULING_IDLE_H
#define SCHEDULING_IDLE_H

#include "machine/per-cpu.h"

/* Starts the idle loop on an empty stack. */
void idle_loop_reset(struct cpu *cpu) __attribute__((noreturn));
/* The loop itself; entered by idle_loop_reset only. */
void idle_loop(void) __attribute__((noreturn));
/* Nanoseconds a CPU had nothing to do. */
uint64_t cpu_idle_time(unsigned cpu);

#endif
