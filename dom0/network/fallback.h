/*
 * The fallback: what a packet leaves to whoever sends it on, done here for a port that cannot: a
 * checksum computed, a large TCP segment cut.
 */
#ifndef NETWORK_FALLBACK_H
#define NETWORK_FALLBACK_H

#include "devices/packet.h"

/* The most segments one packet is cut into; 64 KiB in segments as small as any network's. */
#define FALLBACK_SEGMENTS_MAX 128u

/* Is what the offload says possible in this packet?  Who makes packets of hostile values asks. */
bool offload_is_possible(const struct packet *packet);

/*
 * Calls `output` for each whole packet, with its checksums, that the packet becomes.  False: it is
 * dropped, since it is not what its offload says.  The bytes handed out are good until the next
 * batch_copy_now.
 */
bool fallback_each(const struct packet *packet,
                   void (*output)(void *argument, const struct packet *packet), void *argument);

#endif
