/*
 * Network backend: joins guests' netfronts to dom0's bridges.
 *
 * It needs no command: it watches backend/vif in the store, where the toolstack writes a node for
 * each guest interface, and takes each through the handshake (connect.c).
 */
#ifndef NET_BACK_NET_BACK_H
#define NET_BACK_NET_BACK_H

/* Starts the watching task; needs xenstore and the bridges.  0 or -errno. */
int net_back_start(void);

#endif
