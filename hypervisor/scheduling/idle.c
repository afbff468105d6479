/* Interrupts are let in by the instruction right before HLT, so none slips in between. */
#include "scheduling/idle.h"
#include "lib/atomic.h"
#include "machine/clock.h"
#include "scheduling/deferred-work.h"
#include "scheduling/scheduler.h"

void idle_loop(void)
{
    struct cpu *cpu = this_cpu();

    if (!cpu->idle_since)
        cpu->idle_since = clock_now();
    for (;;) {
        deferred_work_run();
        if (read_once(cpu->called)) {
            cpu->called = false;
            idle_disturbed();
        }
        if (!read_once(cpu->deferred))
            __asm__ volatile("sti; hlt; cli" ::: "memory");
    }
}
