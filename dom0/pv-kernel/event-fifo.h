/*
 * Event channels in FIFO format, for event-ports.c: the guest's end of hypercall-abi/events.h.
 * All functions are called with events masked or about ports of the caller alone.
 */
#ifndef PV_KERNEL_EVENT_FIFO_H
#define PV_KERNEL_EVENT_FIFO_H

#include "hypercall-abi/events.h"
#include <stdbool.h>

/* Asks for the format; false: the hypervisor does not have it, and nothing has changed. */
bool event_fifo_start(void);
/* There is a word for the port, masked if it is new; -ENOMEM, -ENOSPC. */
int event_fifo_reach(evtchn_port_t port);

void event_fifo_mask(evtchn_port_t port);
/* Unmasks the port unless something is pending; then it stays as it is, and the answer is false. */
bool event_fifo_open(evtchn_port_t port);
void event_fifo_clear(evtchn_port_t port);
/* Hands each port that is ready, pending and not masked to `deliver`. */
void event_fifo_upcall(void (*deliver)(evtchn_port_t port));

#endif
