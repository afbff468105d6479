/*
 * A guest that comes back: while one that has ended is being started again, a node in dom0's folder
 * of the store says so, and under which name it will be found.  Who supervises it writes the node
 * before the guest goes; who sat at its console finds it after the guest has gone, and waits.
 *
 *     /local/domain/0/restarting-UUID = NAME
 */
#ifndef TOOLS_VMCTL_DOMAIN_COMEBACK_H
#define TOOLS_VMCTL_DOMAIN_COMEBACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct xs_client;

void comeback_begin(struct xs_client *store, const uint8_t uuid[16], const char *name);
/* It is there again, or will not be. */
void comeback_end(struct xs_client *store, const uint8_t uuid[16]);
/* Is it on its way?  If so, its name. */
bool comeback_expected(struct xs_client *store, const uint8_t uuid[16], char *name, size_t size);

#endif
