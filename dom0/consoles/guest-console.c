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
#include "pv-kernel/foreign-frames.h"

static void on_event(evtchn_port_t port, void *argument);

static void (*rang_hook)(struct guest_console *);

int guest_console_connect(uint32_t domid, const char *name, uint64_t gfn, uint32_t port,
                          void (*rang)(struct guest_console *), struct guest_console **result)
{
    struct guest_console *console = calloc(1, sizeof(*console));
    void *page;

    if (!console)
        return -ENOMEM;
    int error = foreign_frames_map((domid_t)domid, &gfn, 1, true, &page);

    if (error) {
        free(console);
        return error;
    }
    console->domid = domid;
    console->users = 1;
    console->page = page;
    console->out_consumer = console->page->out_cons;
    console->in_producer = console->page->in_prod;
    wait_queue_init(&console->changed);
    error = event_port_bind_interdomain((domid_t)domid, port, &console->port);
    if (error) {
        foreign_frames_unmap(page, 1);
        free(console);
        return error;
    }
    snprintf(console->name, sizeof(console->name), "%s", name);
    rang_hook = rang;
    *result = console;
    event_port_set_guest_handler(console->port, on_event, console);
    return 0;
}

static void on_event(evtchn_port_t port, void *argument)
{
    struct guest_console *console = argument;

    (void)port;
    console->rang = true;
    rang_hook(console);
}

static void keep(struct guest_console *console, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        console->scrollback[console->printed++ % SCROLLBACK_SIZE] = text[i];
    console_log_add(console->name, text, length);
}

bool guest_console_drain(struct guest_console *console)
{
    struct xencons_interface *page = console->page;
    char text[sizeof(page->out)];
    uint32_t ready;
    size_t length = 0;

    console->rang = false;
    if (console->gone || console->broken)
        return false;
    event_port_reopen(console->port); /* what comes from here on rings again */
    ready = __atomic_load_n(&page->out_prod, __ATOMIC_ACQUIRE) - console->out_consumer;
    if (ready > sizeof(page->out)) {
        console->broken = true;
        printf("consoles: domain %u's console ring makes no sense and is not read any more\n",
               (unsigned int)console->domid);
        return false;
    }
    while (length < ready)
        text[length++] = page->out[console->out_consumer++ & (sizeof(page->out) - 1)];
    wait_queue_wake_all(&console->changed); /* also: the guest may have taken input */
    if (!length)
        return false;
    __atomic_store_n(&page->out_cons, console->out_consumer, __ATOMIC_RELEASE);
    event_port_notify(console->port);
    keep(console, text, length);
    return true;
}

size_t guest_console_type(struct guest_console *console, const char *data, size_t length)
{
    struct xencons_interface *page = console->page;
    size_t typed = 0;

    if (console->gone || console->broken)
        return length; /* nobody will read it */
    uint32_t used = console->in_producer - __atomic_load_n(&page->in_cons, __ATOMIC_ACQUIRE);

    if (used > sizeof(page->in)) {
        console->broken = true;
        return length;
    }
    while (typed < length && used++ < sizeof(page->in))
        page->in[console->in_producer++ & (sizeof(page->in) - 1)] = data[typed++];
    __atomic_store_n(&page->in_prod, console->in_producer, __ATOMIC_RELEASE);
    if (typed)
        event_port_notify(console->port);
    return typed;
}

void guest_console_disconnect(struct guest_console *console)
{
    guest_console_drain(console);
    console->gone = true;
    event_port_close(console->port);
    foreign_frames_unmap(console->page, 1);
    console->page = NULL;
    wait_queue_wake_all(&console->changed);
    guest_console_put(console);
}

void guest_console_put(struct guest_console *console)
{
    if (!--console->users)
        free(console);
}
