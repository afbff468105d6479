/*
 * Interrupt vectors and who handles them.  Handlers run with interrupts off, on the interrupted
 * CPU's stack, only out of guest mode, the idle loop or a preemption point: never inside another
 * piece of hypervisor code.
 */
#ifndef MACHINE_INTERRUPTS_H
#define MACHINE_INTERRUPTS_H

#include "lib/types.h"
#include "machine/per-cpu.h"

#define VECTOR_FIRST_DEVICE 0x30
#define VECTOR_LAST_DEVICE  0xef
#define VECTOR_TIMER        0xf0
#define VECTOR_KICK         0xf1 /* look at the deferred marks */
#define VECTOR_REMOTE       0xf2 /* answer another CPU's request */
#define VECTOR_STOP         0xf3 /* the machine is going down */
#define VECTOR_SPURIOUS     0xff

void interrupt_set_handler(unsigned vector, void (*handler)(unsigned vector));
/* A free device vector for use on all CPUs, or -ENOSPC. */
int vector_alloc(void);
void vector_free(unsigned vector);

void interrupt_dispatch(struct cpu_regs *regs);

/*
 * Lets pending interrupts in for a moment.  Only where no lock is held and nothing is half done.
 * True if there is something to do on the way out: time to return -ERESTART.
 */
bool preempt_point(void);

#endif
