/*
 * Guest consoles: the service.  See consoles.h.
 *
 * Two tasks: one follows the store (which domains have a console), one moves what guests print and
 * what is typed for them.  Tasks give way only where they sleep, so the list needs no lock.
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
#include "tasks/ready-queue.h"
#include "tasks/task.h"
#include "tasks/terminal.h"
#include "tasks/wait-queue.h"
#include "xenstore/client.h"

#define TOKEN_NEW  "new"
#define TOKEN_GONE "gone"
#define RETRY_NS   100000000

#define BUCKETS 256u

static struct guest_console *consoles[BUCKETS]; /* by domain */

static struct ready_queue ready = READY_QUEUE_INIT(ready); /* those with something to move */
static struct wait_queue work = WAIT_QUEUE_INIT;

static struct guest_console **console_place(uint32_t domid)
{
    struct guest_console **at = &consoles[domid % BUCKETS];

    while (*at && (*at)->domid != domid)
        at = &(*at)->next;
    return at;
}

/* Its guest printed, or somebody typed for it. */
static void console_rang(struct guest_console *console)
{
    ready_queue_add(&ready, &console->ready);
    wait_queue_wake_one(&work);
}

static struct guest_console *ready_wait(void)
{
    bool masked = events_mask_save();
    struct ready_entry *entry;

    while (!(entry = ready_queue_take(&ready)))
        wait_queue_wait(&work);
    events_mask_restore(masked);
    return (struct guest_console *)entry;
}

/* Each console gets one turn of at most a ring full of text. */
static void move_text(void *argument)
{
    (void)argument;
    for (;;) {
        guest_console_serve(ready_wait());
        task_yield();
    }
}

static int store_number(struct xs_client *store, uint32_t domid, const char *leaf, uint64_t *number)
{
    char path[80];

    snprintf(path, sizeof(path), "/local/domain/%u/console/%s", (unsigned int)domid, leaf);
    return xs_read_number(store, XS_NO_TX, path, number);
}

/* Says where its terminal is, in one transaction: nothing is left behind for a domain that has
 * gone. */
static int terminal_announce(struct xs_client *store, uint32_t domid)
{
    char ring[64], tty[64], *there;
    uint32_t tx;
    int error;

    snprintf(ring, sizeof(ring), "/local/domain/%u/console/ring-ref", (unsigned int)domid);
    snprintf(tty, sizeof(tty), "/local/domain/%u/console/tty", (unsigned int)domid);
    do {
        error = xs_transaction_start(store, &tx);
        if (error)
            return error;
        error = xs_read(store, tx, ring, &there, NULL);
        if (!error) {
            free(there);
            error = xs_printf(store, tx, tty, GUEST_TERMINAL, (unsigned int)domid);
        }
        if (error) {
            xs_transaction_end(store, tx, true);
            return error;
        }
        error = xs_transaction_end(store, tx, false);
    } while (error == -EAGAIN);
    return error;
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

static void console_drop(struct guest_console *console)
{
    guest_console_disconnect(console); /* from here on it does not ring */
    ready_queue_remove(&ready, &console->ready);
    free(console);
}

static int console_connect(struct xs_client *store, uint32_t domid, const char *name, uint64_t gfn,
                           uint32_t port)
{
    struct guest_console *console;
    int error = guest_console_connect(domid, name, gfn, port, console_rang, &console);

    if (error)
        return error;
    error = terminal_announce(store, domid);
    if (error)
        console_drop(console);
    else
        *console_place(domid) = console;
    return error;
}

/* A domain that is new to us: connects its console if it has one.  False: there was no memory to.
 */
static bool console_add(struct xs_client *store, uint32_t domid)
{
    uint64_t gfn, port;
    char path[64], *name;
    int error;

    if (store_number(store, domid, "ring-ref", &gfn) || store_number(store, domid, "port", &port))
        return true;
    snprintf(path, sizeof(path), "/local/domain/%u/name", (unsigned int)domid);
    error = xs_read(store, XS_NO_TX, path, &name, NULL);
    if (error)
        return error != -ENOMEM;
    error = console_connect(store, domid, name, gfn, (uint32_t)port);
    if (error && error != -ENOMEM && !domain_is_gone(domid))
        printf("consoles: domain %u (%s): no console: %s\n", (unsigned int)domid, name,
               strerror(-error));
    free(name);
    return error != -ENOMEM;
}

static void console_check(struct guest_console **place)
{
    struct guest_console *console = *place;

    if (!console || !domain_is_gone(console->domid))
        return;
    *place = console->next;
    console_drop(console);
}

static void consoles_drop_gone(void)
{
    for (size_t i = 0; i < BUCKETS; i++)
        for (struct guest_console **at = &consoles[i], *before; (before = *at);) {
            console_check(at);
            if (*at == before)
                at = &before->next;
        }
}

/* False: there was no memory for all of it. */
static bool console_look(struct xs_client *store, uint32_t domid)
{
    bool introduced = false;

    if (!domid || *console_place(domid) || xs_is_introduced(store, domid, &introduced) ||
        !introduced)
        return true;
    return console_add(store, domid);
}

/* False likewise. */
static bool consoles_add_new(struct xs_client *store)
{
    char **domains;
    size_t count;
    bool done = true;
    int error = xs_list(store, XS_NO_TX, "/local/domain", &domains, &count);

    if (error)
        return error != -ENOMEM;
    for (size_t i = 0; i < count; i++)
        done = console_look(store, (uint32_t)strtoul(domains[i], NULL, 10)) && done;
    free(domains);
    return done;
}

/* all: whomever it is about.  False: there was no memory for all of it. */
static bool follow_event(struct xs_client *store, const char *path, const char *token, bool all)
{
    uint32_t domid;
    bool one = !all && xs_event_domain(path, &domid);

    if (!strcmp(token, TOKEN_NEW))
        return one ? console_look(store, domid) : consoles_add_new(store);
    if (one)
        console_check(console_place(domid));
    else
        consoles_drop_gone();
    return !all || consoles_add_new(store);
}

static void follow_store(void *argument)
{
    struct xs_client *store = argument;
    bool looked = true;
    char *path, *token;

    for (;;) {
        int error = xs_wait_watch(store, looked ? -1 : RETRY_NS, &path, &token);

        if (error) { /* an event, for which there was no memory, or a second look */
            if (error != -ETIMEDOUT)
                task_sleep_ns(RETRY_NS);
            consoles_drop_gone();
            looked = consoles_add_new(store);
            continue;
        }
        looked = follow_event(store, path, token, !looked);
        free(path);
        free(token);
    }
}

int consoles_start(void)
{
    struct xs_client *store = xs_open();
    int error = store ? console_log_start() : -ENOMEM;

    if (!error)
        error = xs_watch_domains(store, "@introduceDomain", TOKEN_NEW);
    if (!error)
        error = xs_watch_domains(store, "@releaseDomain", TOKEN_GONE);
    if (error)
        return error;
    if (!task_spawn("consoles", move_text, NULL, 0) ||
        !task_spawn("console-watch", follow_store, store, 0))
        return -ENOMEM;
    return 0;
}
