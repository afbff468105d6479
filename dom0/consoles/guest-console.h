/*
 * One guest's console: its ring, its scrollback, its log.
 *
 * Positions count every byte the guest ever printed, so a session's place stays right when the
 * scrollback wraps.  The structure lives until the guest is gone and the last session has let
 * go of it.
 */
#ifndef DOM0_CONSOLES_GUEST_CONSOLE_H
#define DOM0_CONSOLES_GUEST_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hypercall-abi/rings/console.h"
#include "pv-kernel/event-ports.h"
#include "tasks/wait-queue.h"

#define SCROLLBACK_SIZE (64u << 10)

struct guest_console {
    struct guest_console *next;
    uint32_t domid;
    unsigned int users; /* sessions, and the service while the guest lives */
    bool gone;
    bool broken;        /* the guest's indices make no sense: not read any more */
    volatile bool rang; /* set in the event handler */
    struct xencons_interface *page;
    evtchn_port_t port;
    uint32_t out_consumer, in_producer; /* our own indices, kept away from the guest */
    uint64_t printed;                   /* position of the next byte */
    struct wait_queue changed;          /* new output, room for input, or the end */
    char name[64];                      /* whose log it goes to */
    char scrollback[SCROLLBACK_SIZE];
};

/* Maps the ring and binds the port.  0 or -errno. */
int guest_console_connect(uint32_t domid, const char *name, uint64_t gfn, uint32_t port,
                          void (*rang)(struct guest_console *), struct guest_console **console);
/* Takes what the guest printed; true: there was something. */
bool guest_console_drain(struct guest_console *console);
/* Types up to length bytes into its ring; how many went in. */
size_t guest_console_type(struct guest_console *console, const char *data, size_t length);
/* The guest is gone: lets go of its page and port, keeps the text. */
void guest_console_disconnect(struct guest_console *console);
/* Drops a user; the last one frees it. */
void guest_console_put(struct guest_console *console);

#endif
