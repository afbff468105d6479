/*
 * The handshake: reading and writing the states both ends of a split driver publish.
 * States: hypercall-abi/rings/xenbus.h.
 */
#ifndef HANDSHAKE_XENBUS_H
#define HANDSHAKE_XENBUS_H

#include "hypercall-abi/rings/xenbus.h"
#include "xenstore/client.h"
#include <stdint.h>

/* The state in DIRECTORY/state; XENBUS_UNKNOWN if there is none or it is no number. */
enum xenbus_state handshake_read_state(struct xs_client *client, const char *directory);
/* Publishes a state. */
int handshake_write_state(struct xs_client *client, const char *directory, enum xenbus_state state);
const char *handshake_state_name(enum xenbus_state state);
/* A number below DIRECTORY; -ENOENT, -EINVAL, -ERANGE if it is above `most`. */
int handshake_read_number(struct xs_client *client, const char *directory, const char *node,
                          uint64_t most, uint64_t *value);
/* A malloc'ed string below DIRECTORY, or NULL. */
char *handshake_read_string(struct xs_client *client, const char *directory, const char *node);
/* Writes DIRECTORY/node. */
int handshake_write(struct xs_client *client, const char *directory, const char *node,
                    const char *format, ...) __attribute__((format(printf, 4, 5)));
/* Removes DIRECTORY/node and what is below it; there may be none. */
void handshake_remove(struct xs_client *client, const char *directory, const char *node);

#endif
