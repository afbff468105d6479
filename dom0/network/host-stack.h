/*
 * dom0's own TCP/IP stack (lwIP), a port of a switch like any other (host-port.h).
 *
 * lwIP is called by whichever task has something to do: the one that brought a packet (at its
 * batch's end), the network task for timers, a command for its connection.  Nothing in it sleeps,
 * so they need no locks.  Who called it calls host_stack_flush before it sleeps; the batch's end
 * and the network task have done so.
 */
#ifndef NETWORK_HOST_STACK_H
#define NETWORK_HOST_STACK_H

/* Starts lwIP and the network task: 0 or -ENOMEM. */
int host_stack_start(void);
/* Sends what lwIP has said since on its way. */
void host_stack_flush(void);

#endif
