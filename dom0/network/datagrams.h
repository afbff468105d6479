/*
 * UDP for commands: a socket whose datagrams wait, a few at most, until somebody reads them.
 */
#ifndef NETWORK_DATAGRAMS_H
#define NETWORK_DATAGRAMS_H

#include "network/patience.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lwip/ip_addr.h"

#define DATAGRAM_BYTES_MAX 65507u

struct datagrams;

/* On this port of dom0's, or on any (0).  -EADDRINUSE, -ENOMEM. */
int datagrams_open(uint16_t port, struct datagrams **datagrams);
/* -EMSGSIZE, -EHOSTUNREACH, -ENOMEM. */
int datagrams_send(struct datagrams *datagrams, const ip_addr_t *address, uint16_t port,
                   const void *data, size_t bytes);
bool datagrams_ready(const struct datagrams *datagrams);
struct wait_queue *datagrams_changes(struct datagrams *datagrams);
/* The next one that waits, cut to `size` bytes; -EAGAIN: none does. */
int datagrams_receive(struct datagrams *datagrams, void *data, size_t size, size_t *bytes,
                      ip_addr_t *address, uint16_t *port);
void datagrams_close(struct datagrams *datagrams);

#endif
