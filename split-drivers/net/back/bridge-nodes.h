/*
 * Bridges as the toolstack sees them: nodes in the store, and nothing else.
 *
 *   /local/domain/0/bridge/NAME/wanted      toolstack: 1 create it, 0 delete it
 *                              /want-uplink toolstack, before wanted: the NIC to be its uplink
 *                              /state       we: up, or error
 *                              /error       we: why
 *                              /mac         we: dom0's own address there, if it is on it
 *                              /uplink      we: the NIC, or empty
 *                              /look        toolstack: any number; asks for what follows
 *                              /port/N      we: a port's name, packets bytes drops from it and to
 * it, spoofed packets, VLAN, MTU /address/N   we: one address learnt /looked      we: the same
 * number, when that is there
 */
#ifndef NET_BACK_BRIDGE_NODES_H
#define NET_BACK_BRIDGE_NODES_H

/* Starts the task that keeps them; needs xenstore and the bridges.  0 or -errno. */
int bridge_nodes_start(void);

#endif
