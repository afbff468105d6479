/*
 * The xenstore wire protocol: message header, types and limits, the same on a guest's ring,
 * on the Unix socket and on dom0's own connections.
 *
 * Source: Xen's docs/misc/xenstore.txt.  A message is this header and `len` bytes of payload;
 * the answer carries the request's req_id and tx_id.  Type names and numbers are the
 * protocol's.  The ring that carries messages is hypercall-abi/rings/xenstore.h.
 */
#ifndef DOM0_XENSTORE_WIRE_H
#define DOM0_XENSTORE_WIRE_H

#include <stdint.h>

#include "hypercall-abi/rings/xenstore.h"

/* Beyond the protocol: the longest payload any part of this program handles. */
#define WIRE_MESSAGE_MAX (sizeof(struct xsd_sockmsg) + XENSTORE_PAYLOAD_MAX)

/* The name of an errno value as XS_ERROR carries it ("EINVAL" for one without a name). */
const char *wire_error_name(int error);
/* The errno value for such a name; EIO for a name that is not known. */
int wire_error_number(const char *name);
/* "READ", "WRITE", ...; "UNKNOWN" beyond the protocol. */
const char *wire_type_name(uint32_t type);

#endif
