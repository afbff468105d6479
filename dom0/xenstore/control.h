/*
 * XS_CONTROL: what an administrator may ask the store (xenstore-control, the shell).
 */
#ifndef DOM0_XENSTORE_CONTROL_H
#define DOM0_XENSTORE_CONTROL_H

#include <stddef.h>

struct xenstore;

/* Runs a command and writes its answer as a string.  -EINVAL: no such command. */
int control_run(struct xenstore *store, const char *command, char *answer, size_t size);

#endif
