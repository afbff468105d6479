/*
 * Hello: the smallest guest of pv-kernel.  Prints what it was given, lets its clock run, and
 * powers off; the first thing to try on a hypervisor.
 */
#include "pv-kernel/clock.h"
#include "pv-kernel/event-ports.h"
#include "pv-kernel/frames.h"
#include "pv-kernel/kernel.h"
#include "pv-kernel/print.h"

static volatile int ticks;

static void timer_event(evtchn_port_t port, void *arg)
{
    (void)port;
    (void)arg;
    ticks++;
}

void guest_main(struct start_info *si)
{
    evtchn_port_t port;
    uint64_t start = clock_monotonic_ns();

    kprintf("hello: %s, %lu pages, %zu free, command line \"%s\"\n",
            kernel_is_initial_domain() ? "initial domain" : "guest", si->nr_pages,
            frames_free_count(), (const char *)si->cmd_line);
    kprintf("hello: time %lu ns, tsc %lu Hz\n", start, clock_tsc_hz());
    if (event_port_bind_virq(VIRQ_TIMER, &port)) {
        kprintf("hello: no timer\n");
        return;
    }
    event_port_set_handler(port, timer_event, NULL);
    for (int i = 1; i <= 3; i++) {
        events_mask_save(); /* a tick must not come between the look and the block */
        clock_set_timer(start + (uint64_t)i * 100000000);
        while (ticks < i) {
            events_block();
            events_mask_save();
        }
        events_mask_restore(false);
        kprintf("hello: tick %d after %lu ms\n", ticks, (clock_monotonic_ns() - start) / 1000000);
    }
    kprintf("hello: done\n");
}
