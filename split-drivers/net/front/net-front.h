/*
 * Network frontend: a guest's interfaces, each a network device (devices/net-device.h), so bridges
 * and the TCP/IP stack run on it as they do on a card.
 *
 * It needs no command: it watches device/vif in the store, where the toolstack writes a node for
 * each interface, and takes each through the conversation (connect.c).  An interface that goes has
 * no link; if it comes back with all its backend could do before, it has one again.
 *
 * On the command line: netfront=WORD,WORD ...  Words that keep back what a backend offers:
 *
 *     no-sg no-tso no-checksum no-checksum6 no-split queues=N (1 to 4, which is how many there are)
 */
#ifndef NET_FRONT_NET_FRONT_H
#define NET_FRONT_NET_FRONT_H

/*
 * Starts the watching task, and waits until the interfaces that are there now are devices with a
 * link, or their backends have not answered for ten seconds.  -ENODEV: there is no store; -ENOMEM.
 */
int net_front_start(const char *command_line);

#endif
