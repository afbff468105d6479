/* SYSCALL is two bytes long, as the hypercall page's other ways in are not restarted by length:
 * each of them ends in a SYSCALL too. */
#include "hypercalls/continuation.h"
#include "machine/per-cpu.h"

struct multicall_state multicall_states[MAX_CPUS];

int64_t continuation(unsigned number, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4,
                     uint64_t a5)
{
    struct cpu *cpu = this_cpu();
    struct multicall_state *m = &multicall_states[cpu->id];
    struct cpu_regs *regs = &cpu->frame;

    if (m->active) {
        m->preempted = true;
        m->args[0] = a1;
        m->args[1] = a2;
        m->args[2] = a3;
        m->args[3] = a4;
        m->args[4] = a5;
        return 0;
    }
    regs->rip -= 2;
    regs->rdi = a1;
    regs->rsi = a2;
    regs->rdx = a3;
    regs->r10 = a4;
    regs->r8 = a5;
    return number; /* becomes rax */
}
