/*
 * dom0 itself on the network: its stack, on xenbr0, with an address.
 */
#ifndef NETWORK_HOST_H
#define NETWORK_HOST_H

/* After the bridges; waits for nothing.  The command line: host-address.h.  0 or -errno. */
int host_start(const char *command_line);

#endif
