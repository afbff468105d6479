/*
 * Guest consoles: the service and its sessions.  See consoles.h.
 *
 * Two tasks: one follows the store (which domains have a console), one moves what guests
 * print.  Tasks give way only where they sleep, so the list needs no lock.
 */
#include "consoles/consoles.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consoles/console-log.h"
#include "consoles/guest-console.h"
#include "hypercall-abi/domctl.h"
#include "hypercall-abi/guest-stubs.h"
#include "pv-kernel/clock.h"
#include "tasks/task.h"
#include "xenstore/client.h"

#define TOKEN_NEW  "new"
#define TOKEN_GONE "gone"
#define RETRY_NS   100000000

static struct guest_console *consoles;
static struct wait_queue output = WAIT_QUEUE_INIT;

struct console_session {
    struct guest_console *console;
    uint64_t position;
};

static struct guest_console *console_find(uint32_t domid)
{
    struct guest_console *console = consoles;

    while (console && console->domid != domid)
        console = console->next;
    return console;
}

/* Called in the event handler. */
static void console_rang(struct guest_console *console)
{
    (void)console;
    wait_queue_wake_one(&output);
}

static bool any_rang(void)
{
    for (struct guest_console *at = consoles; at; at = at->next)
        if (at->rang)
            return true;
    return false;
}

/* Each console that rang gets one turn of at most a ring full of text. */
static void move_output(void *argument)
{
    (void)argument;
    for (;;) {
        bool masked = events_mask_save();

        while (!any_rang())
            wait_queue_wait(&output);
        events_mask_restore(masked);
        for (struct guest_console *at = consoles; at; at = at->next)
            if (at->rang)
                guest_console_drain(at);
        task_yield();
    }
}

static int store_number(struct xs_client *store, uint32_t domid, const char *leaf, uint64_t *number)
{
    char path[80];

    snprintf(path, sizeof(path), "/local/domain/%u/console/%s", (unsigned int)domid, leaf);
    return xs_read_number(store, XS_NO_TX, path, number);
}

/* A domain that is new to us: connects its console if it has one. */
static void console_add(struct xs_client *store, uint32_t domid)
{
    struct guest_console *console;
    uint64_t gfn, port;
    char path[64], *name;

    if (store_number(store, domid, "ring-ref", &gfn) || store_number(store, domid, "port", &port))
        return;
    snprintf(path, sizeof(path), "/local/domain/%u/name", (unsigned int)domid);
    if (xs_read(store, XS_NO_TX, path, &name, NULL))
        return;
    int error = guest_console_connect(domid, name, gfn, (uint32_t)port, console_rang, &console);

    if (error) {
        printf("consoles: domain %u (%s): no console: %s\n", (unsigned int)domid, name,
               strerror(-error));
    } else {
        console->next = consoles;
        consoles = console;
    }
    free(name);
}

/* Asks the hypervisor: of many guests' consoles at each guest's end, that is the quickest. */
static bool domain_is_gone(uint32_t domid)
{
    struct xen_domctl control = {
        .cmd = XEN_DOMCTL_getdomaininfo,
        .interface_version = XEN_DOMCTL_INTERFACE_VERSION,
        .domain = (domid_t)domid,
    };

    return hypercall_domctl(HYPERCALL_ARG(&control)) || control.u.getdomaininfo.domain != domid ||
           control.u.getdomaininfo.flags & XEN_DOMINF_dying;
}

static void consoles_drop_gone(void)
{
    struct guest_console **at = &consoles;

    while (*at) {
        struct guest_console *console = *at;

        if (!domain_is_gone(console->domid)) {
            at = &console->next;
            continue;
        }
        *at = console->next;
        guest_console_disconnect(console);
    }
}

/* False: there was no memory to look. */
static bool consoles_add_new(struct xs_client *store)
{
    char **domains;
    size_t count;
    int error = xs_list(store, XS_NO_TX, "/local/domain", &domains, &count);

    if (error)
        return error != -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        uint32_t domid = (uint32_t)strtoul(domains[i], NULL, 10);
        bool introduced = false;

        if (domid && !console_find(domid) && !xs_is_introduced(store, domid, &introduced) &&
            introduced)
            console_add(store, domid);
    }
    free(domains);
    return true;
}

static void follow_store(void *argument)
{
    struct xs_client *store = argument;
    bool looked = true;
    char *path, *token;

    for (;;) {
        int error = xs_wait_watch(store, looked ? -1 : RETRY_NS, &path, &token);
        bool any = error != 0; /* an event, for which there was no memory, or a second look */

        if (error && error != -ETIMEDOUT)
            task_sleep_ns(RETRY_NS);
        if (any || !strcmp(token, TOKEN_GONE))
            consoles_drop_gone();
        if (any || strcmp(token, TOKEN_GONE) != 0)
            looked = consoles_add_new(store);
        if (error)
            continue;
        free(path);
        free(token);
    }
}

int consoles_start(void)
{
    struct xs_client *store = xs_open();
    int error = store ? console_log_start() : -ENOMEM;

    if (!error)
        error = xs_watch(store, "@introduceDomain", TOKEN_NEW);
    if (!error)
        error = xs_watch(store, "@releaseDomain", TOKEN_GONE);
    if (error)
        return error;
    if (!task_spawn("consoles", move_output, NULL, 0) ||
        !task_spawn("console-watch", follow_store, store, 0))
        return -ENOMEM;
    return 0;
}

int console_session_open(uint32_t domid, struct console_session **session)
{
    struct guest_console *console = console_find(domid);

    if (!console)
        return -ESRCH;
    *session = malloc(sizeof(**session));
    if (!*session)
        return -ENOMEM;
    console->users++;
    (*session)->console = console;
    (*session)->position = 0;
    return 0;
}

void console_session_close(struct console_session *session)
{
    guest_console_put(session->console);
    free(session);
}

int console_session_read(struct console_session *session, void *buffer, size_t size, size_t *length,
                         int64_t timeout_ns)
{
    struct guest_console *console = session->console;
    uint64_t deadline = clock_monotonic_ns() + (timeout_ns > 0 ? (uint64_t)timeout_ns : 0);
    char *to = buffer;

    *length = 0;
    while (session->position == console->printed) {
        if (console->gone)
            return 0;
        if (timeout_ns < 0)
            wait_queue_wait(&console->changed);
        else if (clock_monotonic_ns() >= deadline ||
                 wait_queue_wait_until(&console->changed, deadline))
            if (session->position == console->printed)
                return console->gone ? 0 : -ETIMEDOUT;
    }
    if (console->printed - session->position > SCROLLBACK_SIZE)
        session->position = console->printed - SCROLLBACK_SIZE;
    while (*length < size && session->position < console->printed)
        to[(*length)++] = console->scrollback[session->position++ % SCROLLBACK_SIZE];
    return 0;
}

int console_session_write(struct console_session *session, const void *data, size_t length,
                          size_t *written)
{
    struct guest_console *console = session->console;

    *written = guest_console_type(console, data, length);
    return console->gone ? -EPIPE : 0;
}
