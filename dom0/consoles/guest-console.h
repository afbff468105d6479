/*
 * One guest's console: its ring, its terminal, its log.
 */
#ifndef DOM0_CONSOLES_GUEST_CONSOLE_H
#define DOM0_CONSOLES_GUEST_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hypercall-abi/rings/console.h"
#include "pv-kernel/event-ports.h"
#include "tasks/ready-queue.h"

#define GUEST_TERMINAL "guest-%u" /* a terminal's name, by domain */

struct terminal;

struct guest_console {
    struct ready_entry ready;
    struct guest_console *next; /* both: the service's */
    uint32_t domid;
    bool broken; /* the guest's indices make no sense: not read any more */
    struct xencons_interface *page;
    evtchn_port_t port;
    uint32_t out_consumer, in_producer; /* our own indices, kept away from the guest */
    struct terminal *terminal;
    char name[64]; /* whose log it goes to */
};

/* Maps the ring, binds the port; `rang` is called in the event handler, and when somebody types.  0
 * or -errno. */
int guest_console_connect(uint32_t domid, const char *name, uint64_t gfn, uint32_t port,
                          void (*rang)(struct guest_console *), struct guest_console **console);
/* Takes what the guest printed, and gives it what was typed. */
void guest_console_serve(struct guest_console *console);
/* The guest is gone: takes what it printed at last, and lets go of it.  It rings no more then, and
 * is to be freed. */
void guest_console_disconnect(struct guest_console *console);

#endif
