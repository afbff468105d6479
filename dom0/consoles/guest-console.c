/*
 * One guest's console.  See guest-console.h.
 *
 * The ring's four indices lie in the guest's page: our two are kept here and only written
 * there, the guest's two are read once and checked.  Barriers as in xenstore/ring-copy.c.
 */
#include "consoles/guest-console.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consoles/console-log.h"
#include "libc/libc.h"
#include "pv-kernel/foreign-frames.h"
#include "tasks/terminal.h"

static void (*rang_hook)(struct guest_console *);

static void on_typed(void *argument)
{
    rang_hook(argument);
}

static void on_event(evtchn_port_t port, void *argument)
{
    (void)port;
    rang_hook(argument);
}

/* What it stands on: page, port, terminal.  0 or -errno, and then nothing is held. */
static int attach(struct guest_console *console, uint64_t gfn, uint32_t port)
{
    domid_t domid = (domid_t)console->domid;
    char name[TERMINAL_NAME];
    void *page;
    int error = foreign_frames_map(domid, &gfn, 1, true, &page);

    if (error)
        return error;
    error = event_port_bind_interdomain(domid, port, &console->port);
    if (!error) {
        snprintf(name, sizeof(name), GUEST_TERMINAL, (unsigned int)domid);
        console->terminal = terminal_create(name, on_typed, console);
        if (!console->terminal) {
            event_port_close(console->port);
            error = -ENOMEM;
        }
    }
    if (error)
        foreign_frames_unmap(page, 1);
    else
        console->page = page;
    return error;
}

int guest_console_connect(uint32_t domid, const char *name, uint64_t gfn, uint32_t port,
                          void (*rang)(struct guest_console *), struct guest_console **result)
{
    struct guest_console *console = calloc(1, sizeof(*console));

    if (!console)
        return -ENOMEM;
    console->domid = domid;
    int error = attach(console, gfn, port);

    if (error) {
        free(console);
        return error;
    }
    console->out_consumer = console->page->out_cons;
    console->in_producer = console->page->in_prod;
    snprintf(console->name, sizeof(console->name), "%s", name);
    rang_hook = rang;
    *result = console;
    event_port_set_guest_handler(console->port, on_event, console);
    return 0;
}

static void give_up(struct guest_console *console)
{
    console->broken = true;
    printf("consoles: domain %u's console ring makes no sense and is not read any more\n",
           (unsigned int)console->domid);
}

static void drain(struct guest_console *console)
{
    struct xencons_interface *page = console->page;
    char text[sizeof(page->out)];
    uint32_t ready;
    size_t length = 0;

    ready = __atomic_load_n(&page->out_prod, __ATOMIC_ACQUIRE) - console->out_consumer;
    if (ready > sizeof(page->out)) {
        give_up(console);
        return;
    }
    while (length < ready)
        text[length++] = page->out[console->out_consumer++ & (sizeof(page->out) - 1)];
    if (!length)
        return;
    __atomic_store_n(&page->out_cons, console->out_consumer, __ATOMIC_RELEASE);
    event_port_notify(console->port);
    terminal_print(console->terminal, text, length, libc_memory_allows(TERMINAL_KEPT));
    console_log_add(console->name, text, length);
}

/* What there is no room for stays in the terminal: the guest rings when it has read. */
static void type(struct guest_console *console)
{
    struct xencons_interface *page = console->page;
    uint32_t used = console->in_producer - __atomic_load_n(&page->in_cons, __ATOMIC_ACQUIRE);
    char typed[TERMINAL_TYPED];
    size_t count;

    if (used > sizeof(page->in)) {
        give_up(console);
        return;
    }
    count = sizeof(page->in) - used;
    count = terminal_take(console->terminal, typed, count < sizeof(typed) ? count : sizeof(typed));
    if (!count)
        return;
    for (size_t i = 0; i < count; i++)
        page->in[console->in_producer++ & (sizeof(page->in) - 1)] = typed[i];
    __atomic_store_n(&page->in_prod, console->in_producer, __ATOMIC_RELEASE);
    event_port_notify(console->port);
}

void guest_console_serve(struct guest_console *console)
{
    char nobody[TERMINAL_TYPED];

    if (!console->broken) {
        event_port_reopen(console->port); /* what comes from here on rings again */
        drain(console);
    }
    if (!console->broken)
        type(console);
    if (console->broken)
        terminal_take(console->terminal, nobody, sizeof(nobody)); /* nobody will read it */
}

void guest_console_disconnect(struct guest_console *console)
{
    guest_console_serve(console);
    terminal_hang_up(console->terminal);
    event_port_close(console->port);
    foreign_frames_unmap(console->page, 1);
}
