/*
 * Console: the initial domain writes and reads through the hypervisor (console_io,
 * VIRQ_CONSOLE); every other domain through the ring page its builder gave it.  The ring's
 * indices are the other side's to write, so what they claim is bounded by the ring's size.
 */
#include "pv-kernel/console.h"
#include "pv-kernel/clock.h"
#include "pv-kernel/event-ports.h"
#include "pv-kernel/frames.h"
#include "pv-kernel/kernel.h"
#include "pv-kernel/page-tables.h"
#include "hypercall-abi/errno.h"
#include "hypercall-abi/guest-stubs.h"
#include "hypercall-abi/paravane.h"
#include "hypercall-abi/rings/console.h"
#include "hypercall-abi/sched.h"
#include "hypercall-abi/version.h"

#define barrier() __asm__ volatile("" : : : "memory")

static struct xencons_interface *ring; /* NULL: the hypervisor's console */
static evtchn_port_t ring_port;
static void (*input_hook)(void *arg);
static void *input_hook_arg;

static void hypervisor_write(const char *text, size_t length)
{
    hypercall_console_io(CONSOLEIO_write, length, HYPERCALL_ARG(text));
}

static void ring_put(char c)
{
    volatile struct xencons_interface *r = ring;
    uint32_t produced = r->out_prod;

    while (produced - r->out_cons >= sizeof(r->out)) {
        event_port_notify(ring_port);
        hypercall_sched_op(SCHEDOP_yield, 0);
    }
    r->out[produced % sizeof(r->out)] = c;
    barrier();
    r->out_prod = produced + 1;
}

void console_write(const char *text, size_t length)
{
    if (!ring) {
        hypervisor_write(text, length);
        return;
    }
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '\n')
            ring_put('\r');
        ring_put(text[i]);
    }
    event_port_notify(ring_port);
}

void console_drain(void)
{
    volatile struct xencons_interface *r = ring;
    uint64_t limit = clock_monotonic_ns() + 2000000000;

    while (r && r->out_cons != r->out_prod && clock_monotonic_ns() < limit)
        hypercall_sched_op(SCHEDOP_yield, 0);
}

int console_scroll(int half_screens)
{
    struct paravane_screen_scroll op = { .half_screens = half_screens };
    int64_t result;

    if (!kernel_is_initial_domain())
        return -XEN_ENODEV;
    result = hypercall_paravane_op(PARAVANEOP_screen_scroll, HYPERCALL_ARG(&op));
    return result ? (int)result : (int)op.lines_back;
}

static int hypervisor_take(void)
{
    static char buffer[64];
    static size_t have, next;

    if (next == have) {
        int64_t n = hypercall_console_io(CONSOLEIO_read, sizeof(buffer), HYPERCALL_ARG(buffer));

        next = 0;
        have = n > 0 && (size_t)n <= sizeof(buffer) ? (size_t)n : 0;
    }
    return next < have ? (unsigned char)buffer[next++] : -1;
}

int console_take(void)
{
    volatile struct xencons_interface *r = ring;
    uint32_t consumed;
    char c;

    if (!ring)
        return kernel_is_initial_domain() ? hypervisor_take() : -1;
    consumed = r->in_cons;
    if (consumed == r->in_prod)
        return -1;
    barrier();
    c = r->in[consumed % sizeof(r->in)];
    barrier();
    r->in_cons = consumed + 1;
    event_port_notify(ring_port);
    return (unsigned char)c;
}

void console_set_input_hook(void (*hook)(void *arg), void *arg)
{
    bool was = events_mask_save();

    input_hook = hook;
    input_hook_arg = arg;
    events_mask_restore(was);
}

static void console_event(evtchn_port_t port, void *arg)
{
    (void)port;
    (void)arg;
    if (input_hook)
        input_hook(input_hook_arg);
}

void console_early(void)
{
    uint64_t mfn;

    if (kernel_is_initial_domain())
        return;
    mfn = start_info->console.domU.mfn;
    ring_port = start_info->console.domU.evtchn;
    if (!mfn)
        return;
    /* The builder mapped it with the rest of our memory: find the pfn that has this frame. */
    for (uint64_t pfn = 0; pfn < start_info->nr_pages; pfn++) {
        if (frames_pfn_to_mfn(pfn) == mfn) {
            ring = (struct xencons_interface *)(pfn << PAGE_SHIFT);
            return;
        }
    }
}

void console_start(void)
{
    evtchn_port_t port = ring_port;

    if (!ring && (!kernel_is_initial_domain() || event_port_bind_virq(VIRQ_CONSOLE, &port)))
        return;
    event_port_set_handler(port, console_event, NULL);
}
