/* Timers first: they may wake somebody; the choice of who runs comes last. */
#include "scheduling/deferred-work.h"
#include "lib/atomic.h"
#include "lib/log.h"
#include "machine/interrupts.h"
#include "machine/latency.h"
#include "machine/machine-check.h"
#include "machine/nmi.h"
#include "machine/per-cpu.h"
#include "machine/remote.h"
#include "machine/screen.h"
#include "machine/timer.h"
#include "scheduling/disturbance.h"
#include "scheduling/scheduler.h"

static void (*finish_hook)(void);

void deferred_finish_set(void (*finish)(void))
{
    finish_hook = finish;
}

/* A piece at a time: interrupts come in, and other marks have their turn. */
static void draw_some(void)
{
    if (!screen_draw(latency_is_due))
        return;
    atomic_or(&this_cpu()->deferred, DEFERRED_SCREEN);
    preempt_point();
}

void deferred_work_run(void)
{
    struct cpu *cpu = this_cpu();
    uint32_t marks;

    while (read_once(cpu->deferred)) {
        /* Other CPUs may set marks as fast as we take them. */
        if (unlikely(latency_is_due()))
            (void)!preempt_point();
        marks = atomic_exchange(&cpu->deferred, 0);
        if (unlikely(marks & DEFERRED_PARK))
            cpu_stay_parked();
        if (unlikely(marks & DEFERRED_NMI))
            log_warning("NMI on CPU %u: %s", cpu->id, nmi_cause());
        if (unlikely(marks & DEFERRED_CHECK))
            machine_check_tell();
        if (marks & DEFERRED_TIMERS)
            timers_run();
        if (unlikely(marks & DEFERRED_SCREEN))
            draw_some();
        if (unlikely(marks & DEFERRED_CHARGE))
            disturbance_charge();
        if ((marks & DEFERRED_FINISH) && cpu->vcpu)
            finish_hook();
        if (marks & DEFERRED_SCHEDULE) {
            /* What the switch leaves behind must not be lost: schedule() does not return. */
            schedule();
        }
    }
}
