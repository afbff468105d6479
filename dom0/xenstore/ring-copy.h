/*
 * Bytes in and out of a xenstore ring, which the other end may fill with anything: the store's end
 * of a guest's, or a guest's of its own.
 *
 * Our own two indices are kept privately, so only the other end's two are read from the page,
 * once each; one that runs ahead by more than the ring's size is -EPROTO.
 */
#ifndef DOM0_XENSTORE_RING_COPY_H
#define DOM0_XENSTORE_RING_COPY_H

#include <stddef.h>
#include <stdint.h>

#include "hypercall-abi/rings/xenstore.h"

/* One direction: bytes from `producer` back to `consumer` are there. */
struct ring_way {
    char *bytes;
    uint32_t *producer, *consumer;
    uint32_t own; /* the one of the two that is ours */
};

struct ring_ends {
    struct xenstore_domain_interface *page;
    struct ring_way in, out;
};

/* The store's end: requests come in. */
void ring_ends_start(struct ring_ends *ends, struct xenstore_domain_interface *page);
/* The guest's: responses and events do.  What was not read before is dropped. */
void ring_ends_start_guest(struct ring_ends *ends, struct xenstore_domain_interface *page);
/* Takes up to size bytes; *taken may be 0. */
int ring_take(struct ring_ends *ends, void *buffer, size_t size, size_t *taken);
/* Puts up to size bytes; *put may be 0. */
int ring_put(struct ring_ends *ends, const void *data, size_t size, size_t *put);

#endif
