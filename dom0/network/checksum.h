/*
 * The Internet checksum (RFC 1071).
 */
#ifndef NETWORK_CHECKSUM_H
#define NETWORK_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/* Adds the bytes, of which all but the last such part's are an even number, to a running sum. */
uint32_t checksum_add(uint32_t sum, const void *bytes, size_t count);
/* What goes into the packet, as its two bytes in order. */
uint16_t checksum_end(uint32_t sum);

#endif
