/*
 * Start: from the first C instruction to guest_main, as a list of calls.
 */
#include "pv-kernel/kernel.h"
#include "pv-kernel/clock.h"
#include "pv-kernel/console.h"
#include "pv-kernel/event-ports.h"
#include "pv-kernel/frames.h"
#include "pv-kernel/page-tables.h"
#include "pv-kernel/print.h"
#include "pv-kernel/traps.h"
#include "hypercall-abi/guest-stubs.h"
#include "hypercall-abi/mmu.h"
#include "hypercall-abi/sched.h"

struct start_info *start_info;
static void (*power_off_hook)(void);

/* Its address gets the hypervisor's frame mapped; the frame below it in our own memory is lost. */
static char shared_info_page[4096] __attribute__((aligned(4096)));
struct shared_info *shared_info = (struct shared_info *)shared_info_page;

void kernel_start(struct start_info *si);

bool kernel_is_initial_domain(void)
{
    return start_info->flags & SIF_INITDOMAIN;
}

void kernel_set_power_off_hook(void (*hook)(void))
{
    power_off_hook = hook;
}

void kernel_shutdown(unsigned int reason)
{
    struct sched_shutdown op = { .reason = reason };

    console_drain();
    if (reason == SHUTDOWN_poweroff && power_off_hook)
        power_off_hook();
    for (;;)
        hypercall_sched_op(SCHEDOP_shutdown, HYPERCALL_ARG(&op));
}

void kernel_panic(const char *format, ...)
{
    char line[256];
    va_list args;

    va_start(args, format);
    kvsnprintf(line, sizeof(line), format, args);
    va_end(args);
    kprintf("panic: %s\n", line);
    kernel_shutdown(SHUTDOWN_crash);
}

static void shared_info_map(void)
{
    if (hypercall_update_va_mapping(HYPERCALL_ARG(shared_info),
                                    start_info->shared_info | PTE_KERNEL, UVMF_INVLPG))
        kernel_panic("cannot map shared_info");
}

void kernel_start(struct start_info *si)
{
    start_info = si;
    console_early();
    shared_info_map();
    event_ports_start();
    traps_start();
    frames_start();
    clock_start();
    console_start();
    events_mask_restore(false);
    guest_main(si);
    kernel_shutdown(SHUTDOWN_poweroff);
}
