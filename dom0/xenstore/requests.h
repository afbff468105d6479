/*
 * Requests: from a whole message to the call that does it.
 */
#ifndef DOM0_XENSTORE_REQUESTS_H
#define DOM0_XENSTORE_REQUESTS_H

struct connection;

/* Handles the message in the connection's input buffer and queues the answer. */
void request_handle(struct connection *connection);

#endif
