/* The vector table; device vectors are the same on every CPU. */
#include "machine/interrupts.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lib/spinlock.h"
#include "machine/lapic.h"
#include "machine/latency.h"

static void (*handlers[256])(unsigned);
/* Guards in_use; a leaf. */
static struct spinlock vector_lock;
static uint8_t in_use[256];

void interrupt_set_handler(unsigned vector, void (*handler)(unsigned vector))
{
    handlers[vector] = handler;
}

int vector_alloc(void)
{
    int found = -ENOSPC;

    spin_lock(&vector_lock);
    /* Spread over the priority classes of 16, as older APICs queue two per class. */
    for (unsigned i = 0; i < 192 && found < 0; i++) {
        unsigned v = VECTOR_FIRST_DEVICE + (i % 12) * 16 + i / 12;

        if (!in_use[v]) {
            in_use[v] = 1;
            found = (int)v;
        }
    }
    spin_unlock(&vector_lock);
    return found;
}

void vector_free(unsigned vector)
{
    spin_lock(&vector_lock);
    in_use[vector] = 0;
    handlers[vector] = NULL;
    spin_unlock(&vector_lock);
}

void interrupt_dispatch(struct cpu_regs *regs)
{
    unsigned vector = regs->vector;

    if (vector == VECTOR_SPURIOUS)
        return;
    if (handlers[vector])
        handlers[vector](vector);
    else
        lapic_eoi();
}

bool preempt_point(void)
{
    struct cpu *cpu = this_cpu();
    uint32_t entry = cpu->closed_for;

    latency_end((uint64_t)__builtin_return_address(0));
    __asm__ volatile("sti; nop; cli" ::: "memory");
    latency_begin_for(entry); /* what came in had stretches of its own */
    return *(volatile uint32_t *)&cpu->deferred != 0;
}
