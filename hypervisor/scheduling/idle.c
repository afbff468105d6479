/* Interrupts are let in by the instruction right before HLT, so none slips in between. */
#include "scheduling/idle.h"
#include "lib/atomic.h"
#include "machine/clock.h"
#include "machine/latency.h"
#include "scheduling/deferred-work.h"
#include "scheduling/scheduler.h"

void idle_loop(void)
{
    struct cpu *cpu = this_cpu();

    if (!cpu->idle_since)
        cpu->idle_since = clock_now();
    if (!cpu->closed_since)
        latency_begin_for(LATENCY_UNKNOWN); /* this CPU has just started */
    for (;;) {
        deferred_work_run();
        if (read_once(cpu->called)) {
            cpu->called = false;
            idle_disturbed();
        }
        if (!read_once(cpu->deferred)) {
            latency_end((uint64_t)idle_loop);
            __asm__ volatile("sti; hlt; cli" ::: "memory");
            latency_begin_for(LATENCY_UNKNOWN);
        }
    }
}

uint64_t cpu_idle_time(unsigned cpu)
{
    struct cpu *c = cpu_table[cpu];
    uint64_t since = read_once(c->idle_since);

    return c->idle_ns + (since ? clock_now() - since : 0);
}
