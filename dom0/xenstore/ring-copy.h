/*
 * Bytes in and out of a guest's xenstore ring, which the guest may fill with anything.
 *
 * Our own two indices are kept privately, so only the guest's two are read from the page,
 * once each; one that runs ahead by more than the ring's size is -EPROTO.
 */
#ifndef DOM0_XENSTORE_RING_COPY_H
#define DOM0_XENSTORE_RING_COPY_H

#include <stddef.h>
#include <stdint.h>

#include "hypercall-abi/rings/xenstore.h"

struct ring_ends {
    struct xenstore_domain_interface *page;
    uint32_t request_consumer;
    uint32_t response_producer;
};

void ring_ends_start(struct ring_ends *ends, struct xenstore_domain_interface *page);
/* Takes up to size bytes; *taken may be 0. */
int ring_take(struct ring_ends *ends, void *buffer, size_t size, size_t *taken);
/* Puts up to size bytes; *put may be 0. */
int ring_put(struct ring_ends *ends, const void *data, size_t size, size_t *put);

#endif
